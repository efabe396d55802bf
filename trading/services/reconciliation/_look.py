"""What an exchange tells about one account, held against our rows.

Fills come first, then orders, then money: balances are read before and after the fills, and
compared only if nothing moved in between.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import structlog
from django.db.models import Max, Q

from config import clock
from marketdata.models import Symbol
from trading import order_state
from trading.brokers import AccountBroker, OrderReport, Presence, ReportedFill
from trading.errors import AccountUnreachable
from trading.models import ExchangeAccount, Fill, Order
from trading.order_state import OrderStatus
from trading.reconciliation import (
    Difference,
    evidence_of,
    is_contradicted,
    is_late,
    is_ours,
    orphans,
    text,
)
from trading.services._orders import WITH, move
from trading.services._resolve import differs, fills_of, look_up, settle_report, told_fills
from trading.services.reconciliation._fills import CANT_BE_BOOKED, Read, read_fills

log = structlog.get_logger(__name__)

YOUNG = timedelta(seconds=5)  # an order that was just sent may not be everywhere yet
LOOKS = 3  # at balances that move while they are read
MOST_EXTERNAL = 200


@dataclass
class Seen:
    """One cycle's evidence. `totals` is None when money moved each time that we looked."""

    until_ms: int
    symbols: list[Symbol]
    orders: int = 0
    fills_booked: int = 0
    external: list[dict[str, Any]] = field(default_factory=list)
    read: Read = field(default_factory=Read)
    totals: dict[str, Decimal] | None = None
    ledger_to: int = 0  # the newest of our fills that the totals can hold
    differences: list[Difference] = field(default_factory=list)
    unsure_orders: set[str] = field(default_factory=set)
    unsure_assets: set[str] = field(default_factory=set)


def look_at(account: ExchangeAccount, broker: AccountBroker, now: datetime) -> Seen:
    """Ask for everything and book what is ours. Raises AccountUnreachable at the first silence."""
    seen = Seen(clock.to_ms(now) + account.offset_ms, symbols_of(account))
    booked = Fill.objects.filter(order__account=account)
    before = booked.count()
    seen.unsure_orders |= _just_moved(account, now)
    doubt(seen, account, now)
    listed = broker.open_orders({_raw(symbol): symbol.name for symbol in seen.symbols})
    seen.orders = len(listed)
    seen.external = [evidence_of(each) for each in listed if not is_ours(each.client_order_id)]
    seen.external = seen.external[:MOST_EXTERNAL]
    _take_up_late(account, listed, seen, now)
    working = _settle_working(account, listed, broker, seen, now)
    _read_money(account, broker, seen, now)
    doubt(seen, account, now)
    found = [
        *seen.read.refused,
        *_orders_that_differ(working, broker, now),
        *_listed_that_differ(account, listed, broker, seen),
    ]
    seen.fills_booked = booked.count() - before
    seen.differences = list({(each.kind, each.key): each for each in reversed(found)}.values())
    return seen


def symbols_of(account: ExchangeAccount) -> list[Symbol]:
    """Everything that was or may be traded with the account."""
    used = Q(orders__account=account) | Q(bots__account=account)
    return list(Symbol.objects.filter(used).distinct().order_by("pk"))


def doubt(seen: Seen, account: ExchangeAccount, now: datetime) -> None:
    """Note what can't be judged: orders in flight, and the assets that they may move."""
    flying = Q(status__in=order_state.UNRESOLVED) | Q(sent_at__gt=now - YOUNG)
    orders = list(Order.objects.select_related("symbol").filter(flying, account=account))
    seen.unsure_orders |= {order.client_order_id for order in orders}
    if orders:
        fees = Fill.objects.filter(order__account=account).values_list("fee_asset", flat=True)
        seen.unsure_assets |= set(fees.distinct().order_by("fee_asset"))
    for order in orders:
        seen.unsure_assets |= {order.symbol.base, order.symbol.quote}


def _just_moved(account: ExchangeAccount, now: datetime) -> set[str]:
    rows = Order.objects.filter(
        account=account, status__in=order_state.WORKING, updated_at__gt=now - YOUNG
    )
    return set(rows.values_list("client_order_id", flat=True))


def _raw(symbol: Symbol) -> str:
    return symbol.name.replace("/", "")


def _read_money(account: ExchangeAccount, broker: AccountBroker, seen: Seen, now: datetime) -> None:
    for _ in range(LOOKS):
        before = _totals(broker)
        seen.read = read_fills(account, broker, seen.symbols, until_ms=seen.until_ms, now=now)
        # A fill that is booked later may have come after the balances that are read next.
        seen.ledger_to = newest_fill(account)
        if before == _totals(broker):
            seen.totals = before
            return


def newest_fill(account: ExchangeAccount) -> int:
    newest = Fill.objects.filter(order__account=account).aggregate(newest=Max("pk"))["newest"]
    return newest or 0


