"""Our numbers against a well-kept library where both define them alike, and laws they obey."""

from __future__ import annotations

import empyrical
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trading.metrics import DAY_MS, Performance, TradeColumns, measure

DAYS = 400
YEAR = 365


def returns(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).standard_t(4, DAYS) * 0.01 + 0.0007


def curve(daily: np.ndarray, opening: float = 1000.0) -> tuple[np.ndarray, np.ndarray]:
    at = np.arange(len(daily) + 1, dtype=np.int64) * DAY_MS
    return at, opening * np.cumprod(np.concatenate([[1.0], 1 + daily]))


def no_trades() -> TradeColumns:
    return TradeColumns(np.empty(0), np.empty(0), np.empty(0))


def measured(seed: int) -> Performance:
    _, benchmark = curve(returns(seed + 100))
    return measure(curve=curve(returns(seed)), trades=no_trades(), benchmark=benchmark)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(
    ("name", "theirs"),
    [
        ("total_return", empyrical.cum_returns_final),
        ("cagr", lambda r: empyrical.annual_return(r, annualization=YEAR)),
        ("volatility", lambda r: empyrical.annual_volatility(r, annualization=YEAR)),
        ("sharpe", lambda r: empyrical.sharpe_ratio(r, annualization=YEAR)),
        ("sortino", lambda r: empyrical.sortino_ratio(r, annualization=YEAR)),
        ("calmar", lambda r: empyrical.calmar_ratio(r, annualization=YEAR)),
        ("omega", lambda r: empyrical.omega_ratio(r, annualization=YEAR)),
        ("max_drawdown", lambda r: -empyrical.max_drawdown(r)),
        ("var_95", empyrical.value_at_risk),
        ("cvar_95", empyrical.conditional_value_at_risk),
        ("tail_ratio", empyrical.tail_ratio),
    ],
)
def test_a_metric_is_that_of_empyrical(name: str, theirs: object, seed: int) -> None:
    index = pd.date_range("2023-01-01", periods=DAYS, freq="D")
    expected = theirs(pd.Series(returns(seed), index=index))  # type: ignore[operator]

    assert measured(seed).value(name) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("seed", range(5))
def test_alpha_and_beta_are_those_of_empyrical(seed: int) -> None:
    index = pd.date_range("2023-01-01", periods=DAYS, freq="D")
    ours, theirs = (pd.Series(returns(each), index=index) for each in (seed, seed + 100))
    alpha, beta = empyrical.alpha_beta(ours, theirs, annualization=YEAR)

    assert measured(seed).value("beta") == pytest.approx(beta, rel=1e-9)
    assert measured(seed).value("alpha") == pytest.approx(alpha, rel=1e-9)


@given(deposit=st.floats(-300, 5000), day=st.integers(1, DAYS - 1))
def test_a_deposit_does_not_change_the_time_weighted_return(deposit: float, day: int) -> None:
    at, equity = curve(returns(1))
    with_flow = equity.copy()
    with_flow[day:] += deposit * equity[day:] / equity[day]

    flowing = measure(curve=(at, with_flow), trades=no_trades(), flows=[(int(at[day]), deposit)])

    plain = measure(curve=(at, equity), trades=no_trades())
    assert flowing.value("twr") == pytest.approx(plain.value("total_return"), rel=1e-9)
    for one, other in zip(flowing.metrics, plain.metrics, strict=True):
        if one.name != "mwr" and other.value is not None:
            assert one.value == pytest.approx(other.value, rel=1e-7, abs=1e-12), one.name


def test_a_withdrawal_of_everything_is_not_a_loss_of_everything() -> None:
    at, equity = np.arange(3, dtype=np.int64) * DAY_MS, np.array([100.0, 0.0, 0.0])

    left = measure(curve=(at, equity), trades=no_trades(), flows=[(int(at[1]), -110.0)])

    assert left.value("total_return") == pytest.approx(0.1)
    assert left.value("max_drawdown") == 0


