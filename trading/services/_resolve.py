"""What became of orders: looked up by our own id, never sent again; the same at start and later.

"There is none" is a verdict only when the request can no longer be accepted, and only the
second time; no answer is no evidence. Fills come before any word about the order's end.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime, timedelta

import structlog
from django.db.models import Q, QuerySet

from config import clock
from trading import events, order_state
from trading.brokers import Ack, Lookup, OrderReport, Outcome, Presence, ReportedFill
from trading.brokers.protocol import Broker
from trading.errors import AccountUnreachable, BudgetSpent
from trading.models import Bot, ExchangeAccount, HaltRequest, Order, SystemState
from trading.models.orders import STOPS
from trading.order_state import OrderStatus
from trading.services._fills import FillReport, apply_fills
from trading.services._orders import WITH, cancel_one, move, reference, settle, submit_order
from trading.services.accounts._brokers import BrokerFor, broker_for
from trading.services.accounts._reachability import was_not_reached, was_reached

log = structlog.get_logger(__name__)

S = OrderStatus
ENDED = (S.CANCELED, S.EXPIRED, S.REJECTED)  # FILLED is what the fills add up to
NEW_FOR_S = 1.0  # a NEW order older than this has lost its worker
POLL_EVERY = timedelta(seconds=2)
STOPS_EVERY = timedelta(seconds=15)  # while only stops wait, often for days
LOOK_BACK_MS = 60_000  # before a claim: clocks differ, and what is read twice is booked once
FEW = 5  # working orders are asked for one by one, which tells their end as well
YOUNG = timedelta(seconds=2)  # an order that was just acknowledged may not be listed yet


def sweep_orders(*, now: datetime, broker_for: BrokerFor = broker_for) -> int:
    """Pick up what a dead worker left: submit NEW, look up what has no answer, cancel what a
    stop or a person wanted canceled, ask for fills. How many moved; one that fails doesn't keep
    the others.
    """
    moved = 0
    for order in Order.objects.select_related(*WITH).filter(_left(now)):
        try:
            moved += _sweep(order, now, broker_for)
        except Exception:
            log.exception("order.sweep_failed", order_id=order.pk)
    return moved + poll_accounts(now=now, broker_for=broker_for)


def orders_left(*, now: datetime) -> bool:
    """Whether there is anything to sweep or to ask for."""
    return Order.objects.filter(_left(now)).exists() or _due_accounts(now).exists()


def resume_order(order: Order, *, now: datetime, broker_for: BrokerFor = broker_for) -> bool:
    """Recovery of one order, the same at start and in the sweep."""
    if order.status == S.NEW:
        submitted = submit_order(order_id=order.pk, now=now, broker_for=broker_for)
        return bool(submitted.status != S.NEW)
    if order.status == S.SUBMITTING and not move(order, S.UNKNOWN, cause="lease_over", now=now):
        return False
    broker = broker_for(order)
    found = look_up(broker, order)
    match found.presence:
        case Presence.FOUND:
            return _adopt(order, found.report, broker, now)
        case Presence.ABSENT:
            return _absent(order, broker, now)
    return _give_up(order, broker, now)


def poll_accounts(*, now: datetime, broker_for: BrokerFor = broker_for) -> int:
    """Ask each account whose time has come for its working orders; how many of ours moved."""
    moved = 0
    for account in _due_accounts(now):
        due = ExchangeAccount.objects.filter(pk=account.pk, polled_at=account.polled_at)
        if not due.update(polled_at=now):
            continue  # another worker asks
        try:
            moved += _poll(account, now, broker_for)
            was_reached(account, now=now)
        except BudgetSpent:  # our own restraint says nothing about the exchange
            log.warning("account.not_polled", account_id=account.pk)
        except AccountUnreachable as error:
            was_not_reached(account, now=now)
            log.warning("account.unreachable", account_id=account.pk, error=str(error))
        except Exception:
            log.exception("account.poll_failed", account_id=account.pk)
    return moved


def settle_report(
    order: Order, report: OrderReport, fills: Iterable[FillReport], now: datetime
) -> bool:
    """Book fills, then believe the order's end if all that filled is booked."""
    before = (order.status, order.filled_qty)
    fresh = list(fills)
    if fresh:
        apply_fills(order=order, reports=fresh, now=now)
        order.refresh_from_db()
    ended = report.status in ENDED and order.status in order_state.WORKING
    if ended and order.filled_qty == report.filled_qty:
        # What was refused after it had begun to fill is canceled: a part of it stands.
        refused = report.status == S.REJECTED and order.filled_qty
        end = S.CANCELED if refused else report.status
        move(order, end, cause="reported", now=now, pending_cancel_at=None)
    return (order.status, order.filled_qty) != before


