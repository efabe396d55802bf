"""Simulations over HTTP."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest

from tests.api.factories import Api
from tests.scenarios.replays import NOW, WILD, imported
from trading import services
from trading.models import Simulation


@pytest.fixture(autouse=True)
def own_artifacts(tmp_path: Path, settings: Any) -> None:
    settings.STATE_DIR = tmp_path


def asked(**changes: Any) -> dict[str, Any]:
    symbol, timeframe, stored = imported(WILD)
    return {
        "params": {"fast": 8, "slow": 21},
        "symbols": [str(symbol)],
        "timeframe": timeframe,
        "from": stored.from_ms + 2 * 86_400_000,
        "to": stored.to_ms,
        **changes,
    }


def test_a_simulation_is_a_job_and_then_a_report(operator: Api) -> None:
    made = operator.post("strategies/trend_ema_fast/simulate", asked())
    row = made.json()
    assert (made.status_code, row["status"], row["verdict"]) == (202, "queued", None)
    assert operator.get(f"simulations/{row['id']}").json()["report"] is None

    services.run_job(job_id=row["job"]["id"], now=NOW)

    done = operator.get(f"simulations/{row['id']}").json()
    assert done["status"] == "done"
    assert done["verdict"] == done["report"]["verdict"]["colour"].lower()
    assert (done["version"], done["baseline"]) == (2, 1)
    listed = operator.get("simulations?strategy=trend_ema_fast").json()["results"]
    assert [one["id"] for one in listed] == [row["id"]]
    assert operator.get("simulations?strategy=sma_cross").json()["results"] == []


def test_files_are_the_report_and_its_tables(operator: Api) -> None:
    row = operator.post("strategies/trend_ema_fast/simulate", asked()).json()
    early = operator.get(f"simulations/{row['id']}/export.json")
    assert (early.status_code, early.json()["code"]) == (409, "SIMULATION_UNFINISHED")
    services.run_job(job_id=row["job"]["id"], now=NOW)

    files = {
        kind: operator.get(f"simulations/{row['id']}/export.{kind}")
        for kind in ("json", "html", "trades.csv", "fills.csv", "equity.csv")
    }

    stored = Simulation.objects.get(pk=row["id"])
    assert hashlib.sha256(files["json"].content).hexdigest() == stored.report_hash
    page = files["html"].content.decode()
    assert "<script" not in page
    assert "http" not in page.replace("http://www.w3.org", "")
    report = operator.get(f"simulations/{row['id']}").json()["report"]
    fills = files["fills.csv"].content.decode().splitlines()
    assert len(fills) == 1 + len(report["candidate"]["fills"])
    assert operator.get(f"simulations/{row['id']}/export.exe").status_code == 404


@pytest.mark.parametrize(
    ("changes", "status", "field"),
    [
        ({"symbols": []}, 400, "symbols"),
        ({"timeframe": "7m"}, 400, ""),
        ({"symbols": ["NO/NE"]}, 404, ""),
        ({"params": {"fast": 0}}, 422, "fast"),
        ({"version": 1}, 400, "params"),
        ({"oos_share": 2}, 400, "oos_share"),
        ({"to": 5}, 422, "to"),
        ({"odd": 1}, 400, "odd"),
    ],
)
def test_a_wrong_request_names_what_is_wrong(
    operator: Api, changes: dict[str, Any], status: int, field: str
) -> None:
    answer = operator.post("strategies/trend_ema_fast/simulate", asked(**changes))

    assert answer.status_code == status, answer.json()
    assert not field or field in answer.json()["fields"]
    assert not Simulation.objects.exists()


def test_a_viewer_reads_but_starts_nothing(viewer: Api) -> None:
    assert viewer.post("strategies/trend_ema_fast/simulate", asked()).status_code == 403
    assert viewer.get("simulations").json()["results"] == []
    assert viewer.get("simulations/77").status_code == 404
