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
from strategies.checks import TOLERANCE, look_ahead_violations, warmup_violations
from strategies.protocol import Params, Strategy

CUTS = 20  # spread over the candles, each with its neighbour
STARTS = 8
# Changes of the target looked at: there the value that decides is closest to its limit.
CUT_CHANGES = 24
WARM_CHANGES = 100
CHECKED_BARS = 20_000  # the last so many are checked
FEWEST_BARS = 4


def unsound(strategy: Strategy[Any], params: Params, series: Sequence[Bars]) -> tuple[int, int]:
    """(look-ahead, warm-up) violations on the last candles of each symbol; (0, 0) is sound."""
    ahead = early = 0
    for bars in series:
        last = bars.slice(max(len(bars) - CHECKED_BARS, 0), len(bars))
        if len(last) < FEWEST_BARS:
            continue
        targets = strategy.targets(last, params)
        cuts = _cuts(len(last), _changes(targets, CUT_CHANGES))
        ahead += len(look_ahead_violations(strategy, params, last, cuts=cuts.tolist()))
        room = len(last) - strategy.warmup(params)
        if room > 0:
            starts = _spread(1, room, STARTS).tolist()
            early += len(warmup_violations(strategy, params, last, starts=starts))
            early += _barely_warm(strategy, params, last, targets)
    return ahead, early


def _barely_warm(strategy: Strategy[Any], params: Params, bars: Bars, targets: Floats) -> int:
    """How many targets at changes, and before them, differ when only the warm-up is known."""
    warmup = max(strategy.warmup(params), 1)
    changes = _changes(targets, WARM_CHANGES)
    rows = np.unique(np.concatenate([changes, changes - 1]))
    found = 0
    for row in rows[rows >= warmup].tolist():
        known = strategy.targets(bars.slice(row - warmup + 1, row + 1), params)
        same = np.isclose(targets[row], known[-1], rtol=0, atol=TOLERANCE, equal_nan=True)
        found += not same
    return found


def _cuts(n: int, changes: Ints) -> Ints:
    """How many bars are left of `n`: spread, with the next one, and up to each change."""
    spread = _spread(1, n - 1, CUTS)
    return np.unique(np.clip(np.concatenate([spread, spread + 1, changes + 1]), 1, n - 1))


def _changes(targets: Floats, most: int) -> Ints:
    """Indices at which the target isn't what it was, at most so many, evenly chosen."""
    known = np.nan_to_num(targets, nan=-1.0)
    found = np.flatnonzero(np.diff(known)) + 1
    return found[_spread(0, len(found) - 1, most)] if len(found) else found


def _spread(low: int, high: int, count: int) -> Ints:
    return np.unique(np.linspace(low, high, count).astype(np.int64))