@given(seed=st.integers(0, 50), scale=st.floats(1e-3, 1e3))
def test_the_size_of_an_account_scales_its_money_and_nothing_else(seed: int, scale: float) -> None:
    at, equity = curve(returns(seed))
    _, benchmark = curve(returns(seed + 100))
    pnl = np.round(returns(seed)[:40] * 1000, 2)
    held = np.arange(40.0)

    def sized(factor: float) -> Performance:
        return measure(
            curve=(at, equity * factor),
            trades=TradeColumns(pnl * factor, np.abs(pnl) * factor, held, held * factor),
            benchmark=benchmark * factor,
            exposure=np.linspace(0, 1, len(at)),
            traded=5000.0 * factor,
        )

    for one, other in zip(sized(1.0).metrics, sized(scale).metrics, strict=True):
        assert one.value is not None
        money = scale if one.unit.startswith("quote") else 1.0
        assert other.value == pytest.approx(one.value * money, rel=1e-7, abs=1e-12), one.name


def test_without_flows_the_money_weighted_return_is_the_growth_rate() -> None:
    run = measure(curve=curve(returns(2)), trades=no_trades())

    assert run.value("mwr") == pytest.approx(run.value("cagr"), rel=1e-9)


def test_the_money_weighted_return_is_the_rate_that_explains_the_closing_equity() -> None:
    at = np.array([0, 100, 365], np.int64) * DAY_MS
    equity = np.array([100.0, 160.0, 172.0])  # 50 came on day 100; what is in grows

    rate = measure(curve=(at, equity), trades=no_trades(), flows=[(int(at[1]), 50.0)]).value("mwr")

    assert rate is not None
    assert 100 * (1 + rate) + 50 * (1 + rate) ** (265 / 365) == pytest.approx(172.0)


@given(st.permutations(list(range(12))))
def test_the_order_of_trades_matters_to_streaks_and_drawdown_only(order: list[int]) -> None:
    pnl = np.array([5, -3, 8, -1, -2, 7, 4, -9, 1, 2, -6, 3], float)
    flat = np.full(12, 1.0)
    at, equity = curve(returns(3))

    one = measure(curve=(at, equity), trades=TradeColumns(pnl, flat, flat))
    other = measure(
        curve=(at, equity), trades=TradeColumns(np.array([pnl[i] for i in order]), flat, flat)
    )

    by_order = {"win_streak", "loss_streak", "closed_drawdown"}
    for first, second in zip(one.metrics, other.metrics, strict=True):
        if first.name not in by_order:
            assert first.value == pytest.approx(second.value), first.name


def test_trades_are_summed_up_as_their_definitions_say() -> None:
    pnl = np.array([10.0, -5.0, 20.0, 15.0, -10.0, -5.0])
    held = np.array([0.0, 60.0, 120.0, 180.0, 240.0, 300.0])
    run = measure(
        curve=curve(returns(3)),
        trades=TradeColumns(pnl, np.full(6, 0.5), held, np.full(6, 0.25)),
    )

    told = {metric.name: metric.value for metric in run.metrics}
    assert told["win_rate"] == 0.5
    assert told["profit_factor"] == pytest.approx(45 / 20)
    assert told["payoff"] == pytest.approx(15 / (20 / 3))
    assert told["expectancy"] == pytest.approx(25 / 6)
    assert told["sqn"] == pytest.approx(6**0.5 * pnl.mean() / pnl.std(ddof=1))
    assert (told["best_trade"], told["worst_trade"]) == (20, -10)
    assert (told["win_streak"], told["loss_streak"]) == (2, 2)
    assert (told["fees"], told["slippage"]) == (3, 1.5)
    assert told["holding_s"] == 150
    assert told["closed_drawdown"] == pytest.approx(15 / 1040)


def test_drawdowns_last_from_peak_to_peak() -> None:
    at = np.arange(8, dtype=np.int64) * DAY_MS
    equity = np.array([100.0, 90, 100, 110, 99, 88, 105, 104])

    told = {m.name: m.value for m in measure(curve=(at, equity), trades=no_trades()).metrics}

    assert told["max_drawdown"] == pytest.approx(0.2)
    assert told["avg_drawdown"] == pytest.approx((0.1 + 0.2) / 2)
    assert told["longest_drawdown_s"] == 4 * 86_400  # still below the peak at the end
    assert told["avg_drawdown_s"] == 3 * 86_400
