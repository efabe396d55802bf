"""How much to buy. Pure: no database, no clock, no network."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from trading.costs import BPS, ONE, Filters, Terms, floor_to
from trading.risk import Account, Denial, Limits


@dataclass(frozen=True, slots=True)
class Sized:
    """A quantity on the lot size, and the limit that made it no larger."""

    qty: Decimal
    bound_by: Denial | None


def size_entry(
    *, wanted: Decimal, account: Account, limits: Limits, filters: Filters, terms: Terms
) -> Sized:
    """Quantity for `wanted` quote value, cut to what position, exposure and cash allow.

    The price of an entry isn't known yet, so a buffer of spread, slippage and fee is kept:
    floor(cash / price) must still hold when the fill comes.
    """
    rooms = {
        Denial.MAX_POSITION_REACHED: limits.max_position * account.equity - account.position_value,
        Denial.MAX_EXPOSURE_REACHED: limits.max_exposure * account.equity - account.exposure,
        Denial.CASH_INSUFFICIENT: account.free_cash,
    }
    tightest = min(rooms, key=lambda denial: rooms[denial])
    bound = rooms[tightest] < wanted
    value = max(min(wanted, rooms[tightest]), Decimal(0))
    buffer_bps = terms.half_spread_bps + terms.slippage_bps + terms.fee_taker_bps
    price = account.price * (ONE + buffer_bps / BPS)
    return Sized(floor_to(value / price, filters.qty_step), tightest if bound else None)
