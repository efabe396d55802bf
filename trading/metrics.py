"""What a run was worth, measured on mark-to-market equity. Pure floats, versioned.

A number that the sample can't support is None with the reason, never 0 or infinite.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

VERSION = 1
DAY_MS = 86_400_000
DAYS_PER_YEAR = 365  # spot crypto is open every day
MIN_DAYS = 30  # daily returns needed before a yearly figure means anything
MIN_TRADES = 5
ROUNDING = 1e-12  # a deviation of daily returns that equal returns have from rounding alone


@dataclass(frozen=True, slots=True)
class ClosedTrade:
    """A round trip: profit after fees and fees in the quote asset, how long it was held."""

    pnl: float
    fees: float
    held_s: float


@dataclass(frozen=True, slots=True)
class Metric:
    """One number with its unit, formula and sample; `value` None goes with a `reason`."""

    name: str
    title: str
    unit: str
    formula: str
    n: int
    value: float | None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Performance:
    """All metrics of one run."""

    version: int
    equity_points: int
    days: int
    trades: int
    metrics: list[Metric]


def measure(*, curve: Sequence[tuple[int, float]], trades: Sequence[ClosedTrade]) -> Performance:
    """Metrics of an equity curve of (ms, equity), oldest first, and its closed trades."""
    daily = daily_returns(curve)
    equity = [value for _, value in curve]
    return Performance(
        version=VERSION,
        equity_points=len(curve),
        days=len(daily),
        trades=len(trades),
        metrics=[*_equity_metrics(equity), *_daily_metrics(daily), *_trade_metrics(trades)],
    )


def daily_returns(curve: Sequence[tuple[int, float]]) -> list[float]:
    """Simple returns between the last equity of consecutive UTC days; fractions."""
    closes: dict[int, float] = {}
    for at_ms, equity in curve:
        closes[at_ms // DAY_MS] = equity
    values = list(closes.values())
    return [now / before - 1 for before, now in itertools.pairwise(values) if before > 0]


def max_drawdown(equity: Sequence[float]) -> float:
    """Deepest fall from a peak, as a positive fraction of that peak."""
    peak, deepest = 0.0, 0.0
    for value in equity:
        peak = max(peak, value)
        if peak > 0:
            deepest = max(deepest, (peak - value) / peak)
    return deepest


def _equity_metrics(equity: Sequence[float]) -> list[Metric]:
    n = len(equity)
    enough = n >= 2 and equity[0] > 0
    missing = "" if enough else "fewer than two equity points"
    total = equity[-1] / equity[0] - 1 if enough else None
    drawdown = max_drawdown(equity) if enough else None
    return [
        Metric(
            "total_return", "Total return", "fraction", "E_last / E_first - 1", n, total, missing
        ),
        Metric(
            "max_drawdown",
            "Maximum drawdown",
            "fraction",
            "max((peak - E) / peak), mark to market",
            n,
            drawdown,
            missing,
        ),
    ]


def _daily_metrics(daily: Sequence[float]) -> list[Metric]:
    n = len(daily)
    missing = "" if n >= MIN_DAYS else f"{n} of {MIN_DAYS} daily returns"
    mean = sum(daily) / n if n else 0.0
    deviation = _deviation(daily, mean) if n >= 2 else 0.0
    yearly = math.sqrt(DAYS_PER_YEAR)
    volatility = deviation * yearly if not missing else None
    sharpe = None
    if not missing:
        varies = deviation > ROUNDING
        sharpe = mean / deviation * yearly if varies else None
        missing_sharpe = "" if varies else "the returns don't vary"
    else:
        missing_sharpe = missing
    basis = f"daily, ddof 1, x sqrt({DAYS_PER_YEAR})"
    ratio = f"mean / deviation; {basis}"
    return [
        Metric("volatility", "Volatility", "fraction a year", basis, n, volatility, missing),
        Metric("sharpe", "Sharpe ratio", "1", ratio, n, sharpe, missing_sharpe),
    ]


def _trade_metrics(trades: Sequence[ClosedTrade]) -> list[Metric]:
    n = len(trades)
    missing = "" if n >= MIN_TRADES else f"{n} of {MIN_TRADES} closed trades"
    fees = sum(trade.fees for trade in trades)
    measured = _trade_values(trades) if not missing else (None, None, None, None)
    rate, factor, expectancy, held = measured
    no_factor = missing or ("" if factor is not None else "no losing trade")
    wins_to_losses = "sum of wins / sum of losses"
    a_trade, mean = "quote a trade", "mean pnl after fees"
    return [
        Metric("win_rate", "Win rate", "fraction", "winning / closed trades", n, rate, missing),
        Metric("profit_factor", "Profit factor", "1", wins_to_losses, n, factor, no_factor),
        Metric("expectancy", "Expectancy", a_trade, mean, n, expectancy, missing),
        Metric("holding_s", "Average holding", "s", "mean(closed - opened)", n, held, missing),
        Metric("fees", "Fees", "quote", "sum over closed trades", n, fees if n else 0.0),
    ]


def _trade_values(
    trades: Sequence[ClosedTrade],
) -> tuple[float, float | None, float, float]:
    """Win rate, profit factor (None without a loss), expectancy, average holding in seconds."""
    n = len(trades)
    wins = [trade.pnl for trade in trades if trade.pnl > 0]
    losses = [-trade.pnl for trade in trades if trade.pnl < 0]
    factor = sum(wins) / sum(losses) if losses else None
    expectancy = sum(trade.pnl for trade in trades) / n
    return len(wins) / n, factor, expectancy, sum(trade.held_s for trade in trades) / n


def _deviation(values: Sequence[float], mean: float) -> float:
    return math.sqrt(sum((value - mean) ** 2 for value in values) / (len(values) - 1))
