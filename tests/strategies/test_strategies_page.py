"""The reference page of strategies says what the code does."""

from __future__ import annotations

from pathlib import Path

import pytest

from strategies import registry
from strategies.models import StrategyVersion
from strategies.protocol import Params

PAGE = (Path(__file__).parents[2] / "docs/reference/strategies.md").read_text()


@pytest.mark.parametrize("name", registry.STRATEGIES)
def test_the_page_has_warm_up_defaults_and_bounds_of_each_strategy(name: str) -> None:
    strategy = registry.get(name)
    warmup = strategy.warmup(strategy.validated({}))
    section = PAGE.split(f"### `{name}`: {strategy.title} ({warmup} bar")[1].split("###")[0]
    exits = PAGE.split("### Protective exits")[1]

    for key, field in strategy.schema()["properties"].items():
        row = f"`{key}` | {field['default']} | {field['minimum']}-{field['maximum']}"
        assert f"| {row} | {field['unit']} |" in (exits if key in Params.model_fields else section)


@pytest.mark.parametrize("state", StrategyVersion.State.values)
def test_the_page_names_each_state_of_a_version(state: str) -> None:
    assert f"`{state}`" in PAGE
