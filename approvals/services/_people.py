"""From a simulated suggestion to the people who decide."""

from __future__ import annotations

from datetime import datetime

from django.contrib.auth.models import User

from approvals.models import Suggestion


def ask_for_approval(*, suggestion: Suggestion, by: User | None, now: datetime) -> None:
    """Ask people to decide."""
