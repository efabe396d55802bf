"""The tuned profile of `trend_ema`: shorter averages, half the buffer."""

from __future__ import annotations

from strategies.library.trend_ema import BUFFER, TrendEma, TrendEmaParams
from strategies.protocol import bar_count, number


class TrendEmaFastParams(TrendEmaParams):
    fast: int = bar_count(5, "Fast EMA", "Period of the average that reacts first.", le=50)
    slow: int = bar_count(13, "Slow EMA", "Period of the average that it is compared with.", le=100)
    buffer: float = number(0.5, "Buffer", BUFFER, ge=0, le=5, step=0.05, unit="ATR")


class TrendEmaFast(TrendEma):
    name = "trend_ema_fast"
    title = "EMA trend, fast"
    description = (
        "The rule of the EMA trend with shorter averages and half the buffer: in earlier, out "
        "earlier, and more often wrong."
    )
    params_model = TrendEmaFastParams
