"""Orders on their way out: claimed before they leave, sent once, canceled by asking.

Nothing here sends twice: a crash leaves SUBMITTING behind, no answer leaves UNKNOWN, and
`_resolve` finds out what became of either.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import structlog
from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import F

from config import clock
from trading import events, order_state
from trading.brokers import Ack, Outcome, Placement, Reference
from trading.costs import Filters
from trading.errors import OrderNotOpen, OrderUnknown
from trading.models import Bot, Order, OrderIntent, OrderTransition
from trading.order_state import OrderStatus
from trading.risk import Denial
from trading.services._audit import record
from trading.services._gate import claim_denial, grant_denial
from trading.services.accounts._brokers import BrokerFor, broker_for

log = structlog.get_logger(__name__)

S = OrderStatus
LEASE = timedelta(seconds=15)  # longer than any single call to a broker may take
REPEATS_WITHIN = timedelta(minutes=10)
ASK_AGAIN = timedelta(seconds=5)  # to cancel, while nothing shows that it was heard

WITH = ("intent", "bot", "symbol", "account")  # what an order is read with
_VERDICTS = {
    Outcome.ACKED: S.OPEN,
    Outcome.REJECTED: S.REJECTED,
    Outcome.NOT_SENT: S.NOT_SENT,
    Outcome.UNKNOWN: S.UNKNOWN,
}


def client_order_id(idempotency_key: str) -> str:
    """Ours, 27 characters both venues accept; a pure function of the decision."""
    digest = hashlib.sha256(idempotency_key.encode()).digest()
    return "cs-" + base64.b32encode(digest).decode()[:24].lower()


def open_order(intent: OrderIntent, *, now: datetime) -> Order:
    """The order row of an allowed intent, in the transaction that decided it."""
    order = Order(
        intent=intent,
        bot_id=intent.bot_id,
        symbol_id=intent.symbol_id,
        account_id=intent.bot.account_id if not intent.bot.paper_mode else None,
        client_order_id=client_order_id(intent.idempotency_key),
        side=intent.side,
        type=intent.type,
        qty=intent.qty,
        price=intent.price,
        limit_price=intent.limit_price,
        created_at=now,
        updated_at=now,
    )
    order.save(force_insert=True)
    return order


def submit_order(*, order_id: int, now: datetime, broker_for: BrokerFor = broker_for) -> Order:
    """Hand one NEW order to its broker, at most once. A second worker finds the claim."""
    order = Order.objects.select_related(*WITH).get(pk=order_id)
    broker = broker_for(order)  # refuses before anything is claimed
    if not _claim(order, now):
        order.refresh_from_db()
        return order
    return settle(order, _asked(lambda: broker.place(placement_of(order))), now)


def move(order: Order, to: OrderStatus, *, cause: str, now: datetime, **fields: Any) -> bool:
    """One allowed step by guarded update; False if another was faster. Own transaction or yours."""
    old = OrderStatus(order.status)
    order_state.check_transition(old, to)
    with transaction.atomic():
        moved = Order.objects.filter(pk=order.pk, status=old, fence=order.fence).update(
            status=to, updated_at=now, **fields
        )
        if not moved:
            return False
        OrderTransition.objects.create(
            order_id=order.pk, from_status=old, to_status=to, cause=cause[:60], at=now
        )
        if order_state.contradicts(old, to):
            record(
                action="verdict.contradicted",
                subject=f"order:{order.pk}",
                by=None,
                now=now,
                before={"status": old},
                after={"status": to},
            )
    order.status = to
    for name, value in fields.items():
        setattr(order, name, value)
    events.order_changed(order, now=now)
    return True


def cancel_order(
    *,
    order_id: int,
    by: User | None,
    now: datetime,
    cause: str = "requested",
    broker_for: BrokerFor = broker_for,
) -> Order:
    """Ask the broker to cancel. Raises OrderNotOpen when there is nothing to cancel."""
    order = Order.objects.select_related(*WITH).filter(pk=order_id).first()
    if order is None:
        raise OrderUnknown(f"There is no order {order_id}.")
    if not cancel_one(order, by=by, now=now, cause=cause, broker_for=broker_for):
        raise OrderNotOpen(f"The order is {order.status}.")
    return order


def cancel_all_orders(
    *,
    by: User | None,
    now: datetime,
    cause: str,
    bot_id: int | None = None,
    broker_for: BrokerFor = broker_for,
) -> int:
    """Cancel every order of ours that may still fill; how many were.

    One on the wire, or without an answer, is canceled by the sweep as soon as it is found.
    """
    mine = Order.objects.select_related(*WITH).filter(status__in=order_state.LIVE)
    if bot_id is not None:
        mine = mine.filter(bot_id=bot_id)
    canceled = 0
    for order in mine:
        Order.objects.filter(pk=order.pk, pending_cancel_at=None).update(pending_cancel_at=now)
        canceled += cancel_one(order, by=by, now=now, cause=cause, broker_for=broker_for)
    return canceled


def withdraw_order(*, order: Order, cause: str, now: datetime) -> bool:
    """Cancel a working order of a cycle that has read it; False if it has moved meanwhile."""
    return cancel_one(order, by=None, now=now, cause=cause, broker_for=broker_for)


def filters_of(order: Order) -> Filters:
    """The exchange's rules for the order's symbol."""
    symbol = order.symbol
    return Filters(symbol.price_tick, symbol.qty_step, symbol.min_qty, symbol.min_notional)


def _claim(order: Order, now: datetime) -> bool:
    """NEW -> SUBMITTING on disk before a byte leaves; nothing is claimed after a stop."""
    with transaction.atomic(durable=True):
        if order.status != S.NEW:
            return False
        if denial := claim_denial(epoch=order.intent.epoch) or grant_denial(order, now=now):
            return _deny(order, denial, now)
        Order.objects.filter(pk=order.pk, status=S.NEW).update(fence=F("fence") + 1)
        order.fence += 1
        claimed = move(
            order, S.SUBMITTING, cause="claimed", now=now, lease_until=now + LEASE, sent_at=now
        )
        if claimed:
            _record(order, "order.claimed", now)
    return claimed


def _deny(order: Order, denial: Denial, now: datetime) -> bool:
    if move(order, S.DENIED, cause=denial, now=now):
        OrderIntent.objects.filter(pk=order.intent_id).update(denial=denial)
        _record(order, "order.denied", now)
    return False


def _asked(call: Callable[[], object]) -> Ack:
    """The broker's answer as far as it proves something; the order may stand whatever it was."""
    try:
        ack = call()
    except Exception as error:
        return Ack(Outcome.UNKNOWN, code=type(error).__name__)
    if not isinstance(ack, Ack):
        return Ack(Outcome.UNKNOWN, code="answer_unreadable")
    if ack.outcome == Outcome.ACKED and not ack.exchange_order_id:
        return Ack(Outcome.UNKNOWN, code="answer_without_id")
    return ack


