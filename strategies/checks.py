"""The two checks that every strategy passes before a result of it counts. Pure.

Look-ahead: cutting off the future changes no target. Warm-up: a longer past changes no
target from the declared bar on.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from marketdata.bars import Bars, Floats, Ints
from strategies.protocol import Params, Strategy

TOLERANCE = 1e-9


@dataclass(frozen=True, slots=True)
class Violation:
    """The target of bar `index`, once with all bars and once with only `first` to `last`."""

    index: int
    first: int
    last: int
    whole: float
    cut: float


def look_ahead_violations(
    strategy: Strategy[Any], params: Params, bars: Bars, *, cuts: Iterable[int] | None = None
) -> list[Violation]:
    """Targets that change when the bars after some bar are taken away.

    By default each bar is once the last one, because a bias may touch odd rows only; for
    more than 2,000 bars a fixed random sample of 2,000 cuts, and always the last 100.
    """
    whole = strategy.targets(bars, params)
    found: list[Violation] = []
    for stop in _cuts(len(bars)) if cuts is None else cuts:
        cut = strategy.targets(bars.slice(0, stop), params)
        found += _differences(whole, cut, first=0, last=stop - 1, start=0)
    return found


def warmup_violations(
    strategy: Strategy[Any], params: Params, bars: Bars, *, starts: Iterable[int] | None = None
) -> list[Violation]:
    """Targets from the declared bar on that change when earlier bars are taken away, and
    targets before that bar that are not NaN. By default up to 50 starts, odd and even.

    Refuses with ValueError when there are no more bars than the warm-up: nothing to compare.
    """
    warmup = strategy.warmup(params)
    if len(bars) <= warmup:
        raise ValueError(f"{strategy.name} needs more than {warmup} bars to be checked")
    whole = strategy.targets(bars, params)
    early = np.flatnonzero(~np.isnan(whole[: warmup - 1]))
    found = [Violation(int(i), 0, len(bars) - 1, float(whole[i]), np.nan) for i in early]
    for start in _starts(len(bars) - warmup) if starts is None else starts:
        cut = strategy.targets(bars.slice(start, len(bars)), params)
        found += _differences(whole, cut, first=start, last=len(bars) - 1, start=warmup - 1)
    return found


def _differences(
    whole: Floats, cut: Floats, *, first: int, last: int, start: int
) -> Iterator[Violation]:
    """Where `cut`, the targets of bars `first` to `last`, is not `whole` from its `start` on."""
    wanted = whole[first : last + 1]
    same = np.isclose(wanted, cut, rtol=0, atol=TOLERANCE, equal_nan=True)
    for i in np.flatnonzero(~same[start:]) + start:
        yield Violation(first + int(i), first, last, float(wanted[i]), float(cut[i]))


def _cuts(n: int) -> Ints:
    if n <= 2000:
        return np.arange(1, n, dtype=np.int64)
    sample = np.random.default_rng(0).choice(np.arange(1, n - 100), 1900, replace=False)
    return np.concatenate([np.sort(sample), np.arange(n - 100, n)]).astype(np.int64)


def _starts(most: int) -> Ints:
    """Spread over 1..most; the largest leaves exactly the warm-up."""
    return np.unique(np.linspace(1, most, 50).astype(np.int64))
