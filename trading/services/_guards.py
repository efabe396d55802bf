"""Protective orders of live positions: placed, moved, and out of the way before a sale.

A protective order is an order like any other: an intent with a key of its own, claimed before it
is sent, settled by look-up. One stands per position. It is replaced only when its end is known,
because what it holds can't be sold twice.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

from django.db import transaction
from django.db.models import F, Window
from django.db.models.functions import RowNumber

from config import clock
from trading import order_state, protection
from trading.models import Order, OrderIntent, Position, Protection
from trading.models.orders import STOPS, OrderType, Side
from trading.order_state import OrderStatus
from trading.protection import Ended, Step, Stop
from trading.services._books import Books, Lane
from trading.services._execution import audit_intent
from trading.services._orders import cancel_one, open_order, submit_order
from trading.services._resolve import (
    fills_of,
    look_up,
    resume_order,
    settle_report,
    told_fills,
)
from trading.services.accounts._brokers import broker_for

S = OrderStatus
NEWEST = 20  # protective orders of one position that are looked back at
_SETTLING = frozenset({S.NEW, *order_state.UNRESOLVED})


def stand_down(*, books: Books, lane: Lane, now: datetime) -> bool:
    """Cancel what waits at the exchange for this lane; whether its end is known.

    What it sold meanwhile is booked then. False: ask again in the next cycle, sell nothing yet.
    """
    if not lane.guards:
        return True
    books.commit(now=now)
    for guard in lane.guards:
        end_order(order=guard, now=now)
    books.reload()
    return not lane.guards


def end_order(*, order: Order, now: datetime) -> bool:
    """Cancel an order at its exchange and look at once what became of it; whether it has ended."""
    if order.status in order_state.UNRESOLVED:
        resume_order(order, now=now)
        order.refresh_from_db()
    if order.status == S.NEW or order.status in order_state.WORKING:
        cancel_one(order, by=None, now=now, cause="stood_down", broker_for=broker_for)
    if order.status in order_state.WORKING:
        _look(order, now)
    return order.status in order_state.TERMINAL


def keep_guard(books: Books, lane: Lane, now: datetime) -> Step | None:
    """See to it that the right protective order stands; what is next if none does."""
    stop = stop_of(books, lane)
    if lane.guards:
        if _may_stay(lane.guards[0], stop, now):
            return None
        if not stand_down(books=books, lane=lane, now=now):
            return None
        stop = stop_of(books, lane)  # it may have sold a part
    if stop is None or lane.leaving or not _is_due(books, lane, stop, now):
        return None
    step = protection.next_step(ended_guards(books, lane, now), on_failure(books))
    if step is Step.PLACE:
        _place(books, lane, stop, now)
    return step


def stop_of(books: Books, lane: Lane) -> Stop | None:
    """The stop that should stand at the exchange; None where none is wanted."""
    if not books.is_live or books.knobs.protection != "exchange":
        return None
    return protection.wanted_stop(
        exits=books.exits,
        entry_price=lane.holding.entry_price,
        high=lane.high_since_entry,
        free=lane.holding.qty - lane.selling,
        filters=lane.filters,
    )


def ended_guards(books: Books, lane: Lane, now: datetime) -> list[Ended]:
    """How this position's protective orders ended, the newest first."""
    return ended(guards_of_position(books.bot.pk, lane.symbol.pk, lane.opened_at), now)


def guards_of_position(bot_id: int, symbol_id: int, opened_at: datetime | None) -> list[Order]:
    """The protective orders of one position, the newest first."""
    if opened_at is None:
        return []
    prefix = guard_prefix(bot_id, symbol_id, opened_at)
    rows = Order.objects.filter(intent__idempotency_key__startswith=prefix)
    rows = rows.select_related("intent").order_by("-pk")
    return list(rows[:NEWEST])