def settle(order: Order, ack: Ack, now: datetime, cause: str = "answered") -> Order:
    """Write the verdict; a late worker holds an old fence and changes nothing."""
    verdict = _VERDICTS[ack.outcome]
    fields = {"exchange_order_id": ack.exchange_order_id, "reject_code": ack.code[:40]}
    with transaction.atomic():
        if move(order, verdict, cause=cause, now=now, lease_until=None, **fields):
            action = {
                S.OPEN: "order.acknowledged",
                S.REJECTED: "order.rejected",
                S.NOT_SENT: "order.not_sent",
                S.UNKNOWN: "order.unknown",
            }[verdict]
            _record(order, action, now)
            # A protective order has a policy of its own.
            if verdict is S.REJECTED and order.account is not None and not order.is_guard:
                _stop_after_repeat(order, now)
        else:
            order.refresh_from_db()
    return order


def _stop_after_repeat(order: Order, now: datetime) -> None:
    """The same refusal a second time within a while won't be the last: the bot is asked to stop."""
    same = Order.objects.filter(
        bot_id=order.bot_id,
        symbol_id=order.symbol_id,
        side=order.side,
        status=S.REJECTED,
        reject_code=order.reject_code,
        updated_at__gt=now - REPEATS_WITHIN,
    )
    if same.count() < 2:
        return
    if Bot.objects.running().filter(pk=order.bot_id).update(stop_requested=True):
        text = f"{order.symbol}: the exchange refused twice with {order.reject_code}; stopping."
        events.system_notice(text, bot_id=order.bot_id, now=now, level="danger")


def cancel_one(
    order: Order, *, by: User | None, now: datetime, cause: str, broker_for: BrokerFor
) -> bool:
    """Ask, then write it down under the order's lock: a fill that was faster stays a fill.

    Where the answer to the asking is no proof, the order stays as it is until a look-up has it.
    """
    acked = False
    if order.status in order_state.WORKING:
        acked = _ask_cancel(order, now, broker_for)
        if not acked:
            return False
    with transaction.atomic():
        order.refresh_from_db(from_queryset=Order.objects.select_for_update(no_key=True))
        may = order.status == S.NEW or (acked and order.status in order_state.WORKING)
        canceled = may and move(order, S.CANCELED, cause=cause, now=now, pending_cancel_at=None)
        if canceled:
            _record(order, "order.canceled", now, by=by, reason=cause)
    if order.status in order_state.WORKING and not acked:  # it was NEW when we looked
        return cancel_one(order, by=by, now=now, cause=cause, broker_for=broker_for)
    return canceled


def _ask_cancel(order: Order, now: datetime, broker_for: BrokerFor) -> bool:
    """Whether the broker proved that it will fill no more; asked again only after a while."""
    lately = order.asked_cancel_at and order.asked_cancel_at > now - ASK_AGAIN
    if order.account is not None and lately:
        return False
    order.asked_cancel_at = now
    Order.objects.filter(pk=order.pk).update(
        pending_cancel_at=order.pending_cancel_at or now, asked_cancel_at=now
    )
    broker = broker_for(order)
    return _asked(lambda: broker.cancel(reference(order))).outcome == Outcome.ACKED


def _record(
    order: Order, action: str, now: datetime, *, by: User | None = None, reason: str = ""
) -> None:
    record(
        action=action,
        subject=f"order:{order.pk}",
        by=by,
        now=now,
        reason=reason,
        after={
            "client_order_id": order.client_order_id,
            "status": str(order.status),
            "side": str(order.side),
            "qty": _text(order.qty),
            "code": order.reject_code,
        },
    )


def placement_of(order: Order) -> Placement:
    """An order as it goes out."""
    return Placement(
        client_order_id=order.client_order_id,
        symbol=order.symbol.name,
        buy=order.side == "BUY",
        kind=str(order.type),
        qty=order.qty,
        price=order.price,
        limit_price=order.limit_price,
        filters=filters_of(order),
        sent_ms=_sent_ms(order),
    )


def _sent_ms(order: Order) -> int:
    """The claim's time by the clock of the account's exchange; 0 on paper."""
    if order.account is None or order.sent_at is None:
        return 0
    return clock.to_ms(order.sent_at) + order.account.offset_ms


def reference(order: Order) -> Reference:
    """What an order can be asked for by."""
    return Reference(order.client_order_id, order.symbol.name, str(order.type))


def _text(value: Decimal) -> str:
    return f"{value:f}"
