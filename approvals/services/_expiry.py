"""The end of a request that nobody decided: noticed by beat, by the feed's watch, and at its use.

Deadlines are kept on the wall clock and moved when somebody sets it (`move_deadlines`, told by
the feed's watch, which runs on the monotonic clock): a clock put back an hour gives nobody an hour
more, one put forward stops nothing. Beat and pages wait `GRACE` for that correction.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import F, Q

from approvals.approval_state import APPROVED, MARKS, OPEN, PENDING, mark_reached
from approvals.models import Approval, ApprovalKind, ClockMove
from approvals.services._requests import end, tell
from approvals.services._suggestions import follow_decision
from trading.services import emergency_stop, request_halt, unapprove_version

GRACE = timedelta(seconds=2)
SAME_MOVE = timedelta(seconds=5)  # two watches notice one jump within a second of each other
REMINDERS = {50: "half_over", 80: "nearly_over"}


def watch_approvals(*, now: datetime, moved_ms: float = 0.0) -> list[int]:
    """The feed's second: what was due by the monotonic clock ends now; the ids that ended."""
    if moved_ms:
        move_deadlines(by_ms=moved_ms, now=now)
    _follow_grants(now)
    remind(now=now)
    return expire_due(now=now)


def check_approvals(*, now: datetime) -> list[int]:
    """Beat's second, and what a person may ask for; the ids that ended.

    The wall clock is all that it knows, so it gives the feed's watch `GRACE` to say that somebody
    set it.
    """
    _follow_grants(now)
    remind(now=now)
    over = Approval.objects.filter(state__in=sorted(OPEN), due_at__lte=now)
    fresh = Q(over_since=None) | Q(over_since__gt=now)
    over.filter(fresh).update(over_since=now)
    return expire_due(now=now, seen_before=now - GRACE)


def expire_due(*, now: datetime, seen_before: datetime | None = None) -> list[int]:
    """End every request whose time is over, and stop everything if one's policy says so.

    The halt is committed together with the expiry, so that a process that dies in between leaves
    a stop behind that the tick finishes. Returns the ids that ended now.
    """
    over = Approval.objects.filter(state__in=sorted(OPEN), due_at__lte=now)
    if seen_before is not None:
        over = over.filter(over_since__lte=seen_before)
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


def move_deadlines(*, by_ms: float, now: datetime) -> int:
    """The wall clock was set by so much: deadlines go with it. Once for each jump; how many went.

    A machine that slept has not lived that time either.
    """
    with transaction.atomic():
        move, _ = ClockMove.objects.select_for_update().get_or_create(pk=1, defaults={"at": None})
        if move.at is not None and abs(now - move.at) < SAME_MOVE and _same(move.by_ms, by_ms):
            return 0
        ClockMove.objects.filter(pk=1).update(at=now, by_ms=by_ms)
        shift = timedelta(milliseconds=by_ms)
        open_ = Approval.objects.filter(state__in=sorted(OPEN))
        return open_.update(due_at=F("due_at") + shift, over_since=None)


def _follow_grants(now: datetime) -> None:
    """A request for real money whose grant was revoked or replaced ends with it."""
    rows = Approval.objects.filter(state__in=sorted(OPEN), grant__revoked_at__isnull=False)
    for row in rows.select_related("grant"):
        why = row.grant.revoke_reason if row.grant else ""
        end(row, Approval.State.WITHDRAWN, by=None, now=now, reason=why or "It was taken back.")


def _same(one_ms: float, other_ms: float) -> bool:
    return abs(one_ms - other_ms) < 1_000


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
