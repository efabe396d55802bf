"""Orders that a person asks for: an intent first, an order from it second."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from decimal import Decimal

from django.contrib.auth.models import User
from django.db import transaction

from config import clock
from marketdata.models import Symbol
from marketdata.quotes import Quote, get_quote
from trading import risk
from trading.errors import BotInvalid, BotIsLive, BotIsPaper, IntentDenied, IntentUnknown
from trading.models import Bot, Order, OrderIntent
from trading.models.orders import OrderType, Side
from trading.reasons import Reason
from trading.risk import Denial
from trading.services._books import Books, Lane
from trading.services._bots import get_bot
from trading.services._execution import audit_intent, manual_key
from trading.services._orders import open_order, submit_order
from trading.services._sizing import account_of
from trading.services._tape import exact
from trading.services.accounts._brokers import BrokerFor, broker_for

QuoteFor = Callable[[int], Quote | None]


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
    live: bool = False,
    quote_for: QuoteFor = get_quote,
) -> OrderIntent:
    """A risk-checked intent in a bot's books. The same key gives the same intent again; with
    other content it is refused. Real money has its own door: `live` must be what the bot is.

    Raises IntentDenied with the rule's code; the denied intent is kept.
    """
    bot = get_bot(bot_id)
    _check_mode(bot, live=live)
    _check_shape(side, type, qty, price, idempotency_key)
    key = manual_key(bot, idempotency_key)
    intent = OrderIntent.objects.filter(idempotency_key=key).select_related("symbol").first()
    if intent is None:
        books, lane = _lane(bot, symbol)
        denial = _check(books, lane, side, qty, price, now, quote_for)
        intent = _store(books, lane, side, qty, type, price, key, denial, by, now)
    if (intent.symbol, intent.side, intent.type, intent.qty, intent.price) != (
        (symbol, side, type, qty, price)
    ):
        raise BotInvalid(
            "This key belongs to another intent.",
            fields={"idempotency_key": ["Use a new key for another intent."]},
        )
    if intent.denial:
        raise _denied(intent)
    return intent


def check_intent(
    *,
    bot: Bot,
    symbol: Symbol,
    side: str,
    qty: Decimal,
    type: str,
    price: Decimal | None,
    now: datetime,
    quote_for: QuoteFor = get_quote,
) -> Denial | None:
    """What the risk rules would say; nothing is written."""
    _check_shape(side, type, qty, price, "a key")
    return _check(*_lane(bot, symbol), side, qty, price, now, quote_for)


def place_order(
    *,
    intent_id: int,
    by: User,
    now: datetime,
    live: bool = False,
    quote_for: QuoteFor = get_quote,
    broker_for: BrokerFor = broker_for,
) -> Order:
    """Place the order of an allowed intent, once; a repeat gives the same order.

    Time has passed since it was allowed, so the risk rules are asked again: raises IntentDenied.
    """
    with transaction.atomic():
        intent = (
            OrderIntent.objects.select_for_update(of=("self",), no_key=True)
            .select_related("symbol")
            .filter(pk=intent_id)
            .first()
        )
        if intent is None:
            raise IntentUnknown(f"There is no intent {intent_id}.")
        order = Order.objects.filter(intent=intent).first()
        if order is None and not intent.denial:
            order = _open(intent, by, now, live, quote_for)
    if order is None:
        raise _denied(intent)
    return submit_order(order_id=order.pk, now=now, broker_for=broker_for)


def _open(
    intent: OrderIntent, by: User, now: datetime, live: bool, quote_for: QuoteFor
) -> Order | None:
    """The order, or None when the rules refuse by now; two at once can't spend the same cash."""
    bot = get_bot(intent.bot_id, lock=True)
    _check_mode(bot, live=live)  # it may have gone live since
    books, lane = _lane(bot, intent.symbol)
    denial = _check(books, lane, intent.side, intent.qty, intent.price, now, quote_for)
    if denial is None:
        return open_order(intent, now=now)
    intent.denial = denial
    intent.save(update_fields=["denial"])
    audit_intent(intent, now=now, by=by)
    return None


def _check_mode(bot: Bot, *, live: bool) -> None:
    if live and bot.paper_mode:
        raise BotIsPaper(f"{bot.name} trades on paper.")
    if not live and not bot.paper_mode:
        raise BotIsLive(f"{bot.name} is live: orders of people go through trading/live/order.")


def _denied(intent: OrderIntent) -> IntentDenied:
    return IntentDenied(
        f"Denied: {intent.denial.replace('_', ' ')}.", fields={"denial": intent.denial}
    )


def _lane(bot: Bot, symbol: Symbol) -> tuple[Books, Lane]:
    if bot.is_replay:
        raise BotInvalid("A replay takes no orders of people: its market is long over.")
    books = Books.open(bot)
    for lane in books.lanes:
        if lane.symbol.pk == symbol.pk:
            return books, lane
    raise BotInvalid("The bot doesn't trade this symbol.", fields={"symbol": [str(symbol)]})


def _check(
    books: Books,
    lane: Lane,
    side: str,
    qty: Decimal,
    price: Decimal | None,
    now: datetime,
    quote_for: QuoteFor,
) -> Denial | None:
    """What the rules say at the newest quotes; a limit order counts at its limit."""
    quotes = {each.symbol.pk: quote_for(each.symbol.pk) for each in books.lanes}
    for each in books.lanes:
        if quote := quotes[each.symbol.pk]:
            each.last_price = exact(quote.last)
    own = quotes[lane.symbol.pk]
    if own is None:
        return Denial.PRICE_STALE
    if price is not None and price % lane.filters.price_tick:
        return Denial.PRICE_NOT_ON_TICK
    age_s = (clock.to_ms(now) - own.at_ms) / 1000
    account = account_of(books, lane, price_age_s=age_s, at_ms=clock.to_ms(now))
    account = replace(account, price=price or account.price)
    if side == Side.SELL:
        return risk.check_sell(qty=qty, account=account, limits=books.limits, filters=lane.filters)
    denial = risk.check_buy(qty=qty, account=account, limits=books.limits, filters=lane.filters)
    dearest = qty * books.dearest(lane, price)
    return denial or (Denial.CASH_INSUFFICIENT if dearest > account.free_cash else None)


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
                "epoch": books.epoch,
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
    if not qty.is_finite() or qty <= 0:
        wrong["qty"] = ["More than 0."]
    if (kind == OrderType.LIMIT) != (price is not None):
        wrong["price"] = ["A limit order needs a price, a market order has none."]
    if price is not None and not (price.is_finite() and price > 0):
        wrong["price"] = ["More than 0."]
    if not 1 <= len(key) <= 80:
        wrong["idempotency_key"] = ["Between 1 and 80 characters."]
    if wrong:
        raise BotInvalid("The intent isn't complete.", fields=wrong)
