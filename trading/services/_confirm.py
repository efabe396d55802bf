"""That a person proved again who it is, lately, in this session or with this token."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction

from trading.errors import StepUpRequired
from trading.models import Confirmation
from trading.services._audit import record
from trading.services._factor_held import FOR_MONEY, check_has_second_factor, has_second_factor

KEPT = timedelta(hours=1)  # much longer than any of them counts


def confirm_person(*, user: User, via: str, now: datetime) -> datetime:
    """The password, and the second factor's code if there is one, were right just now; until when
    that counts."""
    with transaction.atomic():
        Confirmation.objects.update_or_create(user=user, via=via, defaults={"at": now})
        record(action="user.confirmed", subject=f"user:{user.pk}", by=user, now=now)
    return now + _counts_for()


def check_confirmed(*, user: User, via: str, now: datetime) -> None:
    """That the person proved who it is by the same way minutes ago.

    Refuses StepUpRequired, and SecondFactorNeeded where the password alone is too little.
    """
    check_has_second_factor(user, where=FOR_MONEY)
    if confirmed_until(user=user, via=via, now=now) is None:
        minutes = settings.ENV.live_confirm_minutes
        what = "password and code" if has_second_factor(user) else "password"
        raise StepUpRequired(f"Give your {what} again: it counts for {minutes} minutes.")


def confirmed_until(*, user: User, via: str, now: datetime) -> datetime | None:
    """Until when the last proof counts; None if it doesn't any more, or is from the future."""
    row = Confirmation.objects.filter(
        user=user, via=via, at__gt=now - _counts_for(), at__lte=now
    ).first()
    return row.at + _counts_for() if via and row else None


def prune_confirmations(*, now: datetime) -> int:
    """Forget proofs that count no longer; the audit log keeps that they were given."""
    return Confirmation.objects.filter(at__lte=now - KEPT).delete()[0]


def _counts_for() -> timedelta:
    return timedelta(minutes=settings.ENV.live_confirm_minutes)
