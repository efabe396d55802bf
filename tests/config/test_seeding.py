"""The demo: a simulation that was really run, without making anybody wait for it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from config import seeding
from trading import queries, services
from trading.models import Job, Simulation

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 3, 4, 12, 0, 30, tzinfo=UTC)


@pytest.fixture(autouse=True)
def small_demo(tmp_path: Path, settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.STATE_DIR = tmp_path
    monkeypatch.setattr(seeding, "DEMO_RANGE", timedelta(days=40))
    monkeypatch.setattr(seeding, "DEMO_BOTS", {"buy_and_hold": ("BTC/USDT",)})


def seed() -> None:
    seeding.seed(now=NOW, say=lambda line: None)


def tick(seconds: int) -> services.Hints:
    return services.tick(process="beat", now=NOW + timedelta(seconds=seconds))


def test_the_demo_simulation_waits_for_its_candles_and_ends_with_a_verdict() -> None:
    seed()
    row = Simulation.objects.get()
    history = Job.objects.get(task="market.backfill")

    early = tick(2)
    assert (early.jobs, early.simulations) == ([history.pk], ())
    while services.run_job(job_id=history.pk, now=NOW):
        pass
    assert tick(4).simulations == (row.job_id,)
    services.run_job(job_id=row.job_id, now=NOW)

    row = queries.simulation(row.pk)
    assert row.job.status == Job.Status.DONE
    assert row.verdict in Simulation.Verdict.values
    assert row.baseline is not None
    assert row.version.params["period"] == seeding.DEMO_CANDIDATE["period"]


def test_a_second_start_seeds_no_second_simulation() -> None:
    seed()
    seed()

    assert Simulation.objects.count() == 1
    assert Job.objects.filter(task="market.backfill").count() == 1


def test_without_the_demo_nothing_is_simulated(settings: Any) -> None:
    settings.ENV = settings.ENV.model_copy(update={"seed_demo": False})

    seed()

    assert not Simulation.objects.exists()
