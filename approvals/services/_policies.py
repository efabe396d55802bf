"""How requests are decided, and the waiver that a one-person start needs. Both audited."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from django.contrib.auth.models import User
from django.db import transaction

from approvals import queries
from approvals.errors import PolicyInvalid, WaiverInvalid
from approvals.models import ApprovalKind, ApprovalPolicy, OnExpiry, Waiver
from trading.models import Bot, SystemState
from trading.services import check_confirmed, record, set_limits_need, set_resume_needs

SHORTEST_S, LONGEST_S = 60, 7 * 86_400
LONGEST_WAIVER_H = 24
# The number of people stands in the system's own row too, where no door gets past it.
NEEDS: dict[str, Callable[..., None]] = {
    ApprovalKind.RESUME: set_resume_needs,
    ApprovalKind.LIMITS: set_limits_need,
}
_TOLD = ("deadline_s", "approvers", "step_up", "on_expiry", "allow_red")


def change_policy(
    *,
    kind: str,
    deadline_s: int,
    approvers: int,
    step_up: bool,
    on_expiry: str,
    allow_red: bool,
    by: User,
    now: datetime,
) -> ApprovalPolicy:
    """Requests from now on are decided like this; open ones keep what they were made with.

    Refuses PolicyInvalid.
    """
    given = {
        "deadline_s": deadline_s,
        "approvers": approvers,
        "step_up": step_up,
        "on_expiry": on_expiry,
        "allow_red": allow_red,
    }
    _check(kind, given)
    with transaction.atomic():
        before = queries.policy_of(kind)
        if approvers < before.approvers:
            _check_may_ease(kind)
        changed = {"changed_by": by, "changed_at": now}
        row, _ = ApprovalPolicy.objects.update_or_create(kind=kind, defaults={**given, **changed})
        if kind in NEEDS:
            NEEDS[kind](people=approvers)
        record(
            action="approval_policy.changed",
            subject=f"approval_policy:{kind}",
            by=by,
            now=now,
            before={name: getattr(before, name) for name in _TOLD},
            after=given,
        )
    return row


def grant_waiver(*, hours: int, reason: str, by: User, via: str, now: datetime) -> Waiver:
    """For some hours people with the permission may decide on their own requests.

    Refuses StepUpRequired, WaiverInvalid. Every page of approvals shows that it stands.
    """
    check_confirmed(user=by, via=via, now=now)
    wrong: dict[str, object] = {}
    if not 1 <= hours <= LONGEST_WAIVER_H:
        wrong["hours"] = [f"Between 1 and {LONGEST_WAIVER_H}."]
    if not 3 <= len(reason.strip()) <= 300:
        wrong["reason"] = ["Say why, in 3 to 300 characters."]
    if wrong:
        raise WaiverInvalid("This waiver can't be granted.", fields=wrong)
    with transaction.atomic():
        row = Waiver.objects.create(
            reason=reason.strip(),
            granted_by=by,
            granted_at=now,
            expires_at=now + timedelta(hours=hours),
        )
        record(
            action="approval_waiver.granted",
            subject=f"approval_waiver:{row.pk}",
            by=by,
            now=now,
            after={"hours": hours, "expires_at": row.expires_at.isoformat()},
            reason=row.reason,
        )
    return row


def revoke_waiver(*, waiver_id: int, by: User, now: datetime) -> None:
    """Nobody decides on their own request any more. Refuses WaiverInvalid."""
    with transaction.atomic():
        standing = Waiver.objects.filter(pk=waiver_id, revoked_at=None, expires_at__gt=now)
        if not standing.update(revoked_by=by, revoked_at=now):
            raise WaiverInvalid("This waiver doesn't stand any more.")
        subject = f"approval_waiver:{waiver_id}"
        record(action="approval_waiver.revoked", subject=subject, by=by, now=now)


def _check_may_ease(kind: str) -> None:
    """Whoever wants to get past a number doesn't make it smaller first."""
    stopped = SystemState.objects.filter(pk=1, state=SystemState.State.EMERGENCY_STOP)
    if kind == ApprovalKind.RESUME and stopped.exists():
        raise PolicyInvalid("Not fewer people while everything is stopped.")
    if kind == ApprovalKind.LIMITS and Bot.objects.filter(paper_mode=False).exists():
        raise PolicyInvalid("Not fewer people while a bot is live: bring it back to paper first.")


def _check(kind: str, given: dict[str, Any]) -> None:
    wrong: dict[str, object] = {}
    if kind not in ApprovalKind.values:
        wrong["kind"] = [f"One of {', '.join(ApprovalKind.values)}."]
    if not SHORTEST_S <= given["deadline_s"] <= LONGEST_S:
        wrong["deadline_s"] = [f"Between {SHORTEST_S} and {LONGEST_S} seconds."]
    least = 0 if kind in NEEDS else 1
    if not least <= given["approvers"] <= 2:
        wrong["approvers"] = ["One or two people; none only to resume and for limits."]
    if kind in NEEDS and given["on_expiry"] != OnExpiry.NOTHING:
        wrong["on_expiry"] = ["Nothing follows: it stays stopped, or the old limits hold."]
    if given["on_expiry"] not in OnExpiry.values:
        wrong["on_expiry"] = [f"One of {', '.join(OnExpiry.values)}."]
    if wrong:
        raise PolicyInvalid("This policy can't be.", fields=wrong)
