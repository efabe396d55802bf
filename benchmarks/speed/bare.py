"""What one would write by hand with numba: no rules, no rounding, no fills kept. The yardstick."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit, prange

from strategies.targets import DEAD_BAND

CASH, FEE, FAST, SLOW = 10_000.0, 0.001, 20, 50


@njit
def from_bars(opens: Any, closes: Any, warmup: int, equity: Any) -> Any:
    """SMA over EMA with both averages inside the loop: (trades, final equity)."""
    cash, qty, total, slow = CASH, 0.0, 0.0, closes[0]
    weight, want, trades = 2.0 / (SLOW + 1), False, 0
    for index in range(len(closes)):
        if want and qty == 0.0:
            qty, cash = cash / (opens[index] * (1 + FEE)), 0.0
        elif not want and qty > 0.0:
            cash, qty = qty * opens[index] * (1 - FEE), 0.0
            trades += 1
        total += closes[index]
        if index >= FAST:
            total -= closes[index - FAST]
        slow += weight * (closes[index] - slow)
        want = index >= warmup - 1 and total / FAST - slow > DEAD_BAND * slow
        equity[index] = cash + qty * closes[index]
    return trades, equity[-1]


@njit
def from_targets(opens: Any, closes: Any, targets: Any, equity: Any) -> Any:
    """Follows targets that are there: (trades, final equity)."""
    cash, qty, want, trades = CASH, 0.0, False, 0
    for index in range(len(closes)):
        if want and qty == 0.0:
            qty, cash = cash / (opens[index] * (1 + FEE)), 0.0
        elif not want and qty > 0.0:
            cash, qty = qty * opens[index] * (1 - FEE), 0.0
            trades += 1
        want = targets[index] > 0.0
        equity[index] = cash + qty * closes[index]
    return trades, equity[-1]


@njit(parallel=True)
def sweep(
    opens: Any, closes: Any, fast: Any, slow: Any, pairs: Any, warmups: Any, final: Any
) -> None:
    """Pairs (row of `fast`, row of `slow`) on all cores; only the final equity is kept."""
    for pair in prange(len(pairs)):
        left, right, warmup = fast[pairs[pair, 0]], slow[pairs[pair, 1]], warmups[pair]
        cash, qty, want = CASH, 0.0, False
        for index in range(len(closes)):
            if want and qty == 0.0:
                qty, cash = cash / (opens[index] * (1 + FEE)), 0.0
            elif not want and qty > 0.0:
                cash, qty = qty * opens[index] * (1 - FEE), 0.0
            over = left[index] - right[index]
            want = index >= warmup - 1 and over > DEAD_BAND * right[index]
        final[pair] = cash + qty * closes[len(closes) - 1]


def swept(bars: Any, pairs: list[tuple[int, int]], warmups: Any) -> Any:
    """Averages once per window, then the loop: float64[pairs]."""
    from marketdata.indicators import compute

    quick, lazy = (sorted({pair[side] for pair in pairs}) for side in (0, 1))
    fast = np.array([compute("sma", {"period": each}, bars)["value"] for each in quick])
    slow = np.array([compute("ema", {"period": each}, bars)["value"] for each in lazy])
    rows = np.array([(quick.index(a), lazy.index(b)) for a, b in pairs])
    final = np.empty(len(pairs))
    sweep(bars.open, bars.close, fast, slow, rows, warmups, final)
    return final
