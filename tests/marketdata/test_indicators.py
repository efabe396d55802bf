"""Indicator values: published and hand-made vectors, seeds, and a second implementation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketdata import indicators
from marketdata.bars import Bars, Floats
from tests.marketdata import reference_indicators as reference
from tests.marketdata.bars import MIDNIGHT_MS, bars_of, random_walk

# StockCharts ChartSchool, "Relative Strength Index (RSI)", the worked example of its sheet.
PUBLISHED_RSI_CLOSES = (
    "44.3389 44.0902 44.1497 43.6124 44.3278 44.8264 45.0955 45.4245 45.8433 46.0826 45.8931 "
    "46.0328 45.6140 46.2820 46.2820 46.0028 46.0328 46.4116 46.2222 45.6439 46.2122 46.2521 "
    "45.7137 46.4515 45.7835 45.3548 44.0288 44.1783 44.2181 44.5672 43.4205 42.6628 43.1314"
)
PUBLISHED_RSI = (
    "70.53 66.32 66.55 69.41 66.36 57.97 62.93 63.26 56.06 62.38 54.71 50.42 39.99 41.46 41.87 "
    "45.46 37.30 33.08 37.77"
)
# The same, "Moving Averages - Simple and Exponential": 10 days, seeded with their mean.
PUBLISHED_EMA_CLOSES = (
    "22.2734 22.1940 22.0847 22.1741 22.1840 22.1344 22.2337 22.4323 22.2436 22.2933 22.1542 "
    "22.3926 22.3816 22.6109 23.3558 24.0519 23.7530 23.8324 23.9516 23.6338 23.8225 23.8722 "
    "23.6537 23.1870 23.0976 23.3260 22.6805 23.0976 22.4025 22.1725"
)
PUBLISHED_EMA = (
    "22.22 22.21 22.24 22.27 22.33 22.52 22.80 22.97 23.13 23.28 23.34 23.43 23.51 23.54 23.47 "
    "23.40 23.39 23.26 23.23 23.08 22.92"
)


def numbers(text: str) -> list[float]:
    return [float(word) for word in text.split()]


def line(name: str, bars: Bars, key: str = "value", **params: Any) -> Floats:
    return indicators.compute(name, params, bars)[key]


def test_rsi_gives_the_published_example() -> None:
    found = line("rsi", bars_of(numbers(PUBLISHED_RSI_CLOSES)), period=14)

    assert np.isnan(found[:14]).all()
    assert found[14:] == pytest.approx(numbers(PUBLISHED_RSI), abs=0.006)


def test_ema_gives_the_published_example() -> None:
    found = line("ema", bars_of(numbers(PUBLISHED_EMA_CLOSES)), period=10)

    assert np.isnan(found[:9]).all()
    assert found[9:] == pytest.approx(numbers(PUBLISHED_EMA), abs=0.006)


def test_sma_is_the_mean_of_its_window() -> None:
    found = line("sma", bars_of([1, 2, 6, 4]), period=3)

    assert found[2:].tolist() == [3, 4]
    assert np.isnan(found[:2]).all()


def test_ema_is_seeded_with_the_mean_of_its_first_window() -> None:
    """Seed (2+4+9)/3 = 5, then half of the new close and half of the old average."""
    found = line("ema", bars_of([2, 4, 9, 7, 10]), period=3)

    assert found[2:].tolist() == [5, 6, 8]


def test_rsi_is_seeded_with_plain_means_and_then_smoothed() -> None:
    """Gains 2 and 0, losses 0 and 1: 100 x 1/(1+0.5). Then +3: gain (1+3)/2, loss 0.5/2."""
    found = line("rsi", bars_of([10, 12, 11, 14]), period=2)

    assert found[2:] == pytest.approx([100 * 1 / 1.5, 100 * 2 / 2.25], rel=1e-12)
    assert np.isnan(found[:2]).all()


def test_atr_is_seeded_with_the_mean_of_true_ranges_from_the_second_bar_on() -> None:
    """True ranges 3 and 5 (the gap counts), then (1 x 4 + 2) / 2."""
    bars = bars_of([10, 12, 8, 9], highs=[11, 13, 9, 10], lows=[9, 11, 8, 8])
    found = line("atr", bars, period=2)

    assert found[2:].tolist() == [(3 + 4) / 2, (3.5 + 2) / 2]
    assert np.isnan(found[:2]).all()


def test_bollinger_bands_use_the_deviation_of_the_population() -> None:
    found = indicators.compute(
        "bbands", {"period": 8, "deviations": 2}, bars_of([2, 4, 4, 4, 5, 5, 7, 9])
    )

    assert {key: values[7] for key, values in found.items()} == {
        "upper": 9,
        "middle": 5,
        "lower": 1,
    }
    assert all(np.isnan(values[:7]).all() for values in found.values())


def test_macd_starts_both_averages_where_the_slow_one_starts() -> None:
    """Fast 2, slow 3: at the third bar they are (2+6)/2 and (1+2+6)/3; signal 2 needs one more."""
    found = indicators.compute(
        "macd", {"fast": 2, "slow": 3, "signal": 2}, bars_of([1, 2, 6, 8, 4])
    )
    first = 4 - 3
    second = (8 * 2 / 3 + 4 / 3) - (8 / 2 + 3 / 2)
    third = (4 * 2 / 3 + (8 * 2 / 3 + 4 / 3) / 3) - (4 / 2 + 5.5 / 2)
    signal = (first + second) / 2

    assert np.isnan(found["macd"][:3]).all()
    assert found["macd"][3:] == pytest.approx([second, third], abs=1e-12)
    assert found["signal"][3:] == pytest.approx([signal, third * 2 / 3 + signal / 3], abs=1e-12)
    assert found["histogram"] == pytest.approx(found["macd"] - found["signal"], nan_ok=True)


def test_vwap_starts_anew_each_utc_day() -> None:
    day = 4 * 3_600_000
    bars = bars_of([10, 20, 30, 40, 50, 60, 70], volumes=[1, 3, 0, 0, 0, 0, 2], bar_ms=day)

    assert line("vwap", bars).tolist() == [10, 17.5, 17.5, 17.5, 17.5, 17.5, 70]


def test_vwap_uses_the_typical_price() -> None:
    assert line("vwap", bars_of([10], highs=[13], lows=[7.6])).tolist() == [(10 + 13 + 7.6) / 3]


def test_vwap_says_nothing_until_something_was_traded() -> None:
    found = line("vwap", bars_of([10, 11, 12], volumes=[0, 0, 5]))

    assert np.isnan(found[:2]).all()
    assert found[2] == 12


def test_vwap_says_nothing_on_a_day_whose_first_bar_is_missing() -> None:
    bars = random_walk(600, start_ms=MIDNIGHT_MS + 300_000)
    found = line("vwap", bars)

    assert np.isnan(found[:287]).all()
    assert np.isfinite(found[287:]).all()


Reference = Callable[[Bars, dict[str, Any]], dict[str, list[float]]]
SEVEN: dict[str, tuple[dict[str, Any], Reference]] = {
    "sma": ({"period": 20}, lambda b, p: {"value": reference.sma(b.close.tolist(), **p)}),
    "ema": ({"period": 50}, lambda b, p: {"value": reference.ema(b.close.tolist(), **p)}),
    "rsi": ({"period": 14}, lambda b, p: {"value": reference.rsi(b.close.tolist(), **p)}),
    "macd": (
        {"fast": 12, "slow": 26, "signal": 9},
        lambda b, p: dict(
            zip(
                ("macd", "signal", "histogram"),
                reference.macd(b.close.tolist(), **p),
                strict=True,
            )
        ),
    ),
    "atr": ({"period": 14}, lambda b, p: {"value": reference.atr(b, **p)}),
    "bbands": (
        {"period": 20, "deviations": 2.0},
        lambda b, p: dict(
            zip(
                ("upper", "middle", "lower"),
                reference.bbands(b.close.tolist(), **p),
                strict=True,
            )
        ),
    ),
    "vwap": ({}, lambda b, p: {"value": reference.vwap(b)}),
}


@pytest.mark.parametrize("name", SEVEN)
@pytest.mark.parametrize(("price", "volatility"), [(100.0, 2e-3), (65_000.0, 2e-4), (1e-4, 1e-2)])
def test_values_and_first_defined_bars_equal_the_second_implementation(
    name: str, price: float, volatility: float
) -> None:
    params, expected = SEVEN[name]
    bars = random_walk(900, seed=7, price=price, volatility=volatility)
    wanted = expected(bars, params)

    for key, found in indicators.compute(name, params, bars).items():
        assert found == pytest.approx(
            np.array(wanted[key]), rel=1e-9, abs=price * 1e-9, nan_ok=True
        )
        assert np.isnan(found).tolist() == np.isnan(wanted[key]).tolist()


@given(st.integers(0, 10_000), st.integers(2, 60), st.integers(1, 130))
def test_any_period_equals_the_second_implementation(seed: int, period: int, n: int) -> None:
    bars = random_walk(n, seed=seed)
    closes = bars.close.tolist()
    wanted = {
        "sma": reference.sma(closes, period),
        "ema": reference.ema(closes, period),
        "rsi": reference.rsi(closes, period),
        "atr": reference.atr(bars, period),
        "bbands": reference.bbands(closes, period, 2)[0],
    }

    for name, values in wanted.items():
        key = "upper" if name == "bbands" else "value"
        found = line(name, bars, key, period=period)
        assert found == pytest.approx(np.array(values), rel=1e-9, abs=1e-7, nan_ok=True), name


@pytest.mark.parametrize(
    ("name", "first"),
    [("sma", 19), ("ema", 49), ("rsi", 14), ("macd", 33), ("atr", 14), ("bbands", 19), ("vwap", 0)],
)
def test_the_default_indicators_are_defined_from_exactly_this_bar_on(name: str, first: int) -> None:
    spec = next(spec for spec in indicators.DEFAULT_SPECS if spec.name == name)

    for values in indicators.compute(name, spec.params, random_walk(80)).values():
        assert np.isfinite(values).tolist() == [i >= first for i in range(80)]


@pytest.mark.parametrize("name", indicators.INDICATORS)
@pytest.mark.parametrize("n", [0, 1, 5])
def test_a_short_series_is_all_undefined(name: str, n: int) -> None:
    late = random_walk(n, start_ms=MIDNIGHT_MS + 300_000)

    for values in indicators.compute(name, {}, late).values():
        assert values.shape == (n,)
        assert np.isnan(values).all()


def test_a_market_that_stands_still_has_no_range_and_no_width() -> None:
    bars = bars_of([60_000.1] * 120)

    assert line("atr", bars)[-1] == 0
    assert line("macd", bars, "histogram")[-1] == pytest.approx(0, abs=1e-9)
    assert line("bbands", bars, "upper")[-1] == pytest.approx(60_000.1, rel=1e-12)
    assert line("vwap", bars)[-1] == pytest.approx(60_000.1, rel=1e-12)
    assert line("rsi", bars)[-1] == 0  # TA-Lib's answer to 0/0


@pytest.mark.parametrize("name", ["adx", "cci", "mfi", "stoch"])
def test_the_long_tail_gives_the_values_of_ta_lib(name: str) -> None:
    import talib

    bars = random_walk(300)
    hlc = (bars.high, bars.low, bars.close)
    wanted: dict[str, Callable[[], list[Floats]]] = {
        "adx": lambda: [talib.ADX(*hlc, 14), talib.PLUS_DI(*hlc, 14), talib.MINUS_DI(*hlc, 14)],
        "cci": lambda: [talib.CCI(*hlc, 20)],
        "mfi": lambda: [talib.MFI(*hlc, bars.volume, 20)],
        "stoch": lambda: list(talib.STOCH(*hlc, 14, 3, slowd_period=3)),
    }

    computed = indicators.compute(name, {}, bars).values()
    for found, values in zip(computed, wanted[name](), strict=True):
        assert found == pytest.approx(values, rel=1e-9, abs=1e-9, nan_ok=True)


def test_a_donchian_channel_spans_the_lowest_low_and_the_highest_high() -> None:
    bars = bars_of([5, 6, 7, 8], highs=[9, 7, 8, 8.5], lows=[4, 3, 5, 6])
    found = indicators.compute("donchian", {"period": 2}, bars)

    assert found["lower"][1:].tolist() == [3, 3, 5]
    assert found["upper"][1:].tolist() == [9, 8, 8.5]
    assert found["middle"][1:].tolist() == [6, 5.5, 6.75]
