"""Whether accounts answer: one that comes back is reconciled soon after."""

from __future__ import annotations

from datetime import datetime, timedelta

from trading.models import ExchangeAccount, Reconciliation

SETTLED = timedelta(seconds=1)  # what it missed to say is there by then


def reconcile_soon(*, account_id: int, now: datetime) -> None:
    """A stream of the account was lost and is back: what it said meanwhile is read soon."""
    Reconciliation.objects.filter(account_id=account_id).update(due_at=now + SETTLED)


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
