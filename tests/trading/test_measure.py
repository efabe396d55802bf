"""Metrics: what a sample can't support is None with the reason."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trading.metrics import (
    DAY_MS,
    MIN_DAYS,
    MIN_TRADES,
    ClosedTrade,
    Metric,
    Performance,
    daily_returns,
    max_drawdown,
    measure,
)

EQUITIES = st.lists(st.floats(1, 1e6), min_size=MIN_DAYS + 2, max_size=60)


def curve(equity: list[float]) -> list[tuple[int, float]]:
    """One value at the end of each day."""
    return [(day * DAY_MS, value) for day, value in enumerate(equity)]


def trades(*pnls: float) -> list[ClosedTrade]:
    return [ClosedTrade(pnl, 1.0, 60.0) for pnl in pnls]


def metric(run: Performance, name: str) -> Metric:
    return next(one for one in run.metrics if one.name == name)


def test_every_metric_of_nothing_has_no_value_but_a_reason() -> None:
    run = measure(curve=[], trades=[])

    for one in run.metrics:
        if one.name not in {"fees", "trades"}:
            assert one.value is None, one
            assert one.reason, one
    assert metric(run, "fees").value == metric(run, "trades").value == 0


@given(equity=EQUITIES, pnls=st.lists(st.floats(-100, 100), max_size=20))
def test_a_value_is_finite_or_missing_with_a_reason(equity: list[float], pnls: list[float]) -> None:
    for one in measure(curve=curve(equity), trades=trades(*pnls)).metrics:
        assert (one.value is None) == bool(one.reason), one
        assert one.value is None or math.isfinite(one.value)


@given(equity=EQUITIES, scale=st.sampled_from([0.5, 2.0, 1024.0]))
def test_the_size_of_the_account_does_not_matter(equity: list[float], scale: float) -> None:
    small = measure(curve=curve(equity), trades=[])
    large = measure(curve=curve([value * scale for value in equity]), trades=[])

    for name in ("total_return", "max_drawdown", "volatility", "sharpe"):
        one, other = metric(small, name), metric(large, name)
        assert one.reason == other.reason
        assert one.value is None or one.value == pytest.approx(other.value, rel=1e-9, abs=1e-12)


def test_returns_are_taken_from_the_last_equity_of_each_day_and_midnight_ends_a_day() -> None:
    points = [(0, 100.0), (1, 50.0), (DAY_MS, 75.0), (DAY_MS + 5, 100.0), (2 * DAY_MS, 110.0)]

    assert daily_returns(points) == pytest.approx([75 / 100 - 1, 110 / 75 - 1])


def test_a_day_that_began_with_nothing_has_no_return() -> None:
    assert daily_returns(curve([0, 10, 11])) == pytest.approx([0.1])


@pytest.mark.parametrize(
    ("equity", "deepest"),
    [([], 0), ([100, 110], 0), ([100, 50, 200, 150], 0.5), ([100, 90, 120, 60], 0.5), ([0, 0], 0)],
)
def test_a_drawdown_is_measured_from_the_peak_before_it(
    equity: list[float], deepest: float
) -> None:
    assert max_drawdown(equity) == pytest.approx(deepest)


def test_yearly_figures_need_enough_days() -> None:
    short = measure(curve=curve([100.0, 101.0] * 15), trades=[])

    assert metric(short, "sharpe").value is None
    assert metric(short, "sharpe").reason == f"29 of {MIN_DAYS} daily returns"


@pytest.mark.parametrize("daily", [0.0, 0.01, 0.001, -0.003])
def test_returns_that_do_not_vary_have_no_sharpe_ratio(daily: float) -> None:
    steady = measure(curve=curve([100 * (1 + daily) ** day for day in range(40)]), trades=[])

    assert metric(steady, "sharpe").value is None
    assert metric(steady, "sharpe").reason == "the returns don't vary"
    assert metric(steady, "volatility").value == pytest.approx(0, abs=1e-12)


def test_the_sharpe_ratio_is_the_daily_one_times_the_root_of_a_year() -> None:
    equity = [100.0]
    for day in range(40):
        equity.append(equity[-1] * (1.02 if day % 2 else 0.99))
    run = measure(curve=curve(equity), trades=[])

    deviation = 0.015 * math.sqrt(40 / 39)
    assert metric(run, "sharpe").value == pytest.approx(0.005 / deviation * math.sqrt(365))
    assert metric(run, "volatility").value == pytest.approx(deviation * math.sqrt(365))


def test_trade_figures_need_enough_trades() -> None:
    run = measure(curve=[], trades=trades(*[1.0] * (MIN_TRADES - 1)))

    assert metric(run, "win_rate").value is None
    assert metric(run, "fees").value == MIN_TRADES - 1


def test_trade_figures_come_from_profit_after_fees() -> None:
    run = measure(curve=[], trades=trades(10, -5, 10, -5, 0))

    assert metric(run, "win_rate").value == pytest.approx(0.4)
    assert metric(run, "profit_factor").value == pytest.approx(2)
    assert metric(run, "expectancy").value == pytest.approx(2)
    assert metric(run, "holding_s").value == pytest.approx(60)


def test_without_a_loss_there_is_no_profit_factor() -> None:
    run = measure(curve=[], trades=trades(1, 1, 1, 1, 1))

    assert metric(run, "profit_factor").value is None
    assert metric(run, "profit_factor").reason == "no losing trade"
