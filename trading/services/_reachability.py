"""Whether accounts answer: one that comes back is reconciled at once."""

from __future__ import annotations

from datetime import datetime

from trading.models import ExchangeAccount, Reconciliation


def was_reached(account: ExchangeAccount, *, now: datetime) -> None:
    """The account answers: if it had been away, its books are held against it now."""
    Reconciliation.objects.filter(account=account, unreachable_since__isnull=False).update(
        unreachable_since=None, due_at=now
    )


def was_not_reached(account: ExchangeAccount, *, now: datetime) -> None:
    """The account doesn't answer: what it does meanwhile is read when it does again."""
    Reconciliation.objects.filter(account=account, unreachable_since=None).update(
        unreachable_since=now
    )
