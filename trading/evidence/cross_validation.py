"""Cross-validation on date ranges: the same parameters, each range simulated apart. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise
from statistics import fmean, median, stdev
from typing import Any, TypeAlias

import numpy as np

from trading.metrics import MIN_DAYS
from trading.metrics.series import daily_returns
from trading.simulation.run import Run

RangeRunner: TypeAlias = Callable[[int, int], Run]  # from_ms, to_ms; its bars reach further back
MOST_RANGES = 50
MOST_SPLITS = 500


@dataclass(frozen=True, slots=True)
class RangeResult:
    """One range [from_ms, to_ms), begun flat with the whole cash."""

    from_ms: int
    to_ms: int
    total_return: float
    sharpe: float | None  # per day, not annualised; None below MIN_DAYS days or without movement
    max_drawdown: float  # fraction below the peak
    trades: int

    def to_json(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.__dataclass_fields__}


@dataclass(frozen=True, slots=True)
class CrossValidation:
    """The ranges in order of time and how much they differ."""

    ranges: tuple[RangeResult, ...]

    @property
    def mean_return(self) -> float:
        return fmean(each.total_return for each in self.ranges)

    @property
    def spread(self) -> float | None:
        """Standard deviation of the ranges' returns, ddof 1; None for a single range."""
        returns = [each.total_return for each in self.ranges]
        return stdev(returns) if len(returns) > 1 else None

    @property
    def worst(self) -> RangeResult:
        return min(self.ranges, key=lambda each: each.total_return)

    @property
    def profitable(self) -> float:
        """Fraction of ranges that earned something."""
        return fmean(each.total_return > 0 for each in self.ranges)

    def to_json(self) -> dict[str, Any]:
        return {
            "ranges": [each.to_json() for each in self.ranges],
            "mean_return": self.mean_return,
            "spread": self.spread,
            "worst": self.worst.to_json(),
            "profitable": self.profitable,
        }


@dataclass(frozen=True, slots=True)
class Combination:
    """One way to hold out ranges: chosen on the others, judged on these."""

    held_out: tuple[int, ...]
    chosen: int  # index of the parameter set
    inside: float  # mean return of the ranges it was chosen on
    outside: float  # of those held out


def date_ranges(from_ms: int, to_ms: int, n: int, *, step_ms: int) -> list[tuple[int, int]]:
    """[from_ms, to_ms) in `n` ranges of equal length on the grid of `step_ms`; the last takes
    the rest. Raises ValueError if `n` is out of 1..50 or a range would be empty."""
    if not 1 <= n <= MOST_RANGES:
        raise ValueError(f"between 1 and {MOST_RANGES} ranges, not {n}")
    length = (to_ms - from_ms) // n // step_ms * step_ms
    if length <= 0:
        raise ValueError(f"the stretch is too short for {n} ranges")
    edges = [from_ms + index * length for index in range(n)] + [to_ms]
    return list(pairwise(edges))


def cross_validate(
    runner: RangeRunner, from_ms: int, to_ms: int, *, ranges: int = 5, step_ms: int
) -> CrossValidation:
    """Simulate each of `ranges` date ranges apart: flat at its start, warmed by what came before.

    `runner` gets half-open UTC ms and keeps earlier bars as past only, so no position, order or
    equity crosses an edge.
    """
    edges = date_ranges(from_ms, to_ms, ranges, step_ms=step_ms)
    return CrossValidation(tuple(_result(runner(*edge), *edge) for edge in edges))


def combinatorial(
    returns: Sequence[Sequence[float]], *, held_out: int = 2, purge: int = 0
) -> list[Combination]:
    """Choose on all but `held_out` ranges, judge on these, in every way.

    `returns` is float[sets][ranges]: the return of each parameter set in each range. Ranges
    within `purge` of a held-out one are not chosen on (Lopez de Prado, "Advances in Financial
    Machine Learning", 2018, chapter 12). Ways that leave nothing to choose on are left out.
    Raises ValueError for more than 500 ways.
    """
    table = np.asarray(returns, dtype=np.float64)
    count = table.shape[1]
    ways = list(combinations(range(count), held_out))
    if len(ways) > MOST_SPLITS:
        raise ValueError(f"{len(ways)} ways to hold out {held_out} of {count} ranges are too many")
    found = []
    for out in ways:
        near = {index + shift for index in out for shift in range(-purge, purge + 1)}
        kept = [index for index in range(count) if index not in near]
        if kept:
            means = table[:, kept].mean(axis=1)
            chosen = int(means.argmax())
            outside = float(table[chosen, list(out)].mean())
            found.append(Combination(out, chosen, float(means[chosen]), outside))
    return found


def median_outside(found: Sequence[Combination]) -> float | None:
    """The middle of what the chosen earned where they were not chosen; None without ways."""
    return median(each.outside for each in found) if found else None


def _result(run: Run, from_ms: int, to_ms: int) -> RangeResult:
    cash = float(run.rules.cash)
    equity = np.concatenate([[cash], run.equity])
    peak = np.maximum.accumulate(equity)
    days = daily_returns((run.at_ms, run.equity)) if len(run.equity) else np.empty(0)
    moves = len(days) >= MIN_DAYS and float(np.std(days, ddof=1)) > 0
    return RangeResult(
        from_ms=from_ms,
        to_ms=to_ms,
        total_return=float(equity[-1] / cash - 1),
        sharpe=float(np.mean(days) / np.std(days, ddof=1)) if moves else None,
        max_drawdown=float(np.max(1 - equity / peak)),
        trades=len(run.trades.pnl),
    )
