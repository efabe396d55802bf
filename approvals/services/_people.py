"""From a simulated suggestion to the people who decide."""

from __future__ import annotations

from datetime import datetime

from django.contrib.auth.models import User

from approvals.models import Approval, Suggestion
from approvals.services._requests import request_activation

MOST_REASON = 300


def ask_for_approval(*, suggestion: Suggestion, by: User | None, now: datetime) -> Approval | None:
    """Ask people to activate the candidate; `by` is who started the review, and can't decide.

    None when it has no simulation. Refuses what `request_activation` refuses.
    """
    if suggestion.version_id is None or suggestion.simulation_id is None:
        return None
    return request_activation(
        version_id=suggestion.version_id,
        simulation_id=suggestion.simulation_id,
        by=by,
        reason=_reason(suggestion),
        now=now,
        suggestion_id=suggestion.pk,
    )


def _reason(suggestion: Suggestion) -> str:
    """In our own words: what a model wrote is shown beside it, as the model's."""
    steps = ", ".join(
        f"{step['param']} from {step['from']} to {step['to']}" for step in suggestion.deltas
    )
    who = suggestion.get_source_display()
    marked = suggestion.unsupported
    doubts = f" {marked} of its numbers are unsupported." if marked else ""
    return f"{who} suggests {steps}.{doubts}"[:MOST_REASON]
