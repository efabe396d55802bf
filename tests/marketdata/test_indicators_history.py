"""What an indicator may know: nothing of the future, and of the past only so much."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marketdata import indicators
from marketdata.indicators import Spec
from tests.marketdata.bars import FIVE_MINUTES_MS, random_walk

NAMES = sorted(indicators.INDICATORS)


@pytest.mark.parametrize("name", NAMES)
def test_what_comes_later_changes_no_value(name: str) -> None:
    bars = random_walk(700, seed=3)
    whole = indicators.compute(name, {}, bars)

    # Odd and even cuts: a bias that touches every second row only must not slip through.
    for stop in (1, 2, 33, 34, 35, 287, 288, 289, 500, 699):
        for key, values in indicators.compute(name, {}, bars.slice(0, stop)).items():
            np.testing.assert_array_equal(values, whole[key][:stop])


@pytest.mark.parametrize("name", NAMES)
def test_a_tail_of_settled_length_gives_the_value_of_the_whole_history(name: str) -> None:
    bars = random_walk(2500, seed=5)
    whole = indicators.compute(name, {}, bars)
    needed = indicators.settle_bars(name, {}, bar_ms=FIVE_MINUTES_MS)

    for stop in range(needed + 900, 2500, 7):
        tail = bars.slice(stop - needed, stop)
        for key, values in indicators.compute(name, {}, tail).items():
            assert np.isfinite(values[-1])
            assert values[-1] == pytest.approx(whole[key][stop - 1], rel=1e-9, abs=1e-9), key


periods = st.integers(2, 40)
some_specs = st.one_of(
    st.builds(
        lambda name, period: Spec.of(name, {"period": period}),
        st.sampled_from(["sma", "ema", "rsi", "atr", "bbands"]),
        periods,
    ),
    st.builds(
        lambda fast, more, signal: Spec.of(
            "macd", {"fast": fast, "slow": fast + more, "signal": signal}
        ),
        periods,
        st.integers(1, 30),
        st.integers(2, 20),
    ),
    st.just(Spec.of("vwap")),
)


@settings(max_examples=150)
@given(
    some_specs,
    st.integers(0, 10_000),
    st.sampled_from([(100.0, 2e-3), (65_000.0, 2e-4), (1e-4, 1e-2)]),
)
def test_any_tail_of_settled_length_gives_the_value_of_the_whole_history(
    spec: Spec, seed: int, market: tuple[float, float]
) -> None:
    price, volatility = market
    needed = indicators.tail_needed([spec], bar_ms=FIVE_MINUTES_MS)
    bars = random_walk(needed + 700, seed=seed, price=price, volatility=volatility)
    whole = indicators.compute(spec.name, spec.params, bars)

    tail = indicators.compute(spec.name, spec.params, bars.slice(700, len(bars)))

    for key, values in tail.items():
        assert values[-1] == pytest.approx(whole[key][-1], rel=1e-9, abs=price * 1e-9), key


def test_a_shorter_tail_does_not_settle() -> None:
    """The bound is not idle: with a quarter of it an EMA still shows its seed."""
    bars = random_walk(3000, volatility=2e-2)
    needed = indicators.settle_bars("ema", {"period": 50})
    short = bars.slice(len(bars) - needed // 4, len(bars))

    whole = indicators.compute("ema", {}, bars)["value"][-1]
    assert indicators.compute("ema", {}, short)["value"][-1] != pytest.approx(whole, rel=1e-9)


def test_the_tail_of_several_indicators_is_that_of_the_longest_memory() -> None:
    assert indicators.tail_needed([]) == 0
    assert indicators.tail_needed([Spec.of("sma"), Spec.of("ema")]) == 799
    assert indicators.tail_needed(indicators.DEFAULT_SPECS) == 1440  # a day of minutes: VWAP
    assert indicators.tail_needed(indicators.DEFAULT_SPECS, bar_ms=FIVE_MINUTES_MS) == 799
    assert indicators.settle_bars("vwap", {}, bar_ms=86_400_000) == 1
