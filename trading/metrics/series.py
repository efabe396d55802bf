"""Series that metrics are made of: daily returns, drawdowns. Pure numpy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from marketdata.bars import Floats, Ints

DAY_MS = 86_400_000
Curve: TypeAlias = Sequence[tuple[int, float]] | tuple[Ints, Floats]


@dataclass(frozen=True, slots=True)
class Drawdowns:
    """Falls from a peak, mark to market: depth as a positive fraction, time to a new peak."""

    deepest: float
    average: float  # depth of the episodes
    longest_ms: int  # the last one counts up to the end of the curve
    average_ms: float
    episodes: int


def columns(curve: Curve) -> tuple[Ints, Floats]:
    """(ms, equity) as int64 and float64 arrays of one length."""
    if isinstance(curve, tuple) and len(curve) == 2 and isinstance(curve[0], np.ndarray):
        return np.asarray(curve[0], np.int64), np.asarray(curve[1], np.float64)
    if not len(curve):
        return np.empty(0, np.int64), np.empty(0)
    at_ms, equity = zip(*curve, strict=True)
    return np.asarray(at_ms, np.int64), np.asarray(equity, np.float64)


def daily_closes(at_ms: Ints, equity: Floats) -> Floats:
    """The last equity of each UTC day that has a point, after the very first equity."""
    if not len(at_ms):
        return np.empty(0)
    last = day_ends(at_ms)
    return equity[last] if last[0] == 0 else np.concatenate([equity[:1], equity[last]])


def day_ends(at_ms: Ints, later: int = 0) -> Ints:
    """Index of the last point of each UTC day that has one; a close at midnight ends a day.

    The points lie `later` ms after `at_ms`.
    """
    if not len(at_ms):
        return np.empty(0, np.int64)
    first, newest = (int(each + later - 1) // DAY_MS for each in (at_ms[0], at_ms[-1]))
    midnights = np.arange(first + 1, newest + 2) * DAY_MS - later
    return np.unique(np.searchsorted(at_ms, midnights, "right") - 1)


def returns_of(closes: Floats) -> Floats:
    """Simple returns between consecutive values; those after a value of 0 or less are left out."""
    before, now = closes[:-1], closes[1:]
    sound = before > 0
    return now[sound] / before[sound] - 1.0


def daily_returns(curve: Curve) -> Floats:
    """Simple returns from the first point over the last equity of each UTC day; fractions."""
    return returns_of(daily_closes(*columns(curve)))


def drawdown_curve(equity: Floats) -> Floats:
    """Fraction below the running peak at each point."""
    peak = np.maximum.accumulate(equity)
    return np.divide(peak - equity, peak, out=np.zeros_like(equity), where=peak > 0)


def max_drawdown(equity: Sequence[float] | Floats) -> float:
    """Deepest fall from a peak, as a positive fraction of that peak."""
    values = np.asarray(equity, np.float64)
    return float(drawdown_curve(values).max()) if len(values) else 0.0


def drawdowns(at_ms: Ints, equity: Floats) -> Drawdowns:
    """Episodes below the peak: depth, and time from the peak to the next one."""
    fall = drawdown_curve(equity)
    under = fall > 0
    starts = np.flatnonzero(under & ~np.concatenate([[False], under[:-1]]))
    if not len(starts):
        return Drawdowns(0.0, 0.0, 0, 0.0, 0)
    ends = np.flatnonzero(under & ~np.concatenate([under[1:], [False]]))
    depths = np.maximum.reduceat(fall, starts)
    after = np.minimum(ends + 1, len(at_ms) - 1)
    lasted = at_ms[after] - at_ms[np.maximum(starts - 1, 0)]
    return Drawdowns(
        float(depths.max()),
        float(depths.mean()),
        int(lasted.max()),
        float(lasted.mean()),
        len(starts),
    )


def longest_run(flags: NDArray[np.bool_]) -> int:
    """The most consecutive true values."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], flags.astype(np.int8), [0]])))
    return int((edges[1::2] - edges[::2]).max()) if len(edges) else 0
