"""Reports that no simulation names go away, but never young ones."""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from config import clock
from marketdata import datasets
from tests.trading.simulating import finished
from trading import artifacts, queries, services
from trading.models import Job

pytestmark = pytest.mark.django_db

CONTENT = b"a report"
LOST = "ab" * 32


@pytest.fixture(autouse=True)
def own_artifacts(tmp_path: Path, settings: Any) -> None:
    settings.STATE_DIR = tmp_path


def aged(path: Path, **age: float) -> Path:
    at = (clock.now() - timedelta(**age)).timestamp()
    os.utime(path, (at, at))
    return path


def prune() -> int:
    return services.prune_artifacts(now=clock.now())


def test_a_report_stays_as_long_as_its_simulation() -> None:
    row = finished()
    path = aged(artifacts.path_of(artifacts.SIMULATIONS, row.report_hash), days=400)

    assert prune() == 0
    assert queries.report_bytes(row)

    row.delete()
    assert prune() == 1
    assert not path.exists()
    assert Job.objects.filter(pk=row.job_id).exists()


def test_a_report_whose_row_never_came_goes_after_a_day() -> None:
    path = artifacts.keep(artifacts.SIMULATIONS, LOST, CONTENT)

    aged(path, hours=23)
    assert prune() == 0
    aged(path, hours=25)
    assert prune() == 1
    assert not path.exists()


def test_a_report_that_is_made_again_is_young_again() -> None:
    aged(artifacts.keep(artifacts.SIMULATIONS, LOST, CONTENT), days=3)

    artifacts.keep(artifacts.SIMULATIONS, LOST, CONTENT)

    assert prune() == 0


def test_halves_of_killed_workers_go_after_a_day() -> None:
    report = artifacts.keep(artifacts.SIMULATIONS, LOST, CONTENT)
    datasets.folder().mkdir(parents=True)
    halves = [report.parent / "tmp1", datasets.folder() / "tmp2.part"]
    young = datasets.folder() / "tmp3.part"
    whole = datasets.folder() / "whole.arrow"
    for path in (*halves, young, whole):
        path.write_bytes(b"half")
    for path in (*halves, whole):
        aged(path, days=2)

    assert prune() == 2
    assert not any(path.exists() for path in halves)
    assert young.exists()
    assert whole.exists()


def test_without_a_file_there_is_nothing_to_do() -> None:
    assert prune() == 0
