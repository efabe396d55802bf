"""Orders that a person asks for: an intent first, an order from it second."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from django.contrib.auth.models import User
from django.db import transaction

from config import clock
from marketdata.models import Symbol
from marketdata.quotes import get_quote
from trading import risk
from trading.errors import BotInvalid, IntentDenied, IntentUnknown
from trading.models import Order, OrderIntent, SystemState
from trading.models.orders import OrderType, Side
from trading.reasons import Reason
from trading.risk import Denial
from trading.services._books import Books, Lane
from trading.services._bots import get_bot
from trading.services._execution import account_of, audit_intent, manual_key
from trading.services._orders import open_order, submit_order
from trading.services._tape import exact


def create_intent(
    *,
    bot_id: int,
    symbol: Symbol,
    side: str,
    qty: Decimal,
    by: User,
    now: datetime,
    idempotency_key: str,
    type: str = OrderType.MARKET,
    price: Decimal | None = None,
) -> OrderIntent:
    """A risk-checked intent in a bot's books. The same key gives the same intent again.

    Raises IntentDenied with the rule's code; the denied intent is kept.
    """
    bot = get_bot(bot_id)
    _check_shape(side, type, qty, price, idempotency_key)
    key = manual_key(bot, idempotency_key)
    intent = OrderIntent.objects.filter(idempotency_key=key).select_related("symbol").first()
    if intent is None:
        books = Books.open(bot)
        lane = next((lane for lane in books.lanes if lane.symbol.pk == symbol.pk), None)
        if lane is None:
            raise BotInvalid("The bot doesn't trade this symbol.", fields={"symbol": [str(symbol)]})
        denial = _check(books, lane, side, qty, price, now)
        intent = _store(books, lane, side, qty, type, price, key, denial, by, now)
    if intent.denial:
        raise IntentDenied(
            f"Denied: {intent.denial.replace('_', ' ')}.", fields={"denial": intent.denial}
        )
    return intent


def place_order(*, intent_id: int, by: User, now: datetime) -> Order:
    """Place the order of an allowed intent, once; a repeat gives the same order."""
    with transaction.atomic():
        intent = (
            OrderIntent.objects.select_for_update(of=("self",))
            .select_related("symbol", "bot")
            .filter(pk=intent_id)
            .first()
        )
        if intent is None:
            raise IntentUnknown(f"There is no intent {intent_id}.")
        if intent.denial:
            raise IntentDenied("A denied intent can't be placed.", fields={"denial": intent.denial})
        order = Order.objects.filter(intent=intent).first() or open_order(intent, now=now)
    return submit_order(order_id=order.pk, now=now)


def _check(
    books: Books, lane: Lane, side: str, qty: Decimal, price: Decimal | None, now: datetime
) -> Denial | None:
    quote = get_quote(lane.symbol.pk)
    age_s = float("inf")
    if quote is not None:
        lane.last_price = exact(quote.last)
        age_s = (clock.to_ms(now) - quote.at_ms) / 1000
    if lane.last_price <= 0:
        return Denial.PRICE_STALE
    if price is not None and price % lane.filters.price_tick:
        return Denial.PRICE_NOT_ON_TICK
    account = account_of(books, lane, price_age_s=age_s, at_ms=clock.to_ms(now))
    check = risk.check_buy if side == Side.BUY else risk.check_sell
    return check(qty=qty, account=account, limits=books.limits, filters=lane.filters)


def _store(
    books: Books,
    lane: Lane,
    side: str,
    qty: Decimal,
    kind: str,
    price: Decimal | None,
    key: str,
    denial: Denial | None,
    by: User,
    now: datetime,
) -> OrderIntent:
    with transaction.atomic():
        intent, fresh = OrderIntent.objects.get_or_create(
            idempotency_key=key,
            defaults={
                "bot": books.bot,
                "symbol": lane.symbol,
                "side": side,
                "type": kind,
                "qty": qty,
                "price": price,
                "reason": Reason.MANUAL,
                "denial": denial or "",
                "epoch": SystemState.objects.values_list("epoch", flat=True).get(pk=1),
                "decided_at": now,
            },
        )
        if fresh:
            audit_intent(intent, now=now, by=by)
    return intent


def _check_shape(side: str, kind: str, qty: Decimal, price: Decimal | None, key: str) -> None:
    wrong: dict[str, object] = {}
    if side not in Side.values:
        wrong["side"] = ["BUY or SELL."]
    if kind not in {OrderType.MARKET, OrderType.LIMIT}:
        wrong["type"] = ["MARKET or LIMIT."]
    if qty <= 0:
        wrong["qty"] = ["More than 0."]
    if (kind == OrderType.LIMIT) != (price is not None):
        wrong["price"] = ["A limit order needs a price, a market order has none."]
    if price is not None and price <= 0:
        wrong["price"] = ["More than 0."]
    if not 1 <= len(key) <= 80:
        wrong["idempotency_key"] = ["Between 1 and 80 characters."]
    if wrong:
        raise BotInvalid("The intent isn't complete.", fields=wrong)
