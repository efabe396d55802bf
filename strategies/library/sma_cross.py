"""Long while a simple average is above an exponential one."""

from __future__ import annotations

from pydantic import ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

from marketdata.bars import Bars, Floats
from marketdata.indicators import compute, settle_bars
from strategies.protocol import Overlay, Params, Strategy, bar_count
from strategies.targets import clearly_above, while_true


class SmaCrossParams(Params):
    fast: int = bar_count(20, "SMA", "Period of the simple average.")
    slow: int = bar_count(50, "EMA", "Period of the exponential average that it must be above.")

    @field_validator("slow")
    @classmethod
    def _slower(cls, slow: int, info: ValidationInfo) -> int:
        if slow <= info.data.get("fast", 0):
            raise PydanticCustomError("not_slower", "must be above the SMA's period")
        return slow


class SmaCross(Strategy[SmaCrossParams]):
    name = "sma_cross"
    title = "SMA over EMA"
    description = "Holds while the fast SMA is above the slow EMA; a crossing down is the exit."
    params_model = SmaCrossParams

    def warmup(self, params: SmaCrossParams) -> int:
        return settle_bars("ema", {"period": params.slow})

    def targets(self, bars: Bars, params: SmaCrossParams) -> Floats:
        fast = compute("sma", {"period": params.fast}, bars)["value"]
        slow = compute("ema", {"period": params.slow}, bars)["value"]
        return while_true(clearly_above(fast, slow), warmup=self.warmup(params))

    def overlays(self, params: SmaCrossParams) -> tuple[Overlay, ...]:
        return (
            Overlay("sma", {"period": params.fast}),
            Overlay("ema", {"period": params.slow}),
        )
