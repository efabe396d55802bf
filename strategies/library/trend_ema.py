"""Follows a trend: in while the fast average is clearly above the slow one."""

from __future__ import annotations

from pydantic import ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

from marketdata.bars import Bars, Floats
from marketdata.indicators import compute, settle_bars
from strategies.protocol import Overlay, Params, Strategy, bar_count, number
from strategies.targets import clearly_above, latched, while_true

BUFFER = "How far the averages must be apart to count; keeps out of sideways markets."


class TrendEmaParams(Params):
    fast: int = bar_count(12, "Fast EMA", "Period of the average that reacts first.")
    slow: int = bar_count(26, "Slow EMA", "Period of the average that it is compared with.")
    atr_period: int = bar_count(14, "ATR", "Period of the average true range.", le=100)
    buffer: float = number(1.0, "Buffer", BUFFER, ge=0, le=5, step=0.05, unit="ATR")
    patience: int = bar_count(
        200,
        "Patience",
        "Leave when the averages were not clearly apart for this many bars.",
        ge=10,
        le=1000,
    )

    @field_validator("slow")
    @classmethod
    def _slower(cls, slow: int, info: ValidationInfo) -> int:
        if slow <= info.data.get("fast", 0):
            raise PydanticCustomError("not_slower", "must be above the fast period")
        return slow


class TrendEma(Strategy[TrendEmaParams]):
    name = "trend_ema"
    title = "EMA trend"
    description = (
        "Enters when the fast EMA is above the slow EMA by a buffer, leaves when it is below by "
        "the same. The buffer is measured in average true ranges, so that it fits calm and wild "
        "markets alike; between the two nothing changes until patience runs out."
    )
    params_model = TrendEmaParams

    def warmup(self, params: TrendEmaParams) -> int:
        settled = max(
            settle_bars("ema", {"period": params.slow}),
            settle_bars("atr", {"period": params.atr_period}),
        )
        return settled + params.patience - 1

    def targets(self, bars: Bars, params: TrendEmaParams) -> Floats:
        fast = compute("ema", {"period": params.fast}, bars)["value"]
        slow = compute("ema", {"period": params.slow}, bars)["value"]
        apart = params.buffer * compute("atr", {"period": params.atr_period}, bars)["value"]
        held = latched(
            clearly_above(fast, slow, apart),
            clearly_above(slow, fast, apart),
            bars=params.patience,
        )
        return while_true(held, warmup=self.warmup(params))

    def overlays(self, params: TrendEmaParams) -> tuple[Overlay, ...]:
        return (
            Overlay("ema", {"period": params.fast}),
            Overlay("ema", {"period": params.slow}),
            Overlay("atr", {"period": params.atr_period}),
        )
