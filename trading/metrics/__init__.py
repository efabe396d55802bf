"""What a run was worth, measured on mark-to-market equity. Pure floats, versioned.

A number that the sample can't support is None with the reason, never 0 or infinite.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from marketdata.bars import Floats
from trading.metrics import flows as cash_flows
from trading.metrics import measures
from trading.metrics.definitions import (
    DEFINITIONS,
    HIGHER_IS_BETTER,
    LOWER_IS_BETTER,
    Definition,
)
from trading.metrics.measures import MIN_DAYS, MIN_TRADES, ROUNDING
from trading.metrics.series import (
    DAY_MS,
    Curve,
    columns,
    daily_closes,
    daily_returns,
    drawdown_curve,
    max_drawdown,
    returns_of,
)
from trading.metrics.trades import ClosedTrade, TradeColumns, trade_columns

__all__ = [
    "DAYS_PER_YEAR",
    "DAY_MS",
    "DEFINITIONS",
    "HIGHER_IS_BETTER",
    "LOWER_IS_BETTER",
    "MIN_DAYS",
    "MIN_TRADES",
    "ROUNDING",
    "VERSION",
    "ClosedTrade",
    "Curve",
    "Definition",
    "Metric",
    "Performance",
    "TradeColumns",
    "daily_returns",
    "drawdown_curve",
    "max_drawdown",
    "measure",
]

VERSION = 2
DAYS_PER_YEAR = 365  # spot crypto is open every day; an exchange with a calendar has 252


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
    group: str = ""


@dataclass(frozen=True, slots=True)
class Performance:
    """All metrics of one run."""

    version: int
    equity_points: int
    days: int
    trades: int
    metrics: list[Metric]

    def value(self, name: str) -> float | None:
        """One metric's value. Raises KeyError for a name that there isn't."""
        return {metric.name: metric.value for metric in self.metrics}[name]


def measure(
    *,
    curve: Curve,
    trades: Sequence[ClosedTrade] | TradeColumns,
    benchmark: Floats | None = None,
    exposure: Floats | None = None,
    traded: float | None = None,
    flows: Sequence[tuple[int, float]] = (),
    days_per_year: int = DAYS_PER_YEAR,
) -> Performance:
    """Metrics of an equity curve, (ms, equity) pairs or two arrays, oldest first.

    `benchmark` is the equity of buy and hold at the curve's points, `exposure` the fraction in
    positions there, `traded` the notional of all fills, `flows` deposits (ms, amount):
    only `mwr` and `turnover` depend on them.
    """
    at_ms, with_flows = columns(curve)
    equity = cash_flows.freed(at_ms, with_flows, flows) if flows else with_flows
    closes = daily_closes(at_ms, equity)
    daily = returns_of(closes)
    closed = trade_columns(trades)
    measured = measures.of_equity(at_ms, equity)
    measured |= measures.of_days(daily, closes, measured["max_drawdown"], days_per_year)
    measured |= measures.of_trades(closed, float(equity[0]) if len(equity) else 0.0)
    measured |= measures.against(daily, _daily_of(at_ms, benchmark), days_per_year)
    measured["benchmark_return"] = _total(benchmark)
    measured["twr"] = cash_flows.time_weighted_return(at_ms, with_flows, flows)
    measured["mwr"] = cash_flows.money_weighted_return(at_ms, with_flows, flows)
    measured["exposure"] = _mean(exposure)
    measured["turnover"] = _turnover(traded, at_ms[-1] - at_ms[0] if len(at_ms) else 0, with_flows)
    measured["composite"] = measures.composite(measured)
    sizes = {"Return": len(daily), "Risk": len(daily), "Trading": len(closed.pnl)}
    return Performance(
        version=VERSION,
        equity_points=len(equity),
        days=len(daily),
        trades=len(closed.pnl),
        metrics=[_metric(one, measured[name], sizes) for name, one in DEFINITIONS.items()],
    )


def _metric(definition: Definition, value: float | str, sizes: dict[str, int]) -> Metric:
    missing = isinstance(value, str)
    return Metric(
        name=definition.name,
        title=definition.title,
        unit=definition.unit,
        formula=definition.formula,
        n=sizes[definition.group],
        value=None if isinstance(value, str) else float(value),
        reason=str(value) if missing else "",
        group=definition.group,
    )


def _daily_of(at_ms: np.ndarray, benchmark: Floats | None) -> Floats | None:
    if benchmark is None or len(benchmark) != len(at_ms):
        return None
    return returns_of(daily_closes(at_ms, benchmark))


def _total(benchmark: Floats | None) -> float | str:
    if benchmark is None or len(benchmark) < 2 or benchmark[0] <= 0:
        return "no benchmark"
    return float(benchmark[-1] / benchmark[0] - 1)


def _mean(values: Floats | None) -> float | str:
    return float(values.mean()) if values is not None and len(values) else "not recorded"


def _turnover(traded: float | None, span_ms: int, equity: Floats) -> float | str:
    if traded is None:
        return "not recorded"
    years = span_ms / cash_flows.YEAR_MS
    if years * 365 < MIN_DAYS:
        return f"less than {MIN_DAYS} days"
    return measures.ratio(traded / years, float(equity.mean()), "no equity")
