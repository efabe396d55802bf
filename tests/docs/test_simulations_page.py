"""docs/reference/simulations.md names whatever a report and a certificate hold."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from tests.architecture.sources import ROOT
from tests.trading.simulating import finished
from trading import exports, queries

PAGE = ROOT / "docs" / "reference" / "simulations.md"


@pytest.mark.django_db
def test_every_field_of_a_report_is_on_the_page(tmp_path: Path, settings: Any) -> None:
    settings.STATE_DIR = tmp_path
    row = finished()
    report = queries.report_of(row)
    side = report["candidate"]
    fields = {*report, *side, *side["counts"], *side["metrics"], *side["metrics"]["whole"][0]}
    fields |= {*report["evidence"], *report["evidence"]["bands_of_trades"]}
    fields |= {*report["verdict"], *report["verdict"]["reasons"][0], *row.certificate}

    assert fields - _named() == set()


def test_every_export_is_on_the_page() -> None:
    assert set(exports.KINDS) - _named() == set()


def _named() -> set[str]:
    return set(re.findall(r"`([a-z_.]+)`", PAGE.read_text()))
