"""Positions and round trips as folds over fills. Pure Decimal.

Average cost includes buying fees; realized PnL is what a sale brought, less its fee and
the average cost of what was sold. Cash plus inventory at cost is conserved.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Context, Decimal, localcontext

ZERO = Decimal(0)
STORED = Decimal("1e-18")  # what the columns keep, so that a refold gives the same digits
# The default of 28 digits is too few for 18 decimals of a coin that costs billions.
_WIDE = Context(prec=60)


class Oversold(Exception):
    """A sale of more than is held: a bug above, since spot can't go short."""


@dataclass(frozen=True, slots=True)
class Holding:
    """State of one bot's position in one symbol."""

    qty: Decimal = ZERO
    avg_cost: Decimal = ZERO  # quote per base, fees included
    entry_price: Decimal = ZERO  # without fees
    realized_pnl: Decimal = ZERO
    fees: Decimal = ZERO

    def unrealized_pnl(self, price: Decimal) -> Decimal:
        """Of what is held, marked at `price`, before the cost of selling."""
        return self.qty * (price - self.avg_cost)


@dataclass(frozen=True, slots=True)
class Filled:
    """A fill as positions see it; `fee` in the quote asset unless `fee_in_base`."""

    buy: bool
    qty: Decimal
    price: Decimal
    fee: Decimal
    fee_in_base: bool = False

    @property
    def cash_change(self) -> Decimal:
        """Quote asset gained (sale) or spent (buy)."""
        fee = ZERO if self.fee_in_base else self.fee
        notional = self.qty * self.price
        return -notional - fee if self.buy else notional - fee


def apply_fill(holding: Holding, fill: Filled) -> Holding:
    """The holding after `fill`. Raises Oversold rather than going short."""
    with localcontext(_WIDE):
        return _bought(holding, fill) if fill.buy else _sold(holding, fill)


def _bought(holding: Holding, fill: Filled) -> Holding:
    received = fill.qty - (fill.fee if fill.fee_in_base else ZERO)
    qty = holding.qty + received
    cost = holding.qty * holding.avg_cost - fill.cash_change
    notional = holding.qty * holding.entry_price + received * fill.price
    fee = fill.fee * fill.price if fill.fee_in_base else fill.fee
    return replace(
        holding,
        qty=qty,
        avg_cost=(cost / qty).quantize(STORED),
        entry_price=(notional / qty).quantize(STORED),
        fees=holding.fees + fee,
    )


def _sold(holding: Holding, fill: Filled) -> Holding:
    left = holding.qty - fill.qty - (fill.fee if fill.fee_in_base else ZERO)
    if left < 0:
        raise Oversold(f"{fill.qty} sold of {holding.qty}")
    gained = fill.cash_change - (holding.qty - left) * holding.avg_cost
    fee = fill.fee * fill.price if fill.fee_in_base else fill.fee
    return replace(
        holding,
        qty=left,
        avg_cost=holding.avg_cost if left else ZERO,
        entry_price=holding.entry_price if left else ZERO,
        realized_pnl=(holding.realized_pnl + gained).quantize(STORED),
        fees=holding.fees + fee,
    )
