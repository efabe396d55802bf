"""What bots would do with a version that people are asked about, looked at again while it waits.

In a worker: strategies need libraries that the web process doesn't load.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import structlog

from approvals import queries
from approvals.models import Approval, ApprovalKind, Outlook
from strategies import queries as strategy_queries
from trading.outlook import BotOutlook
from trading.services import outlook_of

log = structlog.get_logger(__name__)

AGAIN_AFTER = timedelta(seconds=60)
AT_ONCE = 5


def measure_outlooks(*, now: datetime) -> int:
    """Look at each open request's bots, once a minute; how many requests were looked at."""
    rows = queries.open_approvals().filter(kind=ApprovalKind.ACTIVATION).exclude(version=None)
    due = [row for row in rows if _is_due(row, now)]
    for row in due[:AT_ONCE]:
        _measure(row, now)
    return len(due[:AT_ONCE])


def _is_due(row: Approval, now: datetime) -> bool:
    known = queries.outlook_of(row.version_id)
    # One of the future was made before the clock was set back.
    return known is None or abs(now - known.measured_at) >= AGAIN_AFTER


def _measure(row: Approval, now: datetime) -> None:
    if row.version is None:
        return
    base = strategy_queries.active_version(row.version.strategy.name)
    told: list[BotOutlook] = []
    try:
        told = outlook_of(candidate=row.version, active=base, now=now)
    except Exception:  # of a strategy's code: the next request is looked at all the same
        log.exception("outlook.failed", approval=row.pk)
    Outlook.objects.update_or_create(
        version=row.version,
        defaults={"base": base, "bots": [one.to_json() for one in told], "measured_at": now},
    )
