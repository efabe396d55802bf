"""Hours in which a person wants to sleep, in the person's own time zone. Pure."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo


def quiet_until(now: datetime, *, zone: str, start: time, end: time) -> datetime | None:
    """When the quiet hours that hold at `now` end, in UTC; None outside of them.

    They may pass midnight; equal ends mean none. On the day when clocks change the wall clock
    counts: quiet until 07:00 is 07:00 as it is shown there.
    """
    here = now.astimezone(ZoneInfo(zone))
    clock = here.time().replace(tzinfo=None)
    if start <= end:
        inside, ends_on = start <= clock < end, here.date()
    else:
        inside = clock >= start or clock < end
        ends_on = here.date() + timedelta(days=1 if clock >= start else 0)
    if not inside:
        return None
    until = datetime.combine(ends_on, end, tzinfo=ZoneInfo(zone)).astimezone(UTC)
    # In the hour that clocks repeat, the end may lie behind.
    return max(until, now)
