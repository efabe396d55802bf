"""The checks find what they are for: strategies that see the future or never forget."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from marketdata.bars import Bars, Floats
from strategies import checks
from strategies.protocol import Params
from tests.marketdata.bars import random_walk
from tests.strategies.factories import Fixed

PARAMS = Params()


def tomorrow(bars: Bars) -> Floats:
    return np.append(bars.close[1:] > bars.close[:-1], False).astype(float)


def centred_mean(bars: Bars) -> Floats:
    mean = np.convolve(bars.close, np.ones(5) / 5)[2:-2]
    return np.asarray(bars.close > mean, dtype=np.float64)


def against_the_whole(bars: Bars) -> Floats:
    return np.asarray(bars.close > bars.close.mean(), dtype=np.float64)


def tomorrow_on_odd_bars(bars: Bars) -> Floats:
    found = np.zeros(len(bars))
    found[1:-1:2] = bars.close[2::2][: len(found[1:-1:2])] > bars.close[1:-1:2]
    return found


def average_of_all(bars: Bars) -> Floats:
    mean = np.cumsum(bars.close) / np.arange(1, len(bars) + 1)
    return (bars.close > mean).astype(float)


def highest_of_ten(bars: Bars) -> Floats:
    padded = np.concatenate([np.full(9, -np.inf), bars.close])
    highest = np.lib.stride_tricks.sliding_window_view(padded, 10).max(axis=1)
    return np.where(np.arange(len(bars)) < 9, np.nan, bars.close >= highest)


@pytest.mark.parametrize("rule", [tomorrow, centred_mean, against_the_whole, tomorrow_on_odd_bars])
def test_a_view_of_the_future_is_found(rule: Any) -> None:
    found = checks.look_ahead_violations(Fixed(rule), PARAMS, random_walk(300))

    assert found
    assert all(violation.first == 0 <= violation.index <= violation.last for violation in found)


def test_a_view_of_the_future_is_found_in_a_sample_of_a_long_history() -> None:
    bars = random_walk(2600)

    assert checks.look_ahead_violations(Fixed(tomorrow_on_odd_bars), PARAMS, bars)
    assert not checks.look_ahead_violations(Fixed(highest_of_ten, warmup=10), PARAMS, bars)


def test_a_violation_says_where_and_what() -> None:
    rising = random_walk(50, volatility=0)
    found = checks.look_ahead_violations(
        Fixed(lambda bars: np.full(len(bars), float(len(bars)))), PARAMS, rising, cuts=[3]
    )

    assert found[0] == checks.Violation(index=0, first=0, last=2, whole=50, cut=3)
    assert len(found) == 3


def test_a_memory_without_end_is_found() -> None:
    found = checks.warmup_violations(Fixed(average_of_all, warmup=20), PARAMS, random_walk(400))

    assert found
    assert all(violation.index - violation.first >= 19 for violation in found if violation.first)


def test_a_warm_up_that_is_declared_too_short_is_found() -> None:
    bars = random_walk(400)

    assert checks.warmup_violations(Fixed(highest_of_ten, warmup=9), PARAMS, bars)
    assert not checks.warmup_violations(Fixed(highest_of_ten, warmup=10), PARAMS, bars)


def test_an_opinion_before_the_declared_bar_is_found() -> None:
    found = checks.warmup_violations(
        Fixed(lambda bars: np.ones(len(bars)), warmup=3), PARAMS, random_walk(10)
    )

    assert [violation.index for violation in found] == [0, 1]


def test_a_history_no_longer_than_the_warm_up_proves_nothing() -> None:
    with pytest.raises(ValueError, match="more than 10 bars"):
        checks.warmup_violations(Fixed(highest_of_ten, warmup=10), PARAMS, random_walk(10))


def test_a_difference_below_the_tolerance_is_none() -> None:
    noisy = Fixed(lambda bars: np.full(len(bars), 0.5 + len(bars) * 1e-13))

    assert not checks.look_ahead_violations(noisy, PARAMS, random_walk(100))
