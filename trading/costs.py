"""What trading costs: ticks, lots, fees, slippage. Pure Decimal; never kinder than the market."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

BPS = Decimal(10_000)
ONE = Decimal(1)
FEE_STEP = Decimal("0.00000001")


@dataclass(frozen=True, slots=True)
class Filters:
    """An exchange's rules for one symbol."""

    price_tick: Decimal
    qty_step: Decimal
    min_qty: Decimal
    min_notional: Decimal


@dataclass(frozen=True, slots=True)
class Terms:
    """What the paper market charges; bps of price or notional, `volume_cap` a fraction."""

    fee_maker_bps: Decimal
    fee_taker_bps: Decimal
    half_spread_bps: Decimal
    slippage_bps: Decimal
    volume_cap: Decimal


def floor_to(value: Decimal, step: Decimal) -> Decimal:
    """The largest multiple of `step` that is not above `value`."""
    return (value / step).to_integral_value(ROUND_FLOOR) * step


def ceil_to(value: Decimal, step: Decimal) -> Decimal:
    """The smallest multiple of `step` that is not below `value`."""
    return (value / step).to_integral_value(ROUND_CEILING) * step


def buy_price(reference: Decimal, bps: Decimal, tick: Decimal) -> Decimal:
    """What a taker pays: `reference` plus `bps`, rounded up to the tick."""
    return ceil_to(reference * (ONE + bps / BPS), tick)


def sell_price(reference: Decimal, bps: Decimal, tick: Decimal) -> Decimal:
    """What a taker gets: `reference` less `bps`, rounded down to the tick, at least one tick."""
    return max(floor_to(reference * (ONE - bps / BPS), tick), tick)


def assumed_price(reference: Decimal, terms: Terms, tick: Decimal) -> Decimal:
    """What a taker pays where no quote is known, before the fee."""
    return buy_price(reference, terms.half_spread_bps + terms.slippage_bps, tick)


def fee(*, qty: Decimal, price: Decimal, bps: Decimal) -> Decimal:
    """Fee in the quote asset, rounded up at the 8th decimal as exchanges do."""
    return ceil_to(qty * price * bps / BPS, FEE_STEP)


def affordable_qty(*, cash: Decimal, price: Decimal, fee_bps: Decimal, step: Decimal) -> Decimal:
    """The most that `cash` buys at `price` with its fee, on the lot size; 0 if nothing."""
    if cash <= 0:
        return Decimal(0)
    # A fee is rounded up by at most 1e-8: leave that much.
    spendable = cash - FEE_STEP if fee_bps else cash
    return max(floor_to(spendable / (price * (ONE + fee_bps / BPS)), step), Decimal(0))
