"""A run in metrics: whole, or a part of it in time."""

from __future__ import annotations

import numpy as np

from marketdata.bars import Floats
from trading.metrics import Performance, TradeColumns, measure, measures, series
from trading.simulation.run import Run


def measure_run(
    run: Run,
    *,
    benchmark: Floats | None = None,
    from_ms: int | None = None,
    to_ms: int | None = None,
    days_per_year: int = 365,
) -> Performance:
    """Metrics of closes in (from_ms, to_ms], of trades and fills that ended there.

    The curve of a part begins with the equity at `from_ms`. `benchmark` is buy and hold's
    equity at the run's closes, float64[len(run.at_ms)].
    """
    first = 0 if from_ms is None else int(np.searchsorted(run.at_ms, from_ms, "right"))
    last = len(run.at_ms) if to_ms is None else int(np.searchsorted(run.at_ms, to_ms, "right"))
    at_ms, equity = run.at_ms[first:last], run.equity[first:last]
    held = None if benchmark is None else benchmark[first:last]
    if len(at_ms):
        # What was there before the first close, so that the first candle counts.
        opening = float(run.equity[first - 1]) if first else float(run.rules.cash)
        at_ms = np.concatenate([[at_ms[0] - run.rules.timeframe_ms], at_ms])
        equity = np.concatenate([[opening], equity])
    if benchmark is not None and held is not None and len(held):
        before = benchmark[first - 1] if first else float(run.rules.cash)
        held = np.concatenate([[before], held])
    return measure(
        curve=(at_ms, equity),
        trades=closed_between(run, from_ms, to_ms),
        benchmark=held,
        exposure=run.exposure[first:last],
        traded=_traded(run, from_ms, to_ms),
        days_per_year=days_per_year,
    )


def score_run(run: Run, *, days_per_year: int = 365) -> dict[str, float | str]:
    """What needs no more of the curve than its days and its deepest fall, in little time.

    Values equal those of `measure_run`; a number that the sample can't support is the reason.
    """
    from trading.simulation.kernel_curve import deepest_fall

    if not len(run.equity):
        return {}
    opening = float(run.rules.cash)
    closes = np.concatenate(
        [[opening], run.equity[series.day_ends(run.open_ms, run.rules.timeframe_ms)]]
    )
    deepest = deepest_fall(opening, run.equity)
    total = float(run.equity[-1] / opening - 1)
    scored: measures.Measured = {"total_return": total, "max_drawdown": deepest}
    scored["recovery"] = measures.ratio(total, deepest, "equity never fell")
    scored |= measures.of_days(series.returns_of(closes), closes, deepest, days_per_year)
    scored |= measures.of_trades(closed_between(run, None, None), opening)
    scored["composite"] = measures.composite(scored)
    return scored


def closed_between(run: Run, from_ms: int | None, to_ms: int | None) -> TradeColumns:
    """The round trips that ended in [from_ms, to_ms)."""
    trades = run.trades
    kept = slice(
        None if from_ms is None else int(np.searchsorted(trades.closed_ms, from_ms)),
        None if to_ms is None else int(np.searchsorted(trades.closed_ms, to_ms)),
    )
    return TradeColumns(
        pnl=trades.pnl[kept],
        fees=trades.fees[kept],
        held_s=(trades.closed_ms[kept] - trades.opened_ms[kept]) / 1000,
        slippage=trades.slippage[kept],
    )


def _traded(run: Run, from_ms: int | None, to_ms: int | None) -> float:
    fills = run.fills
    first = 0 if from_ms is None else int(np.searchsorted(fills.at_ms, from_ms))
    last = len(fills.at_ms) if to_ms is None else int(np.searchsorted(fills.at_ms, to_ms))
    lots = np.array([float(each.price_tick * each.qty_step) for each in run.filters])
    kept = slice(first, last)
    units = lots[fills.lane[kept]]
    return float(np.sum(fills.qty_steps[kept] * 1.0 * fills.price_ticks[kept] * units))
