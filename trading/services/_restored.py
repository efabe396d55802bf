"""What must be so in a database that is from before: nothing moves until a person has looked."""

from __future__ import annotations

from datetime import datetime

from django.contrib.sessions.models import Session
from django.db import transaction
from django.db.models import F

from trading.models import Bot, HaltRequest, LiveGrant, SystemState
from trading.services._audit import begin_heads, record
from trading.services._bots import halt_bots

STAMP = "%Y%m%dT%H%M%SZ"


@transaction.atomic
def stop_restored(*, taken_at: str, now: datetime) -> None:
    """EMERGENCY_STOP, bots stopped, live grants and logins ended: they may have ended since.

    Cancels nothing, for the books don't know yet what is open; reconciliation finds it. The
    exported heads of what is gone are put aside, and the event names the last of them.
    """
    reason = f"Restored as of {taken_at[:19]}: reconcile, then resume."
    HaltRequest.objects.create(reason=reason, requested_by="restore", at=now)
    SystemState.objects.filter(pk=1).update(
        state=SystemState.State.EMERGENCY_STOP,
        epoch=F("epoch") + 1,
        reason=reason,
        changed_by="restore",
        changed_at=now,
    )
    bots = halt_bots(Bot.objects.running(), now=now)
    standing = LiveGrant.objects.filter(revoked_at=None, expires_at__gt=now)
    grants = standing.update(revoked_at=now, revoke_reason="database restored")
    Session.objects.all().delete()
    lost = begin_heads(aside=now.strftime(STAMP))
    after = {"taken_at": taken_at, "bots_stopped": bots, "grants_ended": grants, "lost_head": lost}
    record(action="database.restored", subject="system", by=None, now=now, after=after)
