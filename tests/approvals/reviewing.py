"""A review of eight wild days, as a person starts it."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

from django.contrib.auth.models import User

from approvals import services
from approvals.models import Review, Suggestion
from strategies import services as strategy_services
from tests.scenarios.replays import NOW, WILD, imported
from trading import services as trading_services
from trading.models import Job

STRATEGY = "trend_ema_fast"  # fast 5, slow 13, ATR 14, buffer 0.5, patience 200
GOOD = (("fast", 5, 6), ("slow", 13, 16))  # what the gate lets through


def start(*, by: User | None = None, strategy: str = STRATEGY, **changes: Any) -> Review:
    """A started review; nothing of it has been done."""
    trading_services.ensure_system_state(now=NOW)
    strategy_services.sync_strategies(now=NOW)
    symbol, timeframe, stored = imported(WILD)
    asked: dict[str, Any] = {
        "symbols": [str(symbol)],
        "timeframe": timeframe,
        "from_ms": stored.from_ms + 2 * 86_400_000,
        "to_ms": stored.to_ms,
        **changes,
    }
    return services.start_review(strategy=strategy, asked=asked, by=by, now=NOW)


def carry(review: Review, *, most: int = 40) -> Review:
    """On to its end, simulations included, as workers would."""
    for _ in range(most):
        if not step(review):
            for job in Job.objects.filter(task="simulation.run", status=Job.Status.QUEUED):
                trading_services.run_job(job_id=job.pk, now=review.due_at or NOW)
        review.refresh_from_db()
        if review.step == Review.Step.DONE:
            break
    review.job.refresh_from_db()
    return review


def step(review: Review) -> bool:
    """One step, when it is due."""
    at = (review.due_at or NOW) + timedelta(seconds=1)
    return services.advance_reviews(now=at, later=lambda: at)


def answer(*deltas: tuple[str, Any, Any], **changes: Any) -> str:
    """What a well-behaved model says."""
    return json.dumps(
        {
            "schema_version": 1,
            "base_version": 1,
            "deltas": [{"param": name, "from": a, "to": b} for name, a, b in deltas],
            "rationale": "Slower averages follow less noise.",
            "confidence": 0.6,
            "risks": ["Later entries."],
            "expected_effect": "Fewer trades.",
            **changes,
        }
    )


def states(review: Review) -> list[str]:
    """Of its suggestions, oldest first."""
    rows = Suggestion.objects.filter(review=review).order_by("pk")
    return [f"{row.state} {row.refused_code}".strip() for row in rows]


def only(review: Review) -> Suggestion:
    """Its one suggestion."""
    return Suggestion.objects.get(review=review)
