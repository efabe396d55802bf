"""How much to buy. Pure: no database, no clock, no network."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from trading.costs import Filters, Terms, affordable_qty, assumed_price
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

    The price of an entry isn't known yet, so it is counted as a taker would pay it now, with
    spread, slippage, tick and fee: floor(cash / price) must still hold when the fill comes.
    Of limits that leave the same room the widest is named: exposure, then position, then cash.
    """
    rooms = {
        Denial.MAX_EXPOSURE_REACHED: limits.max_exposure * account.equity - account.exposure,
        Denial.MAX_POSITION_REACHED: limits.max_position * account.equity - account.position_value,
        Denial.CASH_INSUFFICIENT: account.free_cash,
    }
    tightest = min(rooms, key=lambda denial: rooms[denial])
    bound = rooms[tightest] < wanted
    value = max(min(wanted, rooms[tightest]), Decimal(0))
    qty = affordable_qty(
        cash=value,
        price=assumed_price(account.price, terms, filters.price_tick),
        fee_bps=terms.fee_taker_bps,
        step=filters.qty_step,
    )
    return Sized(qty, tightest if bound else None)
