"""Whether a strategy sees the future or needs a longer past than it declares. Pure.

The method is freqtrade's (lookahead-analysis, recursive-analysis): cut the candles off after
entries and exits, and compare. Cuts in between, each with its neighbour, find what touches no
entry; a bias may touch odd rows only.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from marketdata.bars import Bars, Floats, Ints
from strategies.checks import look_ahead_violations, warmup_violations
from strategies.protocol import Params, Strategy

CUTS = 20  # spread over the candles, each with its neighbour
STARTS = 8
CHANGES = 24  # of the target at most: there the value that decides is closest to its limit
CHECKED_BARS = 20_000  # the last so many are checked
FEWEST_BARS = 4


def unsound(strategy: Strategy[Any], params: Params, series: Sequence[Bars]) -> tuple[int, int]:
    """(look-ahead, warm-up) violations on the last candles of each symbol; (0, 0) is sound."""
    ahead = early = 0
    for bars in series:
        last = bars.slice(max(len(bars) - CHECKED_BARS, 0), len(bars))
        if len(last) < FEWEST_BARS:
            continue
        changes = _changes(strategy.targets(last, params))
        cuts = _cuts(len(last), changes)
        ahead += len(look_ahead_violations(strategy, params, last, cuts=cuts.tolist()))
        warmup = strategy.warmup(params)
        if len(last) > warmup:
            starts = _starts(len(last) - warmup, changes - warmup + 1)
            early += len(warmup_violations(strategy, params, last, starts=starts.tolist()))
    return ahead, early


def _cuts(n: int, changes: Ints) -> Ints:
    """How many bars are left of `n`: spread, with the next one, and up to each change."""
    spread = _spread(1, n - 1, CUTS)
    return np.unique(np.clip(np.concatenate([spread, spread + 1, changes + 1]), 1, n - 1))


def _starts(most: int, at_changes: Ints) -> Ints:
    """First bars: spread over 1..most, and such that a change is on the first bar that counts."""
    possible = at_changes[(at_changes >= 1) & (at_changes <= most)]
    return np.unique(np.concatenate([_spread(1, most, STARTS), possible]))


def _changes(targets: Floats) -> Ints:
    """Indices at which the target isn't what it was, at most CHANGES of them, evenly chosen."""
    known = np.nan_to_num(targets, nan=-1.0)
    found = np.flatnonzero(np.diff(known)) + 1
    return found[_spread(0, len(found) - 1, CHANGES)] if len(found) else found


def _spread(low: int, high: int, count: int) -> Ints:
    return np.unique(np.linspace(low, high, count).astype(np.int64))
