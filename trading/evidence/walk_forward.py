"""Walk forward: choose on the past, judge on what comes next, again and again. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from marketdata.bars import Floats, Ints
from strategies.protocol import Params
from trading.metrics import MIN_DAYS
from trading.metrics.series import daily_returns
from trading.simulation.run import Run

Runner: TypeAlias = Callable[[Params, int, int, float], Run]  # params, from_ms, to_ms, cost factor
Chooser: TypeAlias = Callable[[int, int], Params]  # from_ms, to_ms of the training part
FOLDS = 5


@dataclass(frozen=True, slots=True)
class Fold:
    """One step: trained on [train_from, train_to), judged on [from_ms, to_ms)."""

    train_from: int
    train_to: int
    from_ms: int
    to_ms: int


@dataclass(frozen=True, slots=True)
class Step:
    """What a fold gave: total returns in and out of sample, and with the baseline."""

    fold: Fold
    params: dict[str, object]
    inside: float
    outside: float
    baseline: float | None
    trades: int


@dataclass(frozen=True, slots=True)
class WalkForward:
    """All folds, the stitched out-of-sample curve, and how much of the promise was kept.

    `equity` are multiples of the opening equity at `at_ms`. `efficiency` is the out-of-sample
    return per day over the in-sample one (Pardo, "The Evaluation and Optimization of Trading
    Strategies", 2008); None where nothing was promised.
    """

    steps: tuple[Step, ...]
    at_ms: Ints
    equity: Floats
    returns: Floats  # daily, out of sample
    efficiency: float | None

    @property
    def beats_baseline(self) -> float | None:
        """Share of folds in which the candidate earned more than the baseline."""
        pairs = [(s.outside, s.baseline) for s in self.steps if s.baseline is not None]
        return sum(own > other for own, other in pairs) / len(pairs) if pairs else None

    @property
    def median(self) -> float | None:
        """Median out-of-sample return of a fold; None without folds."""
        return float(np.median([step.outside for step in self.steps])) if self.steps else None


def folds_of(
    from_ms: int, to_ms: int, *, folds: int = FOLDS, purge_ms: int = 0, anchored: bool = True
) -> list[Fold]:
    """Folds + 1 equal parts: the first only trains, each later one is judged once.

    `purge_ms`, the longest holding, between training and judging keeps positions of the one out
    of the other; a fold that it leaves nothing to train on is dropped. Rolling (not anchored)
    folds train on one part only.
    """
    edges = [int(edge) for edge in np.linspace(from_ms, to_ms, folds + 2)]
    made = []
    for number in range(1, folds + 1):
        start = edges[0] if anchored else edges[number - 1]
        train_to = edges[number] - purge_ms
        if train_to > start:
            made.append(Fold(start, train_to, edges[number], edges[number + 1]))
    return made


def walk_forward(
    runner: Runner,
    *,
    folds: Sequence[Fold],
    candidate: Params | None = None,
    choose: Chooser | None = None,
    baseline: Params | None = None,
    progress: Callable[[float], None] = lambda share: None,
) -> WalkForward:
    """Judge `candidate`, or what `choose` picks on each training part, fold by fold."""
    steps, curves, grown = [], [], 1.0
    for number, fold in enumerate(folds):
        params = choose(fold.train_from, fold.train_to) if choose else candidate
        if params is None:
            raise ValueError("a walk needs a candidate or somebody who chooses one")
        inside = runner(params, fold.train_from, fold.train_to, 1.0)
        outside = runner(params, fold.from_ms, fold.to_ms, 1.0)
        other = runner(baseline, fold.from_ms, fold.to_ms, 1.0) if baseline else None
        steps.append(
            Step(
                fold,
                params.model_dump(mode="json"),
                total_return(inside),
                total_return(outside),
                None if other is None else total_return(other),
                len(outside.trades.pnl),
            )
        )
        multiples = outside.equity / float(outside.rules.cash) * grown
        curves.append((outside.at_ms, multiples))
        grown = float(multiples[-1]) if len(multiples) else grown
        progress((number + 1) / len(folds))
    return _stitched(steps, curves)


def total_return(run: Run) -> float:
    """From the opening cash to the last close; 0 without candles."""
    return float(run.equity[-1] / float(run.rules.cash) - 1) if len(run.equity) else 0.0


def _stitched(steps: list[Step], curves: list[tuple[Ints, Floats]]) -> WalkForward:
    at_ms = np.concatenate([at for at, _ in curves]) if curves else np.empty(0, np.int64)
    equity = np.concatenate([curve for _, curve in curves]) if curves else np.empty(0)
    inside = [_per_day(s.inside, s.fold.train_to - s.fold.train_from) for s in steps]
    outside = [_per_day(s.outside, s.fold.to_ms - s.fold.from_ms) for s in steps]
    promised = float(np.mean(inside)) if inside else 0.0
    kept = float(np.mean(outside)) / promised if promised > 1e-12 else None
    return WalkForward(tuple(steps), at_ms, equity, daily_returns((at_ms, equity)), kept)


def _per_day(total: float, span_ms: int) -> float:
    return total / max(span_ms / 86_400_000, 1e-9)


def enough_days(walk: WalkForward) -> bool:
    """Whether the stitched curve supports yearly figures."""
    return len(walk.returns) >= MIN_DAYS
