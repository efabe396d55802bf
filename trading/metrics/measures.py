"""The numbers: each function returns {name: value or reason why there is none}. Pure numpy."""

from __future__ import annotations

import math
from typing import TypeAlias

import numpy as np

from marketdata.bars import Floats, Ints
from trading.metrics import series
from trading.metrics.trades import TradeColumns

MIN_DAYS = 30  # daily returns needed before a yearly figure means anything
MIN_TRADES = 5
ROUNDING = 1e-12  # a deviation of returns that equal returns have from rounding alone

Measured: TypeAlias = dict[str, float | str]

_YEARLY = (
    "annual_return",
    "cagr",
    "volatility",
    "sharpe",
    "sortino",
    "calmar",
    "omega",
    "ulcer",
    "var_95",
    "cvar_95",
    "skew",
    "kurtosis",
    "tail_ratio",
    "win_days",
)
_OF_TRADES = (
    "win_rate",
    "profit_factor",
    "payoff",
    "expectancy",
    "sqn",
    "best_trade",
    "worst_trade",
    "holding_s",
    "longest_holding_s",
    "win_streak",
    "loss_streak",
)
_OF_EQUITY = (
    "total_return",
    "max_drawdown",
    "avg_drawdown",
    "longest_drawdown_s",
    "avg_drawdown_s",
    "recovery",
)


def ratio(above: float, below: float, reason: str) -> float | str:
    """above / below, or `reason` where there is nothing to divide by."""
    value = above / below if abs(below) > ROUNDING else math.inf
    return value if math.isfinite(value) else reason


def of_equity(at_ms: Ints, equity: Floats) -> Measured:
    """Total return and drawdowns of every point."""
    if len(equity) < 2 or equity[0] <= 0:
        return dict.fromkeys(_OF_EQUITY, "fewer than two equity points")
    total = float(equity[-1] / equity[0] - 1)
    falls = series.drawdowns(at_ms, equity)
    return {
        "total_return": total,
        "max_drawdown": falls.deepest,
        "avg_drawdown": falls.average,
        "longest_drawdown_s": falls.longest_ms / 1000,
        "avg_drawdown_s": falls.average_ms / 1000,
        "recovery": ratio(total, falls.deepest, "equity never fell"),
    }


def of_days(daily: Floats, closes: Floats, deepest: float | str, days_per_year: int) -> Measured:
    """What daily returns tell; `deepest` is the maximum drawdown."""
    n = len(daily)
    if n < MIN_DAYS:
        return dict.fromkeys(_YEARLY, f"{n} of {MIN_DAYS} daily returns")
    mean, deviation = float(daily.mean()), float(daily.std(ddof=1))
    downside = math.sqrt(float(np.mean(np.minimum(daily, 0) ** 2)))
    yearly = math.sqrt(days_per_year)
    grown = float(np.prod(1 + daily))
    cagr = grown ** (days_per_year / n) - 1 if grown > 0 else -1.0
    cagr_value: float | str = cagr if math.isfinite(cagr) else "grows beyond all numbers"
    depth = deepest if isinstance(deepest, float) else 0.0
    varies = deviation > ROUNDING
    fall = series.drawdown_curve(closes)
    calmar = "equity never fell"
    return {
        "annual_return": mean * days_per_year,
        "cagr": cagr_value,
        "volatility": deviation * yearly,
        "sharpe": mean / deviation * yearly if varies else "the returns don't vary",
        "sortino": ratio(mean * yearly, downside, "no losing day"),
        "calmar": ratio(cagr, depth, calmar) if isinstance(cagr_value, float) else cagr_value,
        "omega": ratio(
            float(np.maximum(daily, 0).sum()), float(-np.minimum(daily, 0).sum()), "no losing day"
        ),
        "ulcer": math.sqrt(float(np.mean(fall**2))),
        **_distribution(daily, deviation),
    }


