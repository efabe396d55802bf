"""Market data verbs that leave an audit event, or begin a job."""

from __future__ import annotations

from datetime import datetime

from django.contrib.auth.models import User
from django.db import transaction

from config.refusals import NotFound
from marketdata import services as marketdata_services
from marketdata.models import DeadLetter, FeedGap
from trading.models import Job
from trading.services._audit import record
from trading.services._jobs import start_backfill


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


@transaction.atomic
def discard_dead_letter(
    *, letter_id: int, by: User | None, now: datetime, reason: str = ""
) -> DeadLetter:
    """Tick off what could not be stored and isn't needed; the letter stays, as discarded."""
    before = DeadLetter.objects.filter(pk=letter_id).first()
    if before is None:
        raise NotFound(f"There is no dead letter {letter_id}.")
    letter = marketdata_services.discard_dead_letter(letter_id=letter_id)
    if before.status != letter.status:
        record(
            action="dead_letter.discarded",
            subject=f"dead_letter:{letter_id}",
            by=by,
            now=now,
            before={"status": before.status},
            after={"status": letter.status, "reason": letter.reason},
            reason=reason,
        )
    return letter


def fill_gap(*, gap_id: int, by: User | None, now: datetime) -> Job:
    """A job that asks the exchange for the candles of a gap; also again for one it didn't have."""
    gap = FeedGap.objects.filter(pk=gap_id).select_related("symbol").first()
    if gap is None:
        raise NotFound(f"There is no gap {gap_id}.")
    return start_backfill(
        symbol=gap.symbol,
        timeframe=gap.timeframe,
        from_ms=gap.from_ms,
        to_ms=gap.to_ms,
        by=by,
        now=now,
    )
