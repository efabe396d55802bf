"""Market data verbs that leave an audit event."""

from __future__ import annotations

from datetime import datetime

from django.contrib.auth.models import User
from django.db import transaction

from config.refusals import NotFound
from marketdata import services as marketdata_services
from marketdata.models import DeadLetter
from trading.services._audit import record


@transaction.atomic
def retry_dead_letter(*, letter_id: int, by: User | None, now: datetime) -> DeadLetter:
    """Try once more to store what could not be stored."""
    try:
        letter = marketdata_services.retry_dead_letter(letter_id=letter_id, now=now)
    except DeadLetter.DoesNotExist:
        raise NotFound(f"There is no dead letter {letter_id}.") from None
    record(
        action="dead_letter.retried",
        subject=f"dead_letter:{letter_id}",
        by=by,
        now=now,
        after={"status": letter.status, "reason": letter.reason},
    )
    return letter