def _totals(broker: AccountBroker) -> dict[str, Decimal]:
    return {each.asset: each.total for each in broker.balances() if each.total}


def _settle_working(
    account: ExchangeAccount,
    listed: Iterable[OrderReport],
    broker: AccountBroker,
    seen: Seen,
    now: datetime,
) -> list[Order]:
    """Book and end our working orders as each poll does; those that still don't agree."""
    reports = {report.client_order_id: report for report in listed}
    working = Order.objects.select_related(*WITH).filter(
        account=account, status__in=order_state.WORKING
    )
    return [
        order
        # The oldest first: a sale is booked after what it sells.
        for order in working.exclude(client_order_id__in=seen.unsure_orders).order_by("pk")
        if not _agrees(order, _settle(order, reports.get(order.client_order_id), broker, now))
    ]


def _agrees(order: Order, report: OrderReport | None) -> bool:
    """Whether both sides have filled the same, and the order stands on both or on neither."""
    if order.status not in order_state.WORKING:
        return True
    return report is not None and not differs(order, report)


def _settle(
    order: Order, report: OrderReport | None, broker: AccountBroker, now: datetime
) -> OrderReport | None:
    """The newest word about an order, booked; None when the exchange doesn't know it."""
    if report is None:
        report = _found(order, broker)
    if report is not None and differs(order, report):
        fills = fills_of(order, report, told_fills(broker, [order]))
        try:
            settle_report(order, report, fills, now)
        except CANT_BE_BOOKED as error:  # a difference, not an end of the cycle
            log.warning("reconciliation.refused", order_id=order.pk, error=str(error))
    return report


def _found(order: Order, broker: AccountBroker) -> OrderReport | None:
    answer = look_up(broker, order)
    if answer.presence is Presence.UNANSWERED:
        raise AccountUnreachable(f"No answer about {order.client_order_id}: {answer.code}")
    return answer.report if answer.presence is Presence.FOUND else None


def _take_up_late(
    account: ExchangeAccount, listed: Iterable[OrderReport], seen: Seen, now: datetime
) -> None:
    """Orders that we held for never sent, but that work: they are open again."""
    reports = {report.client_order_id: report for report in listed}
    rows = Order.objects.select_related(*WITH).filter(account=account, client_order_id__in=reports)
    for order in rows.exclude(client_order_id__in=seen.unsure_orders):
        if is_late(OrderStatus(order.status)):
            known = reports[order.client_order_id].exchange_order_id
            move(order, OrderStatus.OPEN, cause="reconciled", now=now, exchange_order_id=known)


def _orders_that_differ(
    working: Iterable[Order], broker: AccountBroker, now: datetime
) -> list[Difference]:
    """Those that didn't agree, asked once more now that all fills were read."""
    found = []
    for order in working:
        order.refresh_from_db()
        report = _settle(order, None, broker, now)
        if _agrees(order, report):
            continue
        if report is None:
            found.append(_difference("ORDER_MISSING", order, order.status, "absent", None))
        elif report.filled_qty != order.filled_qty:
            sides = text(order.filled_qty), text(report.filled_qty)
            found.append(_difference("FILLS", order, *sides, report))
    return found


def _listed_that_differ(
    account: ExchangeAccount, listed: Iterable[OrderReport], broker: AccountBroker, seen: Seen
) -> list[Difference]:
    """Orders with our mark that work there, but not here."""
    reports = {each.client_order_id: each for each in listed if is_ours(each.client_order_id)}
    rows = Order.objects.select_related(*WITH).filter(account=account, client_order_id__in=reports)
    known = {order.client_order_id: order for order in rows}
    young_ms = seen.until_ms - int(YOUNG.total_seconds() * 1000)
    found = orphans(reports.values(), known, before_ms=young_ms)
    for key, order in known.items():
        if key in seen.unsure_orders or not is_contradicted(OrderStatus(order.status)):
            continue
        report = _found(order, broker)  # it may have ended since it was listed
        if report is not None and report.status in order_state.WORKING:
            found.append(
                _difference("ORDER_STATE", order, str(order.status), str(report.status), report)
            )
    return found


def _difference(
    kind: str, order: Order, ours: str, theirs: str, report: OrderReport | None
) -> Difference:
    return Difference(
        kind,
        order.client_order_id,
        ours,
        theirs,
        symbol=order.symbol.name,
        order_id=order.pk,
        evidence={} if report is None else {"order": evidence_of(report)},
    )


def foreign_of(asset: str, fills: Iterable[ReportedFill]) -> list[dict[str, Any]]:
    """Fills of others that moved an asset."""
    return [
        evidence_of(fill) for fill in fills if asset in (*fill.symbol.split("/"), fill.fee_asset)
    ][:20]