def guards_of_positions(positions: Sequence[Position]) -> dict[tuple[int, int], list[Order]]:
    """The same of many at once, by bot and symbol."""
    prefixes = {
        (each.bot_id, each.symbol_id): guard_prefix(each.bot_id, each.symbol_id, each.opened_at)
        for each in positions
        if each.opened_at is not None
    }
    if not prefixes:
        return {}
    nth = Window(RowNumber(), partition_by=[F("bot"), F("symbol")], order_by="-pk")
    rows = Order.objects.filter(bot__in={bot for bot, _ in prefixes}, type__in=STOPS)
    rows = rows.annotate(nth=nth).filter(nth__lte=NEWEST).select_related("intent").order_by("-pk")
    found: dict[tuple[int, int], list[Order]] = {pair: [] for pair in prefixes}
    for order in rows:
        pair = order.bot_id, order.symbol_id
        if order.intent.idempotency_key.startswith(prefixes.get(pair, "-")):
            found[pair].append(order)
    return found


def ended(guards: Sequence[Order], now: datetime) -> list[Ended]:
    return [
        Ended(
            status=OrderStatus(order.status),
            asked=order.asked_cancel_at is not None or order.sent_at is None,
            filled=bool(order.filled_qty),
            code=order.reject_code or order.intent.denial,
            age_s=abs((now - order.updated_at).total_seconds()),
        )
        for order in guards
        if order.status in order_state.TERMINAL
    ]


def guard_prefix(bot_id: int, symbol_id: int, opened_at: datetime) -> str:
    return f"{bot_id}:{symbol_id}:guard:{clock.to_ms(opened_at)}:"


def on_failure(books: Books) -> protection.OnFailure:
    return books.knobs.on_protection_failure


def _may_stay(guard: Order, stop: Stop | None, now: datetime) -> bool:
    """Whether a protective order is as it should be, or must be left alone for now."""
    if guard.status in _SETTLING:
        return True  # a verdict first
    if guard.pending_cancel_at is not None or stop is None:
        return False
    if guard.filled_qty:
        return True  # it was triggered
    left, trigger = guard.qty - guard.filled_qty, guard.price or Decimal(0)
    young = (now - guard.created_at).total_seconds() < protection.STEADY_S
    return young or protection.fits(stop, left=left, trigger=trigger)


def _is_due(books: Books, lane: Lane, stop: Stop, now: datetime) -> bool:
    """Whether it may be placed: the exchange takes such a one, and nobody is selling."""
    if lane.symbol.stops == lane.symbol.Stops.NONE:
        return False
    if not protection.is_placeable(stop, lane.filters):
        return False
    return not Protection.objects.filter(
        bot=books.bot, symbol=lane.symbol, hold_until__gt=now
    ).exists()


def _place(books: Books, lane: Lane, stop: Stop, now: datetime) -> None:
    """One intent per try, numbered; cursor, intent and order in one transaction."""
    if lane.opened_at is None:
        return
    prefix = guard_prefix(books.bot.pk, lane.symbol.pk, lane.opened_at)
    limited = lane.symbol.stops == lane.symbol.Stops.LIMIT
    with transaction.atomic():
        books.commit(now=now)
        number = OrderIntent.objects.filter(idempotency_key__startswith=prefix).count()
        intent = OrderIntent.objects.create(
            bot=books.bot,
            idempotency_key=f"{prefix}{number}",
            symbol=lane.symbol,
            side=Side.SELL,
            type=OrderType.STOP_LIMIT if limited else OrderType.STOP_MARKET,
            qty=stop.qty,
            price=stop.trigger,
            limit_price=protection.limit_below(stop.trigger, lane.filters) if limited else None,
            reason=stop.reason,
            epoch=books.epoch,
            decided_at=now,
        )
        order = open_order(intent, now=now)
        audit_intent(intent, now=now)
    submit_order(order_id=order.pk, now=now)
    books.reload()


def _look(order: Order, now: datetime) -> None:
    broker = broker_for(order)
    report = look_up(broker, order).report
    if report is not None:
        settle_report(order, report, fills_of(order, report, told_fills(broker, [order])), now)
        order.refresh_from_db()
