"""The dead man's switch: a watcher outside raises the alarm when our sign of life stays away."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from django.conf import settings

from approvals import outgoing, queries
from approvals.models import DeadMansSwitch
from approvals.outcomes import Attempted, Outcome


def beat_outside(
    *, now: datetime, ping: Callable[[str], Attempted] = outgoing.ping
) -> DeadMansSwitch | None:
    """Tell the outside that all is well; withheld while a process shows no life.

    That this runs at all shows that beat, the bus and a worker do. None without HEARTBEAT_URL.
    """
    url = settings.ENV.heartbeat_url
    if not url:
        return None
    silent = queries.silent_processes(now)
    withheld = f"No sign of life from {' and '.join(silent)}." if silent else ""
    result = Attempted(Outcome.UNREACHABLE, detail="") if silent else ping(url)
    values = {
        "tried_at": now,
        "withheld": withheld,
        "outcome": "" if silent else result.outcome,
        "detail": result.detail,
    }
    if not silent and result.outcome is Outcome.SENT:
        values["sent_at"] = now
    row, _ = DeadMansSwitch.objects.update_or_create(pk=1, defaults=values)
    return row