def _sweep(order: Order, now: datetime, broker_for: BrokerFor) -> bool:
    if order.status not in order_state.WORKING:
        return resume_order(order, now=now, broker_for=broker_for)
    wanted = order.pending_cancel_at is not None and not _is_halted()
    cause = "requested" if wanted else "emergency_stop"
    return cancel_one(order, by=None, now=now, cause=cause, broker_for=broker_for)


def _left(now: datetime) -> Q:
    """Orders that wait for the sweep."""
    stale = Q(status=S.NEW, created_at__lt=now - timedelta(seconds=NEW_FOR_S))
    lost = Q(status=S.SUBMITTING, lease_until__lt=now) | Q(status__in=(S.UNKNOWN, S.NEEDS_HUMAN))
    working = Q(status__in=order_state.WORKING)
    if _is_halted():
        return stale | lost | working
    # Claimed before a stop and answered after the resume, it is as unwanted as it was.
    stopped = Q(intent__epoch__lt=SystemState.objects.filter(pk=1).values("epoch"))
    return stale | lost | working & (Q(pending_cancel_at__isnull=False) | stopped)


def _is_halted() -> bool:
    return HaltRequest.objects.filter(lifted_at=None).exists()


def look_up(broker: Broker, order: Order) -> Lookup:
    """What became of an order; an error is no answer."""
    try:
        return broker.find(reference(order))
    except Exception as error:
        return Lookup(Presence.UNANSWERED, code=type(error).__name__)


def _adopt(order: Order, report: OrderReport | None, broker: Broker, now: datetime) -> bool:
    """The exchange has it: it is open, until its fills and its end are read."""
    known = report.exchange_order_id if report else f"paper-{order.client_order_id}"
    settle(order, Ack(Outcome.ACKED, exchange_order_id=known), now, cause="looked_up")
    if report is not None and order.status in order_state.WORKING:
        settle_report(order, report, fills_of(order, report, told_fills(broker, [order])), now)
    return True


def _absent(order: Order, broker: Broker, now: datetime) -> bool:
    """NOT_SENT once the request is too old to be accepted and it was absent twice."""
    patience, sent_at = broker.patience, order.sent_at or order.created_at
    if now < sent_at + timedelta(seconds=patience.settle_s):
        return False
    if patience.again_s and order.absent_at is None:
        Order.objects.filter(pk=order.pk, absent_at=None).update(absent_at=now)
        return False
    if order.absent_at and now < order.absent_at + timedelta(seconds=patience.again_s):
        return False
    settle(order, Ack(Outcome.NOT_SENT, code="absent"), now, cause="looked_up")
    return True


def _give_up(order: Order, broker: Broker, now: datetime) -> bool:
    """Nobody answers: after a while a person must look, and the bot stops."""
    patience, sent_at = broker.patience, order.sent_at or order.created_at
    late = patience.give_up_s and now >= sent_at + timedelta(seconds=patience.give_up_s)
    if not late or order.status != S.UNKNOWN:
        return False
    if not move(order, S.NEEDS_HUMAN, cause="no_evidence", now=now):
        return False
    Bot.objects.filter(pk=order.bot_id, status=Bot.Status.RUNNING).update(stop_requested=True)
    events.system_notice(
        f"Order {order.client_order_id} has no verdict: look at the exchange.",
        now=now,
        level="danger",
    )
    return True


