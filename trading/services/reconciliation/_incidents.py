"""Incidents: opened at first sight, a drift at the second in a row, over when they are gone."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from decimal import Decimal

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import QuerySet

from marketdata.models import Symbol
from trading import events, queries
from trading.errors import IncidentNotOpen, IncidentUnconfirmed, IncidentUnknown, ReasonRequired
from trading.models import (
    BalanceAdjustment,
    Bot,
    ExchangeAccount,
    Incident,
    Order,
    Reconciliation,
)
from trading.order_state import WORKING, OrderStatus
from trading.reconciliation import Difference
from trading.services._audit import record
from trading.services._orders import move

State, Kind = Incident.State, Incident.Kind
SIGHTINGS = 2  # in a row: a drift
AT_ONCE = frozenset({Kind.ORPHAN})  # an order that we don't know is never a matter of timing


def note_differences(
    *,
    account: ExchangeAccount,
    differences: Iterable[Difference],
    unsure: Callable[[Incident], bool],
    now: datetime,
) -> None:
    """Bring an account's incidents up to date, in your transaction. A repeat adds no row.

    `unsure` names those that this cycle could not judge: they stay as they are.
    """
    standing = {(row.kind, row.key): row for row in _standing(account)}
    for difference in differences:
        row = standing.pop((difference.kind, difference.key), None)
        if row is None:
            _open(account, difference, now)
        else:
            _see_again(row, difference, now)
    for row in standing.values():
        if not unsure(row):
            _resolve(row, now)


def acknowledge_incident(*, incident_id: int, reason: str, by: User, now: datetime) -> Incident:
    """A person takes a drift over: it blocks no more while it stays as it is.

    A balance is taken for a transfer from outside, and booked as one; an order that the exchange
    doesn't know is closed. Refuses ReasonRequired, IncidentNotOpen, IncidentUnconfirmed.
    """
    if not reason.strip():
        raise ReasonRequired("Say what this difference is; the audit log keeps it.")
    with transaction.atomic():
        row = Incident.objects.select_for_update(no_key=True).filter(pk=incident_id).first()
        if row is None:
            raise IncidentUnknown(f"There is no incident {incident_id}.")
        if row.state != State.OPEN:
            raise IncidentNotOpen(f"The incident is {row.get_state_display().lower()}.")
        if not row.drift:
            raise IncidentUnconfirmed("It was seen once only; wait for the next reconciliation.")
        row.state, row.owner, row.acknowledged_at = State.ACKNOWLEDGED, by, now
        row.reason = reason.strip()[:200]
        row.save(update_fields=["state", "owner", "acknowledged_at", "reason"])
        _settle_books(row, by, now)
        _record(row, "incident.acknowledged", now, by=by, reason=row.reason)
        _tell(row, now)
        # The next cycle sees whether that was it.
        Reconciliation.objects.filter(account_id=row.account_id).update(due_at=now)
    return row


def _standing(account: ExchangeAccount) -> QuerySet[Incident]:
    rows = Incident.objects.select_for_update(of=("self",), no_key=True).select_related(
        "symbol", "account"
    )
    return rows.filter(account=account).exclude(state=State.RESOLVED)


def _open(account: ExchangeAccount, difference: Difference, now: datetime) -> None:
    row = Incident.objects.create(
        account=account,
        kind=difference.kind,
        key=difference.key[:64],
        symbol=_symbol(account, difference),
        asset=difference.asset,
        order_id=difference.order_id,
        ours=difference.ours[:64],
        theirs=difference.theirs[:64],
        evidence=difference.evidence,
        owner_id=account.created_by_id,
        first_seen_at=now,
        last_seen_at=now,
    )
    _record(row, "incident.opened", now)
    if row.kind in AT_ONCE:
        _confirm(row, now)
    _tell(row, now)


def _see_again(row: Incident, difference: Difference, now: datetime) -> None:
    moved = (row.ours, row.theirs) != (difference.ours[:64], difference.theirs[:64])
    row.ours, row.theirs = difference.ours[:64], difference.theirs[:64]
    row.evidence = {**row.evidence, **difference.evidence}
    row.sightings, row.last_seen_at = row.sightings + 1, now
    row.save(update_fields=["ours", "theirs", "evidence", "sightings", "last_seen_at"])
    if row.state == State.ACKNOWLEDGED and moved:
        row.state = State.OPEN  # that isn't what was acknowledged
        row.save(update_fields=["state"])
        _record(row, "incident.reopened", now)
        _ask_bots_to_stop(row, now)
    if not row.drift and row.sightings >= SIGHTINGS:
        _confirm(row, now)
    _tell(row, now)


def _confirm(row: Incident, now: datetime) -> None:
    row.drift = True
    row.save(update_fields=["drift"])
    _record(row, "incident.confirmed", now)
    _ask_bots_to_stop(row, now)


def _ask_bots_to_stop(row: Incident, now: datetime) -> None:
    concerned = list(queries.bots_concerned(row).values_list("pk", flat=True))
    Bot.objects.running().filter(pk__in=concerned).update(stop_requested=True)
    events.system_notice(
        f"{row.account}: {row.get_kind_display().lower()} ({row.subject}): "
        f"ours {row.ours}, theirs {row.theirs}.",
        now=now,
        level="danger",
    )


def _resolve(row: Incident, now: datetime) -> None:
    row.state, row.resolved_at = State.RESOLVED, now
    row.save(update_fields=["state", "resolved_at"])
    _record(row, "incident.resolved", now)
    _tell(row, now)


def _settle_books(row: Incident, by: User, now: datetime) -> None:
    if row.kind == Kind.BALANCE:
        BalanceAdjustment.objects.create(
            account_id=row.account_id,
            incident=row,
            asset=row.asset,
            change=Decimal(row.theirs) - Decimal(row.ours),
            reason=row.reason,
            by=by,
            at=now,
        )
    if row.kind == Kind.ORDER_MISSING and row.order_id is not None:
        order = Order.objects.select_for_update(no_key=True).get(pk=row.order_id)
        if order.status in WORKING:
            move(order, OrderStatus.CANCELED, cause="acknowledged", now=now, pending_cancel_at=None)


def _symbol(account: ExchangeAccount, difference: Difference) -> Symbol | None:
    if not difference.symbol:
        return None
    return Symbol.objects.filter(exchange=account.exchange, name=difference.symbol).first()


def _record(
    row: Incident, action: str, now: datetime, *, by: User | None = None, reason: str = ""
) -> None:
    record(
        action=action,
        subject=f"incident:{row.pk}",
        by=by,
        now=now,
        reason=reason,
        after={
            "account": row.account_id,
            "kind": str(row.kind),
            "key": row.key,
            "ours": row.ours,
            "theirs": row.theirs,
        },
    )


def _tell(row: Incident, now: datetime) -> None:
    events.reconciliation_changed(account_id=row.account_id, incident_id=row.pk, now=now)
