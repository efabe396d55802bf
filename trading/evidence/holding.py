"""How long positions were held, those still open at the end among them. Pure."""

from __future__ import annotations

import numpy as np

from trading.simulation.run import Run


def longest_holding(run: Run) -> int:
    """The longest time in ms that a position was held, 0 without one.

    One that is open at the end counts up to the last close: how it ends isn't known yet, so what
    was chosen by it must not touch what comes after.
    """
    closed = run.trades.closed_ms - run.trades.opened_ms
    longest = int(closed.max()) if len(closed) else 0
    opened = opened_ms(run)
    return max(longest, int(run.at_ms[-1]) - min(opened)) if opened else longest


def opened_ms(run: Run) -> list[int]:
    """When each position was opened that is still held at the end; UTC ms of the bar's open."""
    fills, found = run.fills, []
    signed = np.where(fills.buy == 1, fills.qty_steps, -fills.qty_steps)
    for lane in range(len(run.symbols)):
        own = np.flatnonzero(fills.lane == lane)
        held = np.cumsum(signed[own])
        if not len(held) or held[-1] == 0:
            continue
        flat = np.flatnonzero(held == 0)
        first = int(flat[-1]) + 1 if len(flat) else 0
        found.append(int(fills.at_ms[own[first]]))
    return found
