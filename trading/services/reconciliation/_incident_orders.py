"""Orders with our mark that work at an exchange and not here: canceled there by a person."""

from __future__ import annotations

from datetime import datetime

from django.contrib.auth.models import User
from django.db import transaction

from trading import queries
from trading.brokers import Reference
from trading.errors import IncidentNotOpen, IncidentWithoutOrder
from trading.models import Incident, Reconciliation
from trading.reconciliation import is_ours
from trading.services._audit import record
from trading.services._orders import reference
from trading.services.accounts._brokers import BrokerOf, broker_of

WORKS_THERE = frozenset({Incident.Kind.ORPHAN, Incident.Kind.ORDER_STATE})


def cancel_incident_order(
    *, incident_id: int, by: User, now: datetime, broker_of: BrokerOf = broker_of
) -> Incident:
    """Ask the exchange to cancel it; the next cycle, which comes at once, tells what became of it.

    Refuses IncidentUnknown, IncidentNotOpen, and IncidentWithoutOrder for any other class: orders
    of others are never touched.
    """
    row = queries.incident(incident_id)
    if row.state == Incident.State.RESOLVED:
        raise IncidentNotOpen("The difference is gone.")
    name = row.symbol.name if row.symbol else str(row.evidence.get("symbol", ""))
    if row.kind not in WORKS_THERE or not is_ours(row.key) or not name:
        raise IncidentWithoutOrder("There is no order of ours at the exchange to cancel.")
    with transaction.atomic(durable=True):
        record(
            action="incident.cancel_asked",
            subject=f"incident:{row.pk}",
            by=by,
            now=now,
            after={"account": row.account_id, "client_order_id": row.key, "symbol": name},
        )
    meant = reference(row.order) if row.order else Reference(row.key, name)
    broker_of(row.account).cancel(meant)
    Reconciliation.objects.filter(account_id=row.account_id).update(due_at=now)
    return row
