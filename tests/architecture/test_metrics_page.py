"""The page of metrics is the table in the code."""

from __future__ import annotations

from tests.architecture.sources import ROOT
from trading.metrics import DEFINITIONS, VERSION


def test_the_metrics_page_lists_every_metric_with_its_formula() -> None:
    page = (ROOT / "docs" / "reference" / "metrics.md").read_text()

    assert f"Version {VERSION}." in page
    for definition in DEFINITIONS.values():
        formula = definition.formula.replace("|", r"\|")
        row = f"| `{definition.name}` | {definition.title} | {definition.unit} | {formula} |"
        assert row in page
