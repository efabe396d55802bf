"""Money for calls: put aside before, settled after. What is not known is not spent."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from django.db import transaction

from approvals.advisor.costs import Prices, PriceUnknown
from approvals.errors import LlmBudgetSpent, LlmPriceUnknown
from approvals.models import LlmMonth, LlmReservation
from approvals.services._llm import PRICE_UNKNOWN

TRIES = 20  # against others that reserve in the same moment


def reserve(
    *,
    prices: Prices,
    request_bytes: int,
    max_tokens: int,
    per_call: Decimal,
    monthly: Decimal,
    purpose: str,
    subject: str,
    now: datetime,
) -> LlmReservation:
    """Put aside more than the call can cost, committed before anything is sent.

    Refuses LlmPriceUnknown, LlmBudgetSpent.
    """
    try:
        amount = prices.most(request_bytes, max_tokens)
    except PriceUnknown:
        raise LlmPriceUnknown(PRICE_UNKNOWN) from None
    if amount > per_call:
        raise LlmBudgetSpent(f"The call might cost ${amount:f}; ${per_call:f} are allowed.")
    with transaction.atomic(durable=True):
        month, _ = LlmMonth.objects.get_or_create(month=f"{now:%Y-%m}")
        _add(month, amount, most=monthly)
        return LlmReservation.objects.create(
            month=month, amount=amount, purpose=purpose, subject=subject, at=now
        )


def settle(reservation: LlmReservation, *, cost: Decimal, sent: bool, now: datetime) -> None:
    """Once: what it came to, in the caller's transaction. What was not sent costs nothing."""
    state = LlmReservation.State.SETTLED if sent else LlmReservation.State.RELEASED
    held = LlmReservation.objects.filter(pk=reservation.pk, state=LlmReservation.State.HELD)
    if held.update(state=state, cost=cost, ended_at=now):
        _add(reservation.month, cost - reservation.amount)
    reservation.refresh_from_db()


def _add(month: LlmMonth, amount: Decimal, *, most: Decimal | None = None) -> None:
    """A guarded update: of two that want the last dollar one gets it."""
    for _ in range(TRIES):
        spent = LlmMonth.objects.get(pk=month.pk).spent
        if most is not None and spent + amount > most:
            left = max(most - spent, Decimal(0))
            raise LlmBudgetSpent(
                f"${left:f} of the month's ${most:f} are left; the call might cost ${amount:f}."
            )
        rows = LlmMonth.objects.filter(pk=month.pk, spent=spent)
        if rows.update(spent=spent + amount):
            return
    raise LlmBudgetSpent("Too many calls want money at once.")
