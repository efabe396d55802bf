"""What is read off an equity curve in one pass. Import lazily: it loads numba."""

from __future__ import annotations

from typing import Any

from trading.simulation.kernel_orders import compiled


@compiled
def deepest_fall(opening: float, equity: Any) -> float:
    """The deepest fall from a peak as a fraction of it, mark to market, from `opening` on."""
    deepest, peak, low = 0.0, opening, opening
    for index in range(len(equity)):
        value = equity[index]
        if value > peak:
            # Of one peak the lowest point is the deepest: one division for all of them.
            if low < peak and peak > 0:
                deepest = max(deepest, (peak - low) / peak)
            peak = low = value
        elif value < low:
            low = value
    if low < peak and peak > 0:
        deepest = max(deepest, (peak - low) / peak)
    return float(deepest)
