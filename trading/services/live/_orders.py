"""Orders of people with real money: behind every gate, sent once, shown before if wanted."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.contrib.auth.models import User
from django.db import transaction

from config import clock
from config.fields import plain
from marketdata.models import Symbol
from marketdata.quotes import get_quote
from trading.errors import BotIsPaper, IntentDenied, LiveNotGranted
from trading.models import Bot, LiveGrant, Order, OrderIntent, SystemState
from trading.models.orders import OrderType, Side
from trading.order_state import OrderStatus
from trading.queries import Gate
from trading.risk import Denial
from trading.services._bots import get_bot
from trading.services._confirm import check_confirmed
from trading.services._execution import manual_key
from trading.services._gate import claim_denial, grant_denial, standing_grant
from trading.services._intents import QuoteFor, check_intent, create_intent, place_order
from trading.services._orders import client_order_id, placement_of
from trading.services._protection import make_way
from trading.services.accounts._accounts import get_account
from trading.services.accounts._brokers import BrokerFor, broker_for
from trading.services.live._gate import Caps, check_live_mode, check_open, checklist


@dataclass(frozen=True, slots=True)
class Wanted:
    """An order that a person asks for; `price` with LIMIT only."""

    bot_id: int
    symbol: Symbol
    side: str
    qty: Decimal
    type: str = OrderType.MARKET
    price: Decimal | None = None


@dataclass(frozen=True, slots=True)
class LivePreview:
    """What would be sent, and what keeps it from being sent."""

    would_send: bool
    denial: str  # a trading.risk.Denial, or ""
    exchange: str
    account: str
    request: str
    parameters: dict[str, Any]
    timestamp_ms: int  # the exchange's clock: what the request would be stamped with
    gates: list[Gate]


def place_live_order(
    *,
    wanted: Wanted,
    by: User,
    via: str,
    now: datetime,
    idempotency_key: str,
    quote_for: QuoteFor = get_quote,
    broker_for: BrokerFor = broker_for,
) -> Order:
    """Send one order of a live bot. The same key gives the same order again.

    Refuses LiveModeOff, StepUpRequired, BotIsPaper, LiveNotGranted, GatesClosed, IntentDenied.
    A sale passes without a grant and with closed gates: what was bought must be sellable. The
    position's stop at the exchange makes way for it; GuardStands while its end isn't known.
    """
    check_live_mode()
    check_confirmed(user=by, via=via, now=now)
    bot = _live_bot(wanted.bot_id)
    sent = Order.objects.filter(intent__idempotency_key=manual_key(bot, idempotency_key)).exists()
    if wanted.side == Side.BUY and not sent:
        if _grant(bot, now) is None:
            raise LiveNotGranted(f"No live grant of {bot.name} stands.")
        check_open(_gates(bot, now))
    if wanted.side == Side.SELL and not sent:
        make_way(bot=bot, symbol=wanted.symbol, now=now)
    intent = create_intent(
        bot_id=bot.pk,
        symbol=wanted.symbol,
        side=wanted.side,
        qty=wanted.qty,
        type=wanted.type,
        price=wanted.price,
        by=by,
        now=now,
        idempotency_key=idempotency_key,
        live=True,
        quote_for=quote_for,
    )
    order = place_order(
        intent_id=intent.pk, by=by, now=now, live=True, quote_for=quote_for, broker_for=broker_for
    )
    if order.status == OrderStatus.DENIED:
        denial = OrderIntent.objects.values_list("denial", flat=True).get(pk=intent.pk)
        raise IntentDenied(f"Denied: {denial.replace('_', ' ')}.", fields={"denial": denial})
    return order


def preview_live_order(
    *, wanted: Wanted, now: datetime, idempotency_key: str, quote_for: QuoteFor = get_quote
) -> LivePreview:
    """Everything but writing and sending. Refuses BotIsPaper, BotInvalid."""
    from trading.brokers.preview import request_of

    bot = _live_bot(wanted.bot_id)
    order = _unsaved(bot, wanted, now, idempotency_key)
    rules = check_intent(
        bot=bot,
        symbol=wanted.symbol,
        side=wanted.side,
        qty=wanted.qty,
        type=wanted.type,
        price=wanted.price,
        now=now,
        quote_for=quote_for,
    )
    denial = rules or _claim_denial(order, now)
    gates = _gates(bot, now)
    blocked = wanted.side == Side.BUY and not all(gate.ok for gate in gates)
    account = get_account(bot.account_id or 0)
    request, parameters = request_of(account.exchange, placement_of(order))
    return LivePreview(
        would_send=denial is None and not blocked,
        denial=denial or "",
        exchange=account.exchange,
        account=account.name,
        request=request,
        parameters=parameters,
        timestamp_ms=clock.to_ms(now) + account.offset_ms,
        gates=gates,
    )


def _live_bot(bot_id: int) -> Bot:
    bot = get_bot(bot_id)
    if bot.paper_mode:
        raise BotIsPaper(f"{bot.name} trades on paper: nothing of it goes to an exchange.")
    return bot


def _grant(bot: Bot, now: datetime) -> LiveGrant | None:
    return standing_grant(bot_id=bot.pk, account_id=bot.account_id or 0, now=now)


def _gates(bot: Bot, now: datetime) -> list[Gate]:
    grant = _grant(bot, now)
    caps = Caps(grant.max_order, grant.max_exposure) if grant else None
    reasons = [] if grant else ["No grant was approved, or it was revoked or has expired."]
    gates = checklist(bot=bot, account=bot.account, caps=caps, now=now)
    return [Gate("grant_stands", not reasons, reasons), *gates]


def _claim_denial(order: Order, now: datetime) -> Denial | None:
    """What the claim would say, which it says again when it comes to it."""
    state = SystemState.objects.filter(pk=1).first()
    with transaction.atomic():
        return claim_denial(epoch=state.epoch if state else 1) or grant_denial(order, now=now)


def _unsaved(bot: Bot, wanted: Wanted, now: datetime, idempotency_key: str) -> Order:
    return Order(
        bot=bot,
        symbol=wanted.symbol,
        account=bot.account,
        client_order_id=client_order_id(manual_key(bot, idempotency_key)),
        side=wanted.side,
        type=wanted.type,
        qty=plain(wanted.qty),
        price=None if wanted.price is None else plain(wanted.price),
        sent_at=now,
    )
