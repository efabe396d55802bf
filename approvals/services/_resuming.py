"""Leaving an emergency stop where the policy wants more than one administrator with a reason.

The number of people stands in the system's own row, so no door goes past it.
"""

from __future__ import annotations

import secrets
from datetime import datetime, timedelta
from typing import Any

from django.contrib.auth.models import User
from django.db import transaction

from approvals import access, queries
from approvals.approval_state import digest_of
from approvals.errors import ApprovalChanged, ApprovalInvalid
from approvals.models import Approval, ApprovalKind, ApprovalPolicy
from approvals.services._person import check_person
from approvals.services._requests import agreed_people, mark_used, supersede, tell
from trading.models import SystemState
from trading.queries import system_state
from trading.services import resume_system

ABOUT = "system"


def request_resume(*, reason: str, by: User, now: datetime) -> Approval:
    """Ask others to agree that it is safe. Refuses ApproverNotAllowed, ApprovalInvalid."""
    check_person(by, access.ADMINISTER)
    policy, state = queries.policy_of(ApprovalKind.RESUME), system_state()
    if state.state != SystemState.State.EMERGENCY_STOP or not policy.approvers:
        raise ApprovalInvalid("There is nothing to ask for: resume on the controls' page.")
    if not 3 <= len(reason.strip()) <= 300:
        raise ApprovalInvalid("Say why.", fields={"reason": ["Say why, in 3 to 300 characters."]})
    due = now + timedelta(seconds=policy.deadline_s)
    subject = _subject(state, policy, reason.strip(), by, due)
    with transaction.atomic():
        older = queries.open_approvals().filter(about=ABOUT, kind=ApprovalKind.RESUME)
        supersede(older, by=by, now=now, why="A newer request replaced it.")
        row = Approval.objects.create(
            kind=ApprovalKind.RESUME,
            about=ABOUT,
            subject=subject,
            digest=digest_of(subject),
            reason=subject["reason"],
            requested_by=by,
            requested_at=now,
            approvers=policy.approvers,
            step_up=policy.step_up,
            on_expiry=policy.on_expiry,
            expires_at=due,
            due_at=due,
        )
        tell("requested", row, by, now, reason=row.reason)
    return row


def _subject(
    state: SystemState, policy: ApprovalPolicy, reason: str, by: User, due: datetime
) -> dict[str, Any]:
    return {
        "kind": ApprovalKind.RESUME.value,
        "epoch": state.epoch,
        "stopped_because": state.reason,
        "reason": reason,
        "requested_by": by.pk,
        "approvers": policy.approvers,
        "expires_at": due.isoformat(),
        "nonce": secrets.token_hex(16),
    }


def hold_system(row: Approval) -> None:
    """Nobody stops or resumes until the caller's transaction ends."""
    SystemState.objects.select_for_update().filter(pk=1).first()


def resume_agreed(row: Approval, by: User, now: datetime) -> None:
    """Enough people agreed: run again, in the name of who asked; in the caller's transaction.

    Refuses ApprovalChanged when something stopped everything anew meanwhile.
    """
    if system_state().epoch != row.subject["epoch"]:
        raise ApprovalChanged("It was stopped anew since this was asked for: ask again.")
    if row.requested_by is not None:
        agreed = agreed_people(row)
        resume_system(reason=row.reason, by=row.requested_by, now=now, agreed=agreed)
    mark_used(row, by, now)
