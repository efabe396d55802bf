"""Quiet hours of a person."""

from __future__ import annotations

from datetime import datetime, time
from zoneinfo import available_timezones

from django.contrib.auth.models import User
from django.db import transaction

from approvals.errors import QuietHoursInvalid
from approvals.models import QuietHours
from trading.services import record


def set_quiet_hours(
    *, zone: str, start: time, end: time, urgent_passes: bool, by: User, now: datetime
) -> QuietHours:
    """What comes within them waits until they end."""
    if zone not in available_timezones():
        raise QuietHoursInvalid("No such time zone.", fields={"zone": ["Like Europe/Berlin."]})
    if start == end:
        raise QuietHoursInvalid("They never end.", fields={"end": ["Not the same as the start."]})
    values = {"zone": zone, "start": start, "end": end, "urgent_passes": urgent_passes}
    with transaction.atomic():
        row, _ = QuietHours.objects.update_or_create(user=by, defaults=values)
        record(action="quiet_hours.set", subject=f"user:{by.pk}", by=by, now=now, after=values)
    return row


def clear_quiet_hours(*, by: User, now: datetime) -> None:
    """From now on everything comes at once."""
    with transaction.atomic():
        gone, _ = QuietHours.objects.filter(user=by).delete()
        if gone:
            record(action="quiet_hours.set", subject=f"user:{by.pk}", by=by, now=now, after={})
