"""What became of decided suggestions: both versions simulated since the decision."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db.models import F

from approvals.models import Review, Shadow, Suggestion
from config import clock
from config.refusals import Refusal
from strategies.models import StrategyVersion
from trading.services import measure_in_sample

DECIDED = (Suggestion.State.APPROVED, Suggestion.State.REJECTED, Suggestion.State.EXPIRED)
FOLLOWED_FOR = timedelta(days=90)
AT_ONCE = 10  # in one run; the longest not measured come first
MOST_TRIED = 200
AGAIN_AFTER = timedelta(hours=6)


def measure_shadows(*, now: datetime) -> int:
    """Simulate both sides of suggestions decided lately, up to now; how many were measured.

    Accepted and rejected ones alike: what was turned down may have been the better one.
    """
    rows = (
        Suggestion.objects.filter(state__in=DECIDED, decided_at__gt=now - FOLLOWED_FOR)
        .exclude(version=None)
        .exclude(review=None)
        .exclude(shadow__measured_at__gt=now - AGAIN_AFTER)
        .select_related("review", "version__strategy", "base__strategy", "shadow")
        .order_by(F("shadow__measured_at").asc(nulls_first=True), "-decided_at", "pk")
    )
    measured = 0
    for row in rows[:MOST_TRIED]:
        # One that can't be measured stays due for ever: it must not keep the others from it.
        measured += _measure(row, now)
        if measured >= AT_ONCE:
            break
    return measured


def _measure(row: Suggestion, now: datetime) -> bool:
    if row.review is None or row.version is None or row.decided_at is None:
        return False
    stretch = Review.objects.get(pk=row.review.pk)
    stretch.from_ms, stretch.to_ms = clock.to_ms(row.decided_at), clock.to_ms(now)
    try:
        candidate = _return(row.version, stretch)
        base = _return(row.base, stretch)
    except Refusal:  # too few candles so far, or a version that the code no longer knows
        return False
    if candidate is None or base is None:
        return False
    Shadow.objects.update_or_create(
        suggestion=row,
        defaults={
            "from_ms": stretch.from_ms,
            "to_ms": stretch.to_ms,
            "candidate_return": candidate,
            "base_return": base,
            "measured_at": now,
        },
    )
    return True


def _return(version: StrategyVersion, stretch: Review) -> float | None:
    told = measure_in_sample(version=version, stretch=stretch, until_ms=stretch.to_ms)
    return {one.name: one.value for one in told.metrics}["total_return"]
