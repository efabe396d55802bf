"""The advisor without a model: small steps out of metrics and slippage, or nothing."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from approvals.advisor import gate, rules
from approvals.advisor.gate import Ground
from approvals.advisor.rules import Seen
from strategies import registry

WELL = {
    "max_drawdown": 0.05,
    "win_rate": 0.55,
    "trades": 40.0,
    "fees": 10.0,
    "slippage": 2.0,
    "expectancy": 5.0,
}
NAMES = [name for name in registry.STRATEGIES if name != "buy_and_hold"]


def seen(strategy: str = "trend_ema", *, fill_bps: float | None = None, **metrics: float) -> Seen:
    code = registry.get(strategy)
    bounds = gate.bounds_of(code.schema(), code.validated({"stop_loss": 0.1}).model_dump())
    return Seen({**WELL, **metrics}, bounds, fill_bps, 3.0)


def first(look: Seen) -> dict[str, float]:
    return dict(rules.ideas(look)[0].params)


def test_nothing_is_changed_when_nothing_is_wrong() -> None:
    assert rules.ideas(seen()) == []


def test_fills_that_cost_twice_what_is_assumed_call_for_fewer_trades() -> None:
    assert rules.ideas(seen(fill_bps=5.9)) == []
    assert first(seen(fill_bps=6.1)) == {"fast": 15, "slow": 32}


def test_costs_that_eat_the_gains_call_for_fewer_trades() -> None:
    assert first(seen(fees=200.0)) == {"fast": 15, "slow": 32}


def test_many_losing_trades_call_for_slower_averages() -> None:
    assert first(seen(win_rate=0.3)) == {"fast": 15, "slow": 32}
    assert rules.ideas(seen(win_rate=0.3, trades=9.0, expectancy=90.0))[0].params != {
        "fast": 15,
        "slow": 32,
    }


def test_a_deep_drawdown_calls_for_a_closer_stop_within_a_fifth() -> None:
    assert first(seen(max_drawdown=0.3)) == {"stop_loss": 0.08}


def test_too_few_trades_call_for_faster_settings() -> None:
    assert first(seen(trades=3.0, expectancy=50.0)) == {"fast": 9, "slow": 20}


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("wrong", [{"win_rate": 0.1}, {"max_drawdown": 0.6}, {"trades": 1.0}])
def test_each_idea_passes_the_gate_of_models(name: str, wrong: dict[str, float]) -> None:
    look = seen(name, **wrong)
    where = Ground(1, look.bounds, (), datetime(2026, 1, 1, tzinfo=UTC), lambda changed: "")

    for idea in rules.ideas(look):
        told = rules.answer(idea, base_version=1, bounds=look.bounds)
        assert gate.check(json.dumps(told).encode(), where).deltas


def test_no_idea_comes_twice() -> None:
    found = [idea.params for idea in rules.ideas(seen(win_rate=0.1, fees=900.0, fill_bps=50.0))]

    assert len(found) == len({str(each) for each in found}) > 3
