"""The end of a request that nobody decided: noticed by beat, by the feed's watch, and at its use.

Deadlines are kept on the wall clock and moved when somebody sets it (`notice_clock`): a clock put
back an hour gives nobody an hour more, one put forward stops nothing.
"""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from approvals.approval_state import APPROVED, MARKS, OPEN, PENDING, mark_reached
from approvals.models import Approval, ApprovalKind
from approvals.services._clock_moves import notice_clock
from approvals.services._requests import end, tell
from approvals.services._suggestions import follow_decision
from config.clock import Reading
from trading.services import emergency_stop, request_halt, unapprove_version

REMINDERS = {50: "half_over", 80: "nearly_over"}


def check_approvals(*, now: datetime, reading: Reading | None = None) -> list[int]:
    """Beat's second, the feed's, and what a person may ask for; the ids that ended.

    `reading` of this machine's clocks, made together with `now`, says whether somebody set them.
    """
    if reading is not None:
        notice_clock(reading, now=now)
    _follow_grants(now)
    remind(now=now)
    return expire_due(now=now)


def expire_due(*, now: datetime) -> list[int]:
    """End every request whose time is over, and stop everything if one's policy says so.

    The halt is committed together with the expiry, so that a process that dies in between leaves
    a stop behind that the tick finishes. Returns the ids that ended now.
    """
    over = Approval.objects.filter(state__in=sorted(OPEN), due_at__lte=now)
    rows = list(over.select_related("version__strategy", "grant__bot").order_by("due_at", "pk"))
    ended = [row for row in rows if _expire(row, now)]
    reasons = [_said(row) for row in ended if row.state == PENDING and row.stops]
    if reasons:
        emergency_stop(reason=" ".join(reasons), by=None, now=now)
    return [row.pk for row in ended]


def remind(*, now: datetime) -> int:
    """Tell people once at half and at four fifths of a request's life; how many were told of."""
    waiting = Approval.objects.filter(
        state=PENDING, due_at__gt=now, reminded__lt=MARKS[-1]
    ).select_related("version__strategy")
    told = 0
    for row in waiting:
        mark = mark_reached(begun=row.requested_at, due=row.due_at, now=now)
        if mark <= row.reminded:
            continue
        with transaction.atomic():
            mine = Approval.objects.filter(pk=row.pk, state=PENDING, reminded=row.reminded)
            if mine.update(reminded=mark):
                left = int((row.due_at - now).total_seconds())
                tell(REMINDERS[mark], row, None, now, more={"left_s": left})
                told += 1
    return told


def _follow_grants(now: datetime) -> None:
    """A request for real money whose grant was revoked or replaced ends with it."""
    rows = Approval.objects.filter(state__in=sorted(OPEN), grant__revoked_at__isnull=False)
    for row in rows.select_related("grant"):
        why = row.grant.revoke_reason if row.grant else ""
        end(row, Approval.State.WITHDRAWN, by=None, now=now, reason=why or "It was taken back.")


def _expire(row: Approval, now: datetime) -> bool:
    """Whether it ended here. `row` keeps the state that it had."""
    stops = row.state == PENDING and row.stops
    words = _said(row) if row.state == PENDING else "Approved, but not used in time."
    with transaction.atomic():
        mine = Approval.objects.filter(pk=row.pk, state=row.state, due_at__lte=now)
        if not mine.update(state=Approval.State.EXPIRED, ended_at=now, ended_reason=words[:300]):
            return False
        if stops:
            request_halt(reason=words, by=None, now=now)
        if row.state == APPROVED and row.kind == ApprovalKind.ACTIVATION and row.version_id:
            unapprove_version(version_id=row.version_id, now=now, reason=words)
        if row.suggestion_id is not None:
            follow_decision(suggestion_id=row.suggestion_id, state=Approval.State.EXPIRED, now=now)
        verb = "expired" if row.state == PENDING else "lapsed"
        tell(verb, row, None, now, reason=words, more={"stops": stops})
    return True


def _said(row: Approval) -> str:
    return f"Approval {row.pk} expired undecided: {_named(row)}."


def _named(row: Approval) -> str:
    if row.version is not None:
        return f"activation of {row.version.strategy.name} v{row.version.number}"
    if row.kind == ApprovalKind.LIMITS:
        return f"looser limits of {row.subject['name']}"
    return f"real money for {row.grant.bot.name}" if row.grant else row.about
