"""The reference page of indicators says what the code does."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from marketdata import indicators
from tests.marketdata.bars import random_walk

PAGE = (Path(__file__).parents[2] / "docs/reference/indicators.md").read_text()


@pytest.mark.parametrize("name", indicators.INDICATORS)
def test_the_page_has_lines_bounds_first_bar_and_memory_of_each_indicator(name: str) -> None:
    definition = indicators.definition_of(name)
    fields = definition.params_model.model_json_schema().get("properties", {}).items()
    bounds = [f"{key} {f['default']} ({f['minimum']}-{f['maximum']})" for key, f in fields]
    values = np.array(list(indicators.compute(name, {}, random_walk(60)).values()))
    first = int(np.flatnonzero(np.isfinite(values).all(axis=0))[0]) + 1

    assert (
        f"| `{name}` | {', '.join(definition.lines)} | {', '.join(bounds) or 'none'} "
        f"| {first} | {indicators.settle_bars(name, {})} | {definition.pane} |"
    ) in PAGE
