"""Returns of accounts that money goes into and out of."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from marketdata.bars import Floats, Ints

YEAR_MS = 365 * 86_400_000
_LOWEST, _HIGHEST, _HALVINGS = -0.999999, 1e6, 200


def time_weighted_return(
    at_ms: Ints, equity: Floats, flows: Sequence[tuple[int, float]]
) -> float | str:
    """Return as if no money had come or gone (GIPS: sub-periods linked at each flow).

    `flows` are (ms, amount), a deposit positive; the first point at or after a flow has it in.
    """
    if len(equity) < 2 or equity[0] <= 0:
        return "fewer than two equity points"
    growth = 1.0
    before = float(equity[0])
    amounts = _amounts(at_ms, flows)
    for index in np.flatnonzero(amounts):
        if index == 0:
            continue
        growth *= (float(equity[index]) - float(amounts[index])) / before
        before = float(equity[index])
        if before <= 0:
            return "nothing was left after a withdrawal"
    return growth * float(equity[-1]) / before - 1


def freed(at_ms: Ints, equity: Floats, flows: Sequence[tuple[int, float]]) -> Floats:
    """The equity as if no money had come or gone: it grows as the units of a fund do."""
    before, now = equity[:-1], equity[1:] - _amounts(at_ms, flows)[1:]
    # An account that was emptied neither gains nor loses.
    growth = np.divide(now, before, out=np.ones_like(before), where=before > 0)
    return np.concatenate([equity[:1], equity[:1] * np.cumprod(growth)])


def money_weighted_return(
    at_ms: Ints, equity: Floats, flows: Sequence[tuple[int, float]]
) -> float | str:
    """The yearly rate at which opening equity and flows grow to the closing equity (IRR)."""
    if len(equity) < 2 or equity[0] <= 0:
        return "fewer than two equity points"
    amounts = _amounts(at_ms, flows)
    amounts[0] = equity[0]
    kept = np.flatnonzero(amounts)
    years = (at_ms[-1] - at_ms[kept]) / YEAR_MS
    paid, closing = amounts[kept], float(equity[-1])
    if years[0] < 30 / 365:
        return "less than 30 days"

    def excess(rate: float) -> float:
        return float(np.sum(paid * (1 + rate) ** years)) - closing

    low, high = _LOWEST, _HIGHEST
    if excess(low) > 0 or excess(high) < 0:
        return "no rate explains the flows"
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if excess(middle) < 0 else (low, middle)
    return (low + high) / 2


def _amounts(at_ms: Ints, flows: Sequence[tuple[int, float]]) -> Floats:
    """What came in by each point."""
    amounts = np.zeros(len(at_ms))
    for ms, amount in flows:
        index = int(np.searchsorted(at_ms, ms))
        if index < len(amounts):
            amounts[index] += amount
    return amounts
