"""Buys what fell too fast, sells when it has recovered."""

from __future__ import annotations

from pydantic import ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

from marketdata.bars import Bars, Floats
from marketdata.indicators import compute, settle_bars
from strategies.protocol import Overlay, Params, Strategy, bar_count, number
from strategies.targets import latched, moved, while_true


class RsiReversionParams(Params):
    period: int = bar_count(14, "RSI", "Period of the relative strength index.", le=100)
    oversold: float = number(
        30.0, "Oversold", "Enter when the RSI is below it.", ge=1, le=49, step=1, unit="RSI"
    )
    recovered: float = number(
        55.0, "Recovered", "Leave when the RSI is above it.", ge=30, le=95, step=1, unit="RSI"
    )
    patience: int = bar_count(
        96,
        "Patience",
        "Leave when this many bars have passed since the RSI was last oversold.",
        ge=1,
        le=1000,
    )

    @field_validator("recovered")
    @classmethod
    def _higher(cls, recovered: float, info: ValidationInfo) -> float:
        if recovered <= info.data.get("oversold", 0):
            raise PydanticCustomError("not_higher", "must be above the oversold level")
        return recovered


class RsiReversion(Strategy[RsiReversionParams]):
    name = "rsi_reversion"
    title = "RSI reversion"
    description = (
        "Enters when the RSI is oversold and holds until it has recovered or patience has run "
        "out. Patience also bounds how far back a decision can depend on."
    )
    params_model = RsiReversionParams

    def warmup(self, params: RsiReversionParams) -> int:
        return settle_bars("rsi", {"period": params.period}) + params.patience - 1

    def targets(self, bars: Bars, params: RsiReversionParams) -> Floats:
        rsi = compute("rsi", {"period": params.period}, bars)["value"]
        # Without a single change the RSI is 0/0, which TA-Lib writes as 0: not oversold.
        alive = moved(bars.close, bars=params.period)
        held = latched(
            alive & (rsi < params.oversold),
            alive & (rsi > params.recovered),
            bars=params.patience,
        )
        return while_true(held, warmup=self.warmup(params))

    def overlays(self, params: RsiReversionParams) -> tuple[Overlay, ...]:
        return (Overlay("rsi", {"period": params.period}),)
