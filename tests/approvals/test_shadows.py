"""What decided suggestions were worth: accepted and rejected ones alike."""

from __future__ import annotations

from datetime import timedelta

import pytest

from approvals import ai_queries, services
from approvals.models import Review, Shadow, Source, Suggestion
from config import clock
from tests.approvals.reviewing import carry, start

pytestmark = pytest.mark.django_db


def decided(state: str) -> Suggestion:
    """A simulated suggestion of a person that ended two days before its candles do."""
    review = carry(start(source=Source.PERSON, params={"fast": 8, "slow": 21}))
    at = clock.from_ms(review.to_ms) - timedelta(days=2)
    Suggestion.objects.filter(review=review).update(state=state, decided_at=at)
    return Suggestion.objects.get(review=review)


@pytest.mark.parametrize("state", ["APPROVED", "REJECTED", "EXPIRED"])
def test_both_sides_are_simulated_since_the_decision(state: str) -> None:
    row = decided(state)
    now = clock.from_ms(Review.objects.get().to_ms)

    assert services.measure_shadows(now=now) == 1

    shadow = Shadow.objects.get()
    assert (shadow.suggestion, shadow.to_ms - shadow.from_ms) == (row, 2 * 86_400_000)
    assert shadow.candidate_return != shadow.base_return
    told = ai_queries.track_record()
    edge = shadow.candidate_return - shadow.base_return
    measured = told.approved_edge if state == "APPROVED" else told.rejected_edge
    assert measured == pytest.approx(edge)
    assert told.acceptance == (1.0 if state == "APPROVED" else 0.0)


def test_it_is_measured_again_only_after_hours() -> None:
    decided("REJECTED")
    now = clock.from_ms(Review.objects.get().to_ms)

    assert services.measure_shadows(now=now) == 1
    assert services.measure_shadows(now=now + timedelta(hours=1)) == 0
    assert services.measure_shadows(now=now + timedelta(hours=7)) == 1
    assert Shadow.objects.count() == 1


def test_too_few_candles_are_measured_later() -> None:
    row = decided("APPROVED")
    Suggestion.objects.update(decided_at=clock.from_ms(Review.objects.get().to_ms))

    assert services.measure_shadows(now=row.created_at + timedelta(minutes=1)) == 0
    assert ai_queries.track_record().approved_edge is None


def test_what_nobody_decided_is_not_measured() -> None:
    decided("WITHDRAWN")

    assert services.measure_shadows(now=clock.from_ms(Review.objects.get().to_ms)) == 0
