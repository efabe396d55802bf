"""The filters of a pair: what price, quantity and value an order may have."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from tests.exchange.market import Pair
from tests.exchange.orders import Kind, Reason, Refusal, Side, Wanted


@dataclass(frozen=True, slots=True)
class Rules:
    """A pair's rules as numbers."""

    tick: Decimal
    step: Decimal
    min_qty: Decimal
    max_qty: Decimal
    min_notional: Decimal
    max_price: Decimal
    band_up: Decimal  # a buy may cost at most so many times the last price
    band_down: Decimal  # a sell at least

    @classmethod
    def of(cls, pair: Pair) -> Rules:
        return cls(
            tick=Decimal(pair.tick),
            step=Decimal(pair.step),
            min_qty=Decimal(pair.min_qty),
            max_qty=Decimal(pair.max_qty),
            min_notional=Decimal(pair.min_notional),
            max_price=Decimal(pair.max_price),
            band_up=Decimal(pair.band_up),
            band_down=Decimal(pair.band_down),
        )


def check(wanted: Wanted, rules: Rules, last: Decimal) -> None:
    """Refuse what the filters forbid, in the order in which exchanges look."""
    if wanted.kind is Kind.LIMIT:
        _check_price(wanted, rules, last)
    if wanted.trigger % rules.tick:
        raise Refusal(Reason.PRICE_TICK)
    if not wanted.cost:
        _check_qty(wanted.qty, rules)
    price = wanted.price if wanted.kind is Kind.LIMIT else wanted.trigger or last
    if (wanted.cost or wanted.qty * price) < rules.min_notional:
        raise Refusal(Reason.NOTIONAL_BELOW_MINIMUM)


def _check_price(wanted: Wanted, rules: Rules, last: Decimal) -> None:
    price = wanted.price
    if price <= 0 or price > rules.max_price:
        raise Refusal(Reason.PRICE_RANGE)
    if price % rules.tick:
        raise Refusal(Reason.PRICE_TICK)
    if wanted.side is Side.BUY and price > last * rules.band_up:
        raise Refusal(Reason.PRICE_TOO_HIGH)
    if wanted.side is Side.SELL and price < last * rules.band_down:
        raise Refusal(Reason.PRICE_TOO_LOW)


def _check_qty(qty: Decimal, rules: Rules) -> None:
    if qty < rules.min_qty:
        raise Refusal(Reason.QTY_BELOW_MINIMUM)
    if qty > rules.max_qty:
        raise Refusal(Reason.QTY_ABOVE_MAXIMUM)
    if qty % rules.step:
        raise Refusal(Reason.QTY_STEP)
