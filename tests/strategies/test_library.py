"""Every registered strategy: bounds, memory, no view of the future, and what it does."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marketdata.bars import Floats
from marketdata.indicators import Spec, compute
from strategies import checks, registry
from strategies.errors import ParamsInvalid, StrategyUnknown
from tests.marketdata.bars import bars_of, random_walk

NAMES = sorted(registry.STRATEGIES)
OTHER_PARAMS: dict[str, dict[str, Any]] = {
    "trend_ema": {"fast": 3, "slow": 8, "buffer": 0, "patience": 10, "atr_period": 40},
    "trend_ema_fast": {"fast": 2, "slow": 30, "buffer": 2.5, "patience": 50},
    "sma_cross": {"fast": 2, "slow": 5},
    "rsi_reversion": {"period": 3, "oversold": 40, "recovered": 60, "patience": 7},
    "buy_and_hold": {"stop_loss": 0.1},
}
CASES: list[tuple[str, dict[str, Any]]] = [(name, {}) for name in NAMES] + sorted(
    OTHER_PARAMS.items()
)


def targets(name: str, closes: Any, **params: Any) -> Floats:
    strategy = registry.get(name)
    return strategy.targets(bars_of(list(closes)), strategy.validated(params))


def test_the_registry_has_the_strategies_by_their_names() -> None:
    assert NAMES == ["buy_and_hold", "rsi_reversion", "sma_cross", "trend_ema", "trend_ema_fast"]
    assert all(registry.get(name).name == name for name in NAMES)


def test_an_unknown_strategy_is_refused_with_the_names_there_are() -> None:
    with pytest.raises(StrategyUnknown, match="there are: trend_ema,"):
        registry.get("martingale")


@pytest.mark.parametrize(("name", "params"), CASES)
def test_the_future_changes_no_target(name: str, params: dict[str, Any]) -> None:
    strategy = registry.get(name)
    checked = strategy.validated(params)
    bars = random_walk(strategy.warmup(checked) + 300, seed=11)

    last = range(strategy.warmup(checked) - 5, len(bars))
    assert checks.look_ahead_violations(strategy, checked, bars, cuts=last) == []


@pytest.mark.parametrize(("name", "params"), CASES)
def test_a_longer_past_changes_no_target(name: str, params: dict[str, Any]) -> None:
    strategy = registry.get(name)
    checked = strategy.validated(params)
    bars = random_walk(strategy.warmup(checked) + 1200, seed=12)

    assert checks.warmup_violations(strategy, checked, bars) == []


@settings(max_examples=40)
@given(st.sampled_from(NAMES), st.integers(0, 10_000), st.integers(1, 900), st.integers(0, 1200))
def test_a_market_that_stops_for_a_while_changes_nothing_of_that(
    name: str, seed: int, flat_from: int, flat_bars: int
) -> None:
    strategy = registry.get(name)
    params = strategy.validated({})
    walk = random_walk(strategy.warmup(params) + 900, seed=seed).close.copy()
    walk[flat_from : flat_from + flat_bars] = walk[flat_from - 1]

    assert checks.warmup_violations(strategy, params, bars_of(walk.tolist())) == []


@pytest.mark.parametrize("name", NAMES)
def test_targets_are_exposures_from_the_declared_bar_on_and_no_opinion_before(name: str) -> None:
    strategy = registry.get(name)
    params = strategy.validated({})
    warmup = strategy.warmup(params)
    found = strategy.targets(random_walk(warmup + 400, seed=2), params)

    assert found.dtype == np.float64
    assert np.isnan(found[: warmup - 1]).all()
    assert set(found[warmup - 1 :].tolist()) <= {0.0, 1.0}


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("n", [0, 1, 3])
def test_a_short_history_gives_no_opinion(name: str, n: int) -> None:
    strategy = registry.get(name)
    found = strategy.targets(random_walk(n), strategy.validated({}))

    assert len(found) == n
    assert name == "buy_and_hold" or np.isnan(found).all()


@pytest.mark.parametrize("name", [name for name in NAMES if name != "buy_and_hold"])
def test_a_market_that_never_moves_is_not_bought(name: str) -> None:
    found = targets(name, [60_000.1] * 1500)

    assert np.nansum(found) == 0


def test_trend_ema_is_in_while_it_rises_and_out_while_it_falls() -> None:
    rise = [100 + i * 0.5 for i in range(700)]
    fall = [rise[-1] - i * 0.5 for i in range(200)]
    found = targets("trend_ema", rise + fall)

    assert found[650:700].tolist() == [1] * 50
    assert found[-100:].tolist() == [0] * 100


def test_trend_ema_keeps_its_position_between_the_buffers() -> None:
    """The gap of the averages shrinks below the buffer but is not below minus the buffer."""
    strategy = registry.get("trend_ema")
    params = strategy.validated({"fast": 3, "slow": 8, "buffer": 1, "patience": 1000})
    rise = [100 + i for i in range(1600)]
    still = [rise[-1] + (i % 2) * 3 for i in range(60)]
    bars = bars_of(rise + still)
    found = strategy.targets(bars, params)
    gap = (
        compute("ema", {"period": 3}, bars)["value"] - compute("ema", {"period": 8}, bars)["value"]
    )

    assert abs(gap[-1]) < compute("atr", {}, bars)["value"][-1]
    assert found[-1] == 1


def test_trend_ema_leaves_when_patience_runs_out() -> None:
    rise = [100 + i for i in range(800)]
    still = [rise[-1]] * 200
    found = targets("trend_ema", rise + still, fast=3, slow=8, buffer=1, patience=10)

    assert found[799] == 1
    assert found[-1] == 0


def test_the_fast_profile_turns_earlier() -> None:
    closes = [1000 - i * 0.5 for i in range(700)] + [650.5 + i * 0.5 for i in range(200)]
    slow, fast = (targets(name, closes).tolist() for name in ("trend_ema", "trend_ema_fast"))

    assert 700 < fast.index(1) < slow.index(1)


def test_sma_cross_is_in_exactly_while_the_sma_is_above_the_ema() -> None:
    bars = random_walk(2000, seed=4)
    strategy = registry.get("sma_cross")
    found = strategy.targets(bars, strategy.validated({}))
    above = (
        compute("sma", {"period": 20}, bars)["value"]
        > compute("ema", {"period": 50}, bars)["value"]
    )

    assert found[798:].tolist() == above[798:].astype(float).tolist()


def test_rsi_reversion_buys_the_fall_and_sells_the_recovery() -> None:
    bars = random_walk(3000, seed=9)
    strategy = registry.get("rsi_reversion")
    params = strategy.validated({"patience": 1000})
    rsi = compute("rsi", {"period": 14}, bars)["value"]
    found = strategy.targets(bars, params)
    held = 0.0

    for i in range(14, len(bars)):
        held = 1.0 if rsi[i] < 30 else 0.0 if rsi[i] > 55 else held
        assert np.isnan(found[i]) or found[i] == held
    assert {0.0, 1.0} <= set(found[strategy.warmup(params) :].tolist())


def test_rsi_reversion_gives_up_after_its_patience() -> None:
    closes = [100 + (i % 2) for i in range(440)]
    closes += [closes[-1] - i for i in range(10)]
    closes += [closes[-1] + (i % 2) for i in range(120)]
    found = targets("rsi_reversion", closes, patience=20)
    bars = bars_of(closes)
    rsi = compute("rsi", {"period": 14}, bars)["value"]
    oversold = int(np.flatnonzero(rsi < 30)[-1])

    assert rsi[oversold + 1 :].max() < 55
    assert found[oversold : oversold + 20].tolist() == [1] * 20
    assert found[oversold + 20] == 0


def test_buy_and_hold_is_always_in() -> None:
    assert targets("buy_and_hold", [3, 1, 2]).tolist() == [1, 1, 1]


@pytest.mark.parametrize("name", NAMES)
def test_overlays_are_indicators_that_can_be_stored(name: str) -> None:
    strategy = registry.get(name)

    for overlay in strategy.overlays(strategy.validated(OTHER_PARAMS[name])):
        assert Spec.of(overlay.name, overlay.params).params == overlay.params


@pytest.mark.parametrize(
    ("name", "params", "wrong"),
    [
        ("trend_ema", {"fast": 26, "slow": 26}, "slow"),
        ("trend_ema_fast", {"fast": 20}, "slow"),
        ("sma_cross", {"fast": 60, "slow": 50}, "slow"),
        ("rsi_reversion", {"oversold": 45, "recovered": 44}, "recovered"),
        ("rsi_reversion", {"patience": 0}, "patience"),
        ("trend_ema", {"fast": 1}, "fast"),
        ("trend_ema", {"fast": 12.5}, "fast"),
        ("trend_ema", {"buffer": float("nan")}, "buffer"),
        ("trend_ema", {"leverage": 2}, "leverage"),
        ("buy_and_hold", {"stop_loss": -0.1}, "stop_loss"),
        ("buy_and_hold", {"trailing": 0.51}, "trailing"),
    ],
)
def test_parameters_out_of_bounds_are_refused_by_name(
    name: str, params: dict[str, Any], wrong: str
) -> None:
    with pytest.raises(ParamsInvalid) as refusal:
        registry.get(name).validated(params)

    assert list(refusal.value.fields) == [wrong]
    assert refusal.value.status == 422


@pytest.mark.parametrize("name", ["trend_ema", "sma_cross", "rsi_reversion"])
def test_two_parameters_are_not_compared_when_the_first_is_itself_wrong(name: str) -> None:
    first = "oversold" if name == "rsi_reversion" else "fast"

    with pytest.raises(ParamsInvalid) as refusal:
        registry.get(name).validated({first: "many"})

    assert list(refusal.value.fields) == [first]


def test_exits_are_declared_only_when_they_are_on() -> None:
    strategy = registry.get("buy_and_hold")

    assert not strategy.exits(strategy.validated({})).declared
    exits = strategy.exits(strategy.validated({"stop_loss": 0.02, "trailing": 0.1}))
    assert (exits.declared, exits.stop_loss, exits.take_profit, exits.trailing) == (
        True,
        0.02,
        None,
        0.1,
    )


@pytest.mark.parametrize("name", NAMES)
def test_the_schema_has_all_that_a_form_needs_with_the_exits_last(name: str) -> None:
    properties = registry.get(name).schema()["properties"]

    assert list(properties)[-3:] == ["stop_loss", "take_profit", "trailing"]
    for field in properties.values():
        assert {"title", "description", "default", "minimum", "maximum", "step", "unit"} <= set(
            field
        )
        assert field["minimum"] <= field["default"] <= field["maximum"]


def test_the_registry_loads_none_of_the_heavy_libraries() -> None:
    code = (
        "import sys; from strategies import registry; "
        "[s.warmup(s.validated({})) for s in registry.STRATEGIES.values()]; "
        "sys.exit(len({'talib', 'pandas', 'ccxt', 'numba'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)

    assert (done.returncode, done.stderr) == (0, "")
