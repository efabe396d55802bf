"""Fills of an account into the books, also those that come after an order's end."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from django.db.models import Q, QuerySet

from config import clock
from marketdata.models import Symbol
from trading import order_state
from trading.brokers import AccountBroker, Presence, ReportedFill
from trading.errors import AccountUnreachable
from trading.models import ExchangeAccount, Fill, FillCursor, Order
from trading.order_state import OrderStatus, TransitionNotAllowed
from trading.positions import Oversold
from trading.reconciliation import Difference, evidence_of, is_late, text
from trading.services._fills import apply_fills
from trading.services._orders import WITH
from trading.services._resolve import as_report, look_up

OVERLAP_MS = 120_000  # what is read twice is booked once, so it costs nothing
BEFORE_FIRST_MS = 300_000
WINDOW_MS = 6 * 86_400_000  # Bybit answers for a week from the start of a range
LATE_CANDIDATES = 5  # orders that we held for never sent, asked for when a fill has no order
CANT_BE_BOOKED = (TransitionNotAllowed, Oversold)  # more than was ordered, or than is held
UNREADY = order_state.UNRESOLVED | {OrderStatus.NEW, OrderStatus.DENIED}


@dataclass
class Read:
    """What could not be booked: fills of others, and what an order can't have filled."""

    foreign: list[ReportedFill] = field(default_factory=list)
    refused: list[Difference] = field(default_factory=list)


def read_fills(
    account: ExchangeAccount,
    broker: AccountBroker,
    symbols: Iterable[Symbol],
    *,
    until_ms: int,
    now: datetime,
) -> Read:
    """Book what is new since each symbol's cursor. Raises AccountUnreachable."""
    read = Read()
    for symbol in symbols:
        told = _told(broker, symbol.name, since_ms(account, symbol, until_ms), until_ms)
        fresh = _unbooked(account, symbol, told)
        for order, fills in _by_order(account, symbol, broker, fresh, read):
            _book(order, fills, now, read)
    return read


def move_cursors(account: ExchangeAccount, symbols: Iterable[Symbol], upto_ms: int) -> None:
    """What was read up to here needn't be read again, but for the overlap."""
    for symbol in symbols:
        FillCursor.objects.update_or_create(
            account=account, symbol=symbol, defaults={"upto_ms": upto_ms}
        )


def since_ms(account: ExchangeAccount, symbol: Symbol, until_ms: int) -> int:
    """From where to read: the cursor less the overlap, or before the first order."""
    cursor = FillCursor.objects.filter(account=account, symbol=symbol).first()
    if cursor is not None:
        return min(cursor.upto_ms, until_ms) - OVERLAP_MS
    first = Order.objects.filter(account=account, symbol=symbol).order_by("created_at").first()
    if first is None:
        return until_ms - OVERLAP_MS
    began_ms = clock.to_ms(first.sent_at or first.created_at) + account.offset_ms
    return min(began_ms, until_ms) - BEFORE_FIRST_MS


def _told(broker: AccountBroker, name: str, since: int, until_ms: int) -> list[ReportedFill]:
    found: dict[str, ReportedFill] = {}
    while True:
        found |= {fill.exchange_fill_id: fill for fill in broker.fills(name, since)}
        since += WINDOW_MS
        if since >= until_ms:
            return list(found.values())


def _unbooked(
    account: ExchangeAccount, symbol: Symbol, told: Sequence[ReportedFill]
) -> list[ReportedFill]:
    known = set(
        Fill.objects.filter(
            order__account=account,
            symbol=symbol,
            exchange_fill_id__in=[fill.exchange_fill_id for fill in told],
        ).values_list("exchange_fill_id", "order__exchange_order_id")
    )
    return [fill for fill in told if (fill.exchange_fill_id, fill.exchange_order_id) not in known]


def _by_order(
    account: ExchangeAccount,
    symbol: Symbol,
    broker: AccountBroker,
    fresh: Sequence[ReportedFill],
    read: Read,
) -> list[tuple[Order, list[ReportedFill]]]:
    """Fills with the order of ours that they belong to; the others are foreign."""
    if not fresh:
        return []
    rows = Order.objects.select_related(*WITH).filter(account=account, symbol=symbol)
    ids = {fill.exchange_order_id for fill in fresh}
    orders = {order.exchange_order_id: order for order in rows.filter(exchange_order_id__in=ids)}
    strangers = [fill for fill in fresh if fill.exchange_order_id not in orders]
    if strangers:
        orders |= _late_orders(rows.filter(exchange_order_id=""), broker, strangers)
    grouped: dict[str, list[ReportedFill]] = defaultdict(list)
    for fill in fresh:
        grouped[fill.exchange_order_id].append(fill)
    read.foreign += [fill for fill in strangers if fill.exchange_order_id not in orders]
    theirs = [(order, grouped[key]) for key, order in orders.items() if key in grouped]
    return sorted(theirs, key=lambda pair: pair[0].pk)  # a sale after what it sells


def _late_orders(
    rows: QuerySet[Order], broker: AccountBroker, strangers: Sequence[ReportedFill]
) -> dict[str, Order]:
    """Orders that we held for never sent, but that these fills show to have stood."""
    named = {fill.client_order_id for fill in strangers if fill.client_order_id}
    newest = clock.from_ms(max(fill.at_ms for fill in strangers) + OVERLAP_MS)
    late = Q(status__in=[status for status in OrderStatus if is_late(status)])
    candidates = rows.filter(late, sent_at__lte=newest).order_by("-sent_at")
    if named:
        candidates = candidates.filter(client_order_id__in=named)
    found: dict[str, Order] = {}
    for order in candidates[:LATE_CANDIDATES]:
        answer = look_up(broker, order)
        if answer.presence is Presence.UNANSWERED:
            raise AccountUnreachable(f"No answer about {order.client_order_id}: {answer.code}")
        if answer.presence is Presence.FOUND and answer.report is not None:
            order.exchange_order_id = answer.report.exchange_order_id
            found[order.exchange_order_id] = order
    return found


def _book(order: Order, fills: Sequence[ReportedFill], now: datetime, read: Read) -> None:
    if order.status in UNREADY:
        return  # the sweep settles it first
    if is_late(OrderStatus(order.status)):
        Order.objects.filter(pk=order.pk).update(exchange_order_id=order.exchange_order_id)
    try:
        apply_fills(order=order, reports=[as_report(fill) for fill in fills], now=now)
    except CANT_BE_BOOKED:
        more = sum((fill.qty for fill in fills), order.filled_qty)
        read.refused.append(
            Difference(
                "FILLS",
                order.client_order_id,
                text(order.filled_qty),
                text(more),
                symbol=order.symbol.name,
                order_id=order.pk,
                evidence={"fills": [evidence_of(fill) for fill in fills[:20]]},
            )
        )
