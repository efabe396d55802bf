"""Shapes of targets that several strategies share. Pure, vectorised."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from marketdata.bars import Floats

Mask = NDArray[np.bool_]

# Averages of a market that stands still differ by rounding only; that is no crossing.
DEAD_BAND = 1e-9
_PIECE = 32_768  # fits a processor's own cache; smaller ones make threads wait for each other


def while_true(condition: Mask, *, warmup: int) -> Floats:
    """1 where `condition` holds, else 0; NaN before bar `warmup` (counted from one)."""
    targets = condition.astype(np.float64)
    targets[: warmup - 1] = np.nan
    return targets


def clearly_above(left: Floats, right: Floats, margin: Floats | float = 0.0) -> Mask:
    """Where `left` is above `right` by more than `margin` and by more than rounding."""
    above = np.empty(len(left), dtype=np.bool_)
    apart, slack = np.empty((2, min(_PIECE, len(left))))
    asked = isinstance(margin, np.ndarray) or margin > 0
    for start in range(0, len(left), _PIECE):
        piece = slice(start, min(start + _PIECE, len(left)))
        size = piece.stop - start
        np.subtract(left[piece], right[piece], out=apart[:size])
        np.abs(np.multiply(right[piece], DEAD_BAND, out=slack[:size]), out=slack[:size])
        if asked:
            least = margin[piece] if isinstance(margin, np.ndarray) else margin
            np.maximum(slack[:size], least, out=slack[:size])
        np.greater(apart[:size], slack[:size], out=above[piece])
    return above


def latched(enter: Mask, leave: Mask, *, bars: int) -> Mask:
    """True from `enter` until `leave`, for at most `bars` bars since the last `enter`.

    The limit gives the latch a finite memory: what was before can't be seen any more. Where
    both are true, `leave` wins.
    """
    index = np.arange(len(enter))
    entered = np.maximum.accumulate(np.where(enter, index, -bars))
    left = np.maximum.accumulate(np.where(leave, index, -bars))
    return np.asarray((entered > left) & (index - entered < bars))


def moved(close: Floats, *, bars: int) -> Mask:
    """Where the close changed at least once within the last `bars` bars."""
    changes = np.cumsum(np.diff(close, prepend=close[:1]) != 0)
    before = np.concatenate([np.zeros(min(bars, len(close)), dtype=changes.dtype), changes[:-bars]])
    return np.asarray(changes > before)
