"""The ledger of what streams did not tell: opened when it begins, closed with what was made up."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from marketdata.models import FeedInterruption

MOST_SYMBOLS = 500


def begin_interruption(
    *,
    exchange: str,
    cause: str,
    symbols: Sequence[str],
    began_at: datetime,
    detail: str = "",
) -> int:
    """Note that from `began_at` on not everything was told; gives the row's id."""
    row = FeedInterruption.objects.create(
        exchange=exchange,
        cause=cause,
        symbols=sorted(symbols)[:MOST_SYMBOLS],
        began_at=began_at,
        detail=detail[:200],
    )
    return row.pk


def end_interruption(
    *,
    interruption_id: int,
    outcome: str,
    ended_at: datetime,
    missed: int | None = None,
    filled: int = 0,
) -> bool:
    """Note how it ended; False when that is known already."""
    rows = FeedInterruption.objects.filter(
        pk=interruption_id, outcome=FeedInterruption.Outcome.OPEN
    )
    return bool(
        rows.update(outcome=outcome, ended_at=ended_at, prints_missed=missed, prints_filled=filled)
    )


def end_left_interruptions(*, exchange: str, now: datetime) -> int:
    """Close what another feed left open: this one began its features anew. Gives how many."""
    rows = FeedInterruption.objects.filter(exchange=exchange, outcome=FeedInterruption.Outcome.OPEN)
    return rows.update(outcome=FeedInterruption.Outcome.ANEW, ended_at=now)