def _distribution(daily: Floats, deviation: float) -> Measured:
    low, high = (float(each) for each in np.percentile(daily, [5, 95]))
    worst = int((len(daily) - 1) * 0.05)
    moved = daily[daily != 0]
    measured: Measured = {
        "var_95": low,
        "cvar_95": float(np.mean(np.partition(daily, worst)[: worst + 1])),
        "tail_ratio": ratio(abs(high), abs(low), "no loss in the tail"),
        "win_days": float(np.mean(moved > 0)) if len(moved) else "no day with a change",
        "skew": "the returns don't vary",
        "kurtosis": "the returns don't vary",
    }
    if deviation > ROUNDING:
        standard = (daily - daily.mean()) / daily.std()
        measured["skew"] = float(np.mean(standard**3))
        measured["kurtosis"] = float(np.mean(standard**4))
    return measured


def of_trades(trades: TradeColumns, opening: float) -> Measured:
    """What closed round trips tell; `opening` is the equity before the first."""
    n = len(trades.pnl)
    always: Measured = {
        "trades": float(n),
        "fees": float(trades.fees.sum()),
        "slippage": float(trades.slippage.sum()) if trades.slippage is not None else "not recorded",
        "closed_drawdown": (
            series.max_drawdown(np.cumsum(np.concatenate([[opening], trades.pnl])))
            if opening > 0
            else "fewer than two equity points"
        ),
    }
    if n < MIN_TRADES:
        return {**always, **dict.fromkeys(_OF_TRADES, f"{n} of {MIN_TRADES} closed trades")}
    return {**always, **_of_enough_trades(trades)}


def _of_enough_trades(trades: TradeColumns) -> Measured:
    pnl, n = trades.pnl, len(trades.pnl)
    wins, losses = pnl[pnl > 0], -pnl[pnl < 0]
    spread = float(pnl.std(ddof=1))
    return {
        "win_rate": len(wins) / n,
        "profit_factor": ratio(float(wins.sum()), float(losses.sum()), "no losing trade"),
        "payoff": _payoff(wins, losses),
        "expectancy": float(pnl.mean()),
        "sqn": ratio(math.sqrt(n) * float(pnl.mean()), spread, "all trades are equal"),
        "best_trade": float(pnl.max()),
        "worst_trade": float(pnl.min()),
        "holding_s": float(trades.held_s.mean()),
        "longest_holding_s": float(trades.held_s.max()),
        "win_streak": float(series.longest_run(pnl > 0)),
        "loss_streak": float(series.longest_run(pnl < 0)),
    }


def _payoff(wins: Floats, losses: Floats) -> float | str:
    if not len(wins) or not len(losses):
        return "no losing trade" if len(wins) else "no winning trade"
    return ratio(float(wins.mean()), float(losses.mean()), "no losing trade")


def against(daily: Floats, benchmark: Floats | None, days_per_year: int) -> Measured:
    """Alpha and beta of daily returns against those of the benchmark, of the same days."""
    if benchmark is None or len(benchmark) != len(daily):
        return dict.fromkeys(("alpha", "beta"), "no benchmark")
    if len(daily) < MIN_DAYS:
        return dict.fromkeys(("alpha", "beta"), f"{len(daily)} of {MIN_DAYS} daily returns")
    variance = float(np.var(benchmark, ddof=1))
    if variance <= ROUNDING**2:
        return dict.fromkeys(("alpha", "beta"), "the benchmark doesn't vary")
    beta = float(np.cov(daily, benchmark, ddof=1)[0, 1]) / variance
    alpha = float(daily.mean()) - beta * float(benchmark.mean())
    yearly = (1 + alpha) ** days_per_year - 1
    return {"alpha": yearly if math.isfinite(yearly) else "grows beyond all numbers", "beta": beta}


def composite(measured: Measured) -> float | str:
    """The weighted score; its formula is in the definitions."""
    needed = ("sharpe", "max_drawdown", "cagr", "win_rate")
    values = {name: measured[name] for name in needed}
    for value in values.values():
        if isinstance(value, str):
            return value
    factor = measured["profit_factor"]
    clipped = [
        (30, float(values["sharpe"]) / 3),
        (25, 1 - float(values["max_drawdown"]) / 0.5),
        # Without a losing trade the factor has no upper end.
        (20, 1.0 if isinstance(factor, str) else (factor - 1) / 2),
        (15, float(values["cagr"])),
        (10, float(values["win_rate"])),
    ]
    return sum(weight * min(max(part, 0.0), 1.0) for weight, part in clipped)
