"""Matching of paper orders against what the market did. Pure; never kinder than the market.

A market order pays the next bar's open plus half spread and slippage. A resting limit
order fills only when the price went *through* it, at its limit. A stop fills at its
trigger or, over a gap, at the open, with slippage. One order takes at most a share of the
bar's volume; the rest waits for the next bar.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from trading.costs import Filters, Terms, affordable_qty, buy_price, fee, floor_to, sell_price


@dataclass(frozen=True, slots=True)
class Market:
    """What happened: a closed bar, or one quote (open = high = low = close, with bid and ask)."""

    at_ms: int  # time of a fill: the bar's open, or the quote's time
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal  # base asset, that the cap is a share of
    bid: Decimal | None = None
    ask: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Resting:
    """The part of an order that matching looks at."""

    buy: bool
    kind: str  # MARKET, LIMIT, STOP_MARKET
    remaining: Decimal
    price: Decimal | None
    rested: bool  # it was on the book before this bar, so a limit can be a maker
    triggered: bool  # a stop that has begun to fill goes on as a market order


@dataclass(frozen=True, slots=True)
class Execution:
    """One fill: quantity, price in ticks, fee in the quote asset."""

    qty: Decimal
    price: Decimal
    fee: Decimal
    maker: bool


def execute(
    *,
    order: Resting,
    market: Market,
    terms: Terms,
    filters: Filters,
    buying_power: Decimal,
    already: Decimal = Decimal(0),
) -> Execution | None:
    """The fill of `order` in `market`, or None.

    `buying_power` is the cash a buy may take (ignored for sells): never a negative balance.
    `already` is what the order took of this bar's volume before.
    """
    priced = _price(order, market, terms, filters)
    if priced is None:
        return None
    price, maker = priced
    bps = terms.fee_maker_bps if maker else terms.fee_taker_bps
    room = terms.volume_cap * market.volume - already
    qty = min(order.remaining, max(floor_to(room, filters.qty_step), Decimal(0)))
    if order.buy:
        qty = min(
            qty,
            affordable_qty(cash=buying_power, price=price, fee_bps=bps, step=filters.qty_step),
        )
    if qty <= 0:
        return None
    return Execution(qty, price, fee(qty=qty, price=price, bps=bps), maker)


def _price(
    order: Resting, market: Market, terms: Terms, filters: Filters
) -> tuple[Decimal, bool] | None:
    """(price, maker) of a fill, or None when the market did not get there."""
    if order.kind == "LIMIT":
        return _limit_price(order, market, terms, filters)
    reference = market.open
    if order.kind == "STOP_MARKET" and not order.triggered and order.price is not None:
        if market.low > order.price:
            return None
        reference = min(market.open, order.price)
    return _taker_price(order.buy, reference, market, terms, filters), False


def _limit_price(
    order: Resting, market: Market, terms: Terms, filters: Filters
) -> tuple[Decimal, bool] | None:
    if order.price is None:
        raise ValueError("a limit order has a price")
    crossed = False
    if not order.rested:
        taken = _taker_price(order.buy, market.open, market, terms, filters)
        if (taken <= order.price) if order.buy else (taken >= order.price):
            return taken, False
        # It met the other side as it came: slippage cost it the price, but it never waited.
        met = (market.ask if order.buy else market.bid) or market.open
        crossed = (met < order.price) if order.buy else (met > order.price)
    low = market.low if market.ask is None else market.ask
    high = market.high if market.bid is None else market.bid
    through = low < order.price if order.buy else high > order.price
    return (order.price, not crossed) if through else None


def _taker_price(
    buy: bool, reference: Decimal, market: Market, terms: Terms, filters: Filters
) -> Decimal:
    """Spread from the quote where there is one, else the assumed half spread."""
    quoted = market.ask if buy else market.bid
    if quoted is not None:
        reference, bps = quoted, terms.slippage_bps
    else:
        bps = terms.half_spread_bps + terms.slippage_bps
    shift = buy_price if buy else sell_price
    return shift(reference, bps, filters.price_tick)
