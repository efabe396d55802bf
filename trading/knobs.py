"""What an operator may turn on a bot: risk limits and the terms of the paper market."""

from __future__ import annotations

from decimal import Decimal
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from config.env import Env
from trading.protection import OnFailure, Venue

PositionMode = Literal["long_flat", "rebalance"]


class Knobs(BaseModel):
    """Fractions are of equity; bps are of the price or the notional."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    position_mode: PositionMode = Field(
        title="Position mode",
        description="long_flat buys once and sells all; rebalance follows the wanted exposure.",
    )
    max_exposure: Decimal = Field(
        title="Maximum exposure", description="Of equity, over all symbols.", gt=0, le=1
    )
    max_position: Decimal = Field(
        title="Maximum position", description="Of equity, in one symbol.", gt=0, le=1
    )
    max_daily_loss: Decimal = Field(
        title="Daily loss limit",
        description="No entries once the UTC day lost this fraction.",
        gt=0,
        le=1,
    )
    max_drawdown: Decimal = Field(
        title="Drawdown limit",
        description="No entries while equity is this far below its peak.",
        gt=0,
        le=1,
    )
    max_price_age_s: float = Field(
        title="Oldest usable price", description="Seconds.", gt=0, le=3600
    )
    cooldown_candles: int = Field(
        title="Cooldown", description="Candles to wait after an exit.", ge=0, le=1000
    )
    protection: Venue = Field(
        default="exchange",
        title="Stop of a live position",
        description="exchange keeps a stop order there; software watches quotes. Paper bots and "
        "simulations always watch.",
    )
    on_protection_failure: OnFailure = Field(
        default="software",
        title="When that stop fails",
        description="retry places it again, software lets the watching do, flatten sells at once.",
    )
    fee_maker_bps: Decimal = Field(title="Maker fee", description="bps", ge=0, le=1000)
    fee_taker_bps: Decimal = Field(title="Taker fee", description="bps", ge=0, le=1000)
    half_spread_bps: Decimal = Field(
        title="Half spread", description="bps; used where no quote is known.", ge=0, le=1000
    )
    slippage_bps: Decimal = Field(title="Slippage", description="bps", ge=0, le=1000)
    volume_cap: Decimal = Field(
        title="Volume cap",
        description="Largest fraction of a candle's volume that one order may be.",
        gt=0,
        le=1,
    )

    @classmethod
    def defaults(cls, env: Env) -> Knobs:
        """What the environment says a new bot starts with."""
        return cls(
            position_mode=env.trading_spot_position_mode,
            max_exposure=env.risk_max_exposure,
            max_position=env.risk_max_position,
            max_daily_loss=env.risk_max_daily_loss,
            max_drawdown=env.risk_max_drawdown,
            max_price_age_s=env.risk_max_price_age_s,
            cooldown_candles=env.risk_cooldown_candles,
            fee_maker_bps=env.paper_fee_maker_bps,
            fee_taker_bps=env.paper_fee_taker_bps,
            half_spread_bps=env.paper_half_spread_bps,
            slippage_bps=env.paper_slippage_bps,
            volume_cap=env.paper_volume_cap,
        )

    def stored(self) -> dict[str, object]:
        """As kept in the database: decimals as strings."""
        return self.model_dump(mode="json")