def _due_accounts(now: datetime) -> QuerySet[ExchangeAccount]:
    working = Order.objects.filter(status__in=order_state.WORKING, account__isnull=False)
    waiting = Q(type__in=STOPS, status=S.OPEN, pending_cancel_at=None)
    busy = working.exclude(waiting).values("account_id")
    return ExchangeAccount.objects.filter(
        _waited(now, POLL_EVERY) & Q(pk__in=busy)
        | _waited(now, STOPS_EVERY) & Q(pk__in=working.values("account_id"))
    )


def _waited(now: datetime, every: timedelta) -> Q:
    """Not asked for that long, or at a time that is yet to come: the clock was set back."""
    return Q(polled_at=None) | Q(polled_at__lte=now - every) | Q(polled_at__gt=now + every)


def _poll(account: ExchangeAccount, now: datetime, broker_for: BrokerFor) -> int:
    working = Order.objects.select_related(*WITH).filter(
        account=account, status__in=order_state.WORKING
    )
    # Somebody has heard of something, perhaps of the youngest.
    hurried = account.polled_at is None
    orders = list(working if hurried else working.filter(updated_at__lte=now - YOUNG))
    if not orders:
        return 0
    broker = broker_for(orders[0])
    reports = _reports(broker, orders)
    changed = [
        (order, report)
        for order, report in zip(orders, reports, strict=True)
        if report is not None and differs(order, report)
    ]
    fills = told_fills(broker, [order for order, _ in changed])
    return sum(_settled(order, report, fills, now) for order, report in changed)


def _reports(broker: Broker, orders: list[Order]) -> list[OrderReport | None]:
    """What became of each; None where nobody could say. Raises AccountUnreachable."""
    if len(orders) > FEW:
        names = {order.symbol.name.replace("/", ""): order.symbol.name for order in orders}
        listed = {report.client_order_id: report for report in broker.open_orders_of(names)}
        return [
            listed.get(order.client_order_id) or look_up(broker, order).report for order in orders
        ]
    answers = [look_up(broker, order) for order in orders]
    if all(answer.presence is Presence.UNANSWERED for answer in answers):
        raise AccountUnreachable(f"No answer about any order: {answers[0].code}")
    return [answer.report for answer in answers]


def _settled(
    order: Order, report: OrderReport, fills: Iterable[ReportedFill], now: datetime
) -> bool:
    """One order of many: what can't be booked doesn't keep the others."""
    try:
        return settle_report(order, report, fills_of(order, report, fills), now)
    except Exception:
        log.exception("order.settle_failed", order_id=order.pk)
        return False


def differs(order: Order, report: OrderReport) -> bool:
    """Whether a working order has moved at its exchange."""
    return report.filled_qty != order.filled_qty or report.status not in order_state.WORKING


def told_fills(broker: Broker, orders: Iterable[Order]) -> list[ReportedFill]:
    """The account's fills in the symbols of these orders, since the first of them was claimed."""
    since: dict[str, int] = defaultdict(lambda: 2**62)
    for order in orders:
        sent_ms = clock.to_ms(order.sent_at or order.created_at)
        since[order.symbol.name] = min(since[order.symbol.name], sent_ms - LOOK_BACK_MS)
    return [fill for name, from_ms in since.items() for fill in broker.fills(name, from_ms)]


def fills_of(order: Order, report: OrderReport, fills: Iterable[ReportedFill]) -> list[FillReport]:
    """The fills of one order among those of an account."""
    return [
        as_report(fill)
        for fill in fills
        if fill.symbol == order.symbol.name and fill.exchange_order_id == report.exchange_order_id
    ]


def as_report(fill: ReportedFill) -> FillReport:
    """A fill as the books take it."""
    return FillReport(
        exchange_fill_id=fill.exchange_fill_id,
        qty=fill.qty,
        price=fill.price,
        fee=fill.fee,
        fee_asset=fill.fee_asset,
        maker=fill.maker,
        at=clock.from_ms(fill.at_ms),
    )
