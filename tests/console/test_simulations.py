"""Simulations on pages: the list, a new one, the tear sheet, its files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from tests.console.pages import body, text_of
from tests.scenarios.replays import NOW
from tests.trading.simulating import finished, start
from trading import services
from trading.models import Simulation
from trading.pictures import bars, curves
from trading.simulation_pages import month_rows, shade


@pytest.fixture(autouse=True)
def own_artifacts(tmp_path: Path, settings: Any) -> None:
    settings.STATE_DIR = tmp_path


def test_the_list_says_what_a_simulation_is_for_while_there_is_none(operator: Client) -> None:
    assert "No simulation here yet" in text_of(operator.get("/simulations/"))


def test_the_list_shows_verdicts_and_what_still_runs(viewer: Client) -> None:
    done, running = finished(), start(params={"fast": 9, "slow": 22})

    words = text_of(viewer.get("/simulations/"))

    assert f"{done.version.strategy.title} v2" in words
    assert done.get_verdict_display().capitalize() in words
    assert "0 %" in words
    assert running.job.status == "QUEUED"
    assert "No simulation" in text_of(viewer.get("/simulations/?strategy=sma_cross"))


def test_the_tear_sheet_shows_checks_metrics_trades_and_what_it_rests_on(viewer: Client) -> None:
    row = finished()

    response = viewer.get(f"/simulations/{row.pk}/")

    words = text_of(response)
    for part in ("Deflated Sharpe ratio", "Walk forward", "Neighbours", "Buy and hold", "Months"):
        assert part in words
    assert f"python manage.py reproduce {row.pk}" in words
    assert row.report_hash in body(response)
    assert "<polyline" in body(response)
    assert "style=" not in body(response).split("<main", 1)[1]


def test_a_running_one_shows_its_progress_and_then_reads_itself_again(viewer: Client) -> None:
    row = start()

    page = body(viewer.get(f"/simulations/{row.pk}/"))

    assert f'job-id="{row.job_id}"' in page
    assert "every 3s" in page


def test_a_failed_one_says_why(viewer: Client) -> None:
    row = start(from_ms=1_000_000_000_000, to_ms=1_000_100_000_000)
    services.run_job(job_id=row.job_id, now=NOW)

    assert "0 candles are stored" in text_of(viewer.get(f"/simulations/{row.pk}/"))


def test_an_operator_starts_one_from_the_form(operator: Client) -> None:
    known = start()
    form = operator.get("/simulations/new/?strategy=trend_ema_fast").context["new"]
    data: dict[str, Any] = {
        f"params-{name}": field.initial if field.initial is not None else ""
        for name, field in form.params.fields.items()
    }
    data |= {f"params-{name}": value for name, value in form.params.initial.items()}
    data |= {
        "strategy": "trend_ema_fast",
        "params-fast": 7,
        "symbols": [form.plan.fields["symbols"].queryset.get().pk],
        "timeframe": "5m",
        "start": "2024-03-01T00:00",
        "end": "2024-03-06T00:00",
        "starting_cash": "5000",
        "oos_share": "40",
        "fill_at": "same_close",
        "start_run": "1",
    }

    refused = operator.post("/simulations/new/", {**data, "end": "2024-02-01T00:00"})
    made = operator.post("/simulations/new/", data)

    assert refused.status_code == 422
    assert "The end must come after the start." in text_of(refused)
    row = Simulation.objects.exclude(pk=known.pk).get()
    assert made.headers["Location"] == f"/simulations/{row.pk}/"
    assert (row.version.params["fast"], row.oos_share, row.fill_at) == (7, 0.4, "same_close")
    assert row.starting_cash == 5000


def test_another_strategy_asks_for_its_own_parameters(operator: Client) -> None:
    start()

    assert "Slow EMA" in text_of(operator.get("/simulations/new/?strategy=trend_ema"))
    assert "Slow EMA" not in text_of(operator.get("/simulations/new/?strategy=buy_and_hold"))


def test_the_file_opens_without_the_console(viewer: Client) -> None:
    row = finished()

    file = viewer.get(f"/simulations/{row.pk}/export.html")

    assert "attachment" in file.headers["Content-Disposition"]
    assert "Deflated Sharpe ratio" in text_of(file)
    assert "<link" not in body(file)


def test_months_are_coloured_by_size_and_years_compounded() -> None:
    rows = month_rows([[2023, 12, 0.1], [2024, 1, 0.1], [2024, 2, -0.1]])

    assert [row["year"] for row in rows] == [2024, 2023]
    assert rows[0]["total"] == pytest.approx(1.1 * 0.9 - 1)
    assert [shade(value) for value in (0.01, 0.03, 0.2, -0.06, None, 0.0)] == [
        "up-1",
        "up-2",
        "up-4",
        "down-3",
        "",
        "",
    ]


def test_pictures_of_nothing_are_none_and_of_something_fill_their_frame() -> None:
    assert curves([("a", "A", [])]) is None
    assert bars([], []) == []
    picture = curves([("a", "A", [(10, 1.0), (20, 3.0)])], split_ms=15)
    assert picture is not None
    assert picture.lines[0].points == "0.0,260.0 960.0,0.0"
    assert (picture.split, picture.outside) == (480.0, 480.0)
    assert [bar.loss for bar in bars([-1.0, 0.0, 1.0], [1, 2])] == [True, False]
