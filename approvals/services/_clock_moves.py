"""Somebody set the wall clock: deadlines go with it, once, whichever process notices it first."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import transaction

from approvals.approval_state import OPEN
from approvals.models import Approval, ClockMove, MachineClock
from config.clock import Reading

STEP_MS = 250
SAME_MOVE = timedelta(seconds=5)  # two machines are set by one source within moments
SAME_MS = 1_000


def notice_clock(reading: Reading, *, now: datetime) -> int:
    """Compare with what this machine's clocks were last seen at; how many deadlines moved.

    The reading outlives the process that made it, so that a clock which was set while nobody
    looked is noticed by the next one that looks. Asked each second by several processes, it writes
    only when something moved.
    """
    seen = MachineClock.objects.filter(boot=reading.boot).first()
    if seen is None:
        first = {"apart_ms": reading.apart_ms}
        MachineClock.objects.get_or_create(boot=reading.boot, defaults=first)
        return 0
    by_ms = reading.apart_ms - seen.apart_ms
    if abs(by_ms) <= STEP_MS:
        return 0
    with transaction.atomic():
        same = MachineClock.objects.filter(pk=seen.pk, apart_ms=seen.apart_ms)
        if not same.update(apart_ms=reading.apart_ms):
            return 0  # another process saw it and moves them
        return _move_deadlines(by_ms=by_ms, now=now)


def _move_deadlines(*, by_ms: int, now: datetime) -> int:
    """A machine that slept has not lived that time either.

    Nobody gets more than a whole life anew: a clock that stood in another year before it was set
    must not put an end off for as long.
    """
    move, _ = ClockMove.objects.select_for_update().get_or_create(pk=1, defaults={"at": None})
    if move.at is not None and abs(now - move.at) < SAME_MOVE and _same(move.by_ms, by_ms):
        return 0
    ClockMove.objects.filter(pk=1).update(at=now, by_ms=by_ms)
    rows = list(Approval.objects.select_for_update(of=("self",)).filter(state__in=sorted(OPEN)))
    for row in rows:
        latest = now + (row.expires_at - row.requested_at)
        row.due_at = min(row.due_at + timedelta(milliseconds=by_ms), latest)
    Approval.objects.bulk_update(rows, ["due_at"])
    return len(rows)


def _same(one_ms: float, other_ms: float) -> bool:
    return abs(one_ms - other_ms) < SAME_MS
