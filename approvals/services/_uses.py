"""Using an approval, once; and the step back that needs none."""

from __future__ import annotations

from datetime import datetime

from django.contrib.auth.models import User
from django.db import transaction

from approvals import access, queries
from approvals.approval_state import APPROVED
from approvals.errors import (
    ApprovalExpired,
    ApprovalInvalid,
    ApprovalNotOpen,
    ApprovalUnknown,
)
from approvals.models import Approval, ApprovalKind
from approvals.services._expiry import check_approvals
from approvals.services._person import check_person
from approvals.services._requests import supersede, tell
from approvals.services._subjects import check_bound
from strategies.models import Activation
from trading.services import activate_version, check_confirmed, roll_back_version


def activate(*, version_id: int, by: User, via: str, now: datetime) -> Activation:
    """Use the approval of a version: it becomes the active one. Everything is verified again.

    Bots on paper that follow the strategy take it at their next candle; live bots keep the version
    that their grant is for. Refuses ApproverNotAllowed, ApprovalUnknown, ApprovalExpired,
    ApprovalNotOpen, ApprovalChanged, EvidenceStale, StepUpRequired.
    """
    check_person(by, access.APPROVE)
    row = queries.open_approval_of(version_id)
    if row is None:
        raise ApprovalUnknown("Nobody approved the activation of this version.")
    if row.state != APPROVED:
        raise ApprovalNotOpen("It still waits for people.")
    if row.is_over(now):
        check_approvals(now=now)
        raise ApprovalExpired("The approval was not used in time: ask anew.")
    if row.step_up:
        check_confirmed(user=by, via=via, now=now)
    check_bound(row, row.digest, now=now)
    with transaction.atomic():
        used = Approval.objects.filter(pk=row.pk, state=APPROVED, due_at__gt=now).update(
            state=Approval.State.USED, ended_at=now, ended_by=by
        )
        if not used:
            raise ApprovalNotOpen("It was used or ended already.")
        done = activate_version(version_id=version_id, by=by, now=now, approval_id=row.pk)
        tell("used", row, by, now)
    return done


def roll_back(*, strategy: str, reason: str, by: User, via: str, now: datetime) -> Activation:
    """The version before is active again: no simulation, one step, with a reason.

    Open requests about the strategy are superseded, because what they compared with is not active
    any more. Refuses ApproverNotAllowed, ApprovalInvalid, NothingToRollBack.
    """
    check_person(by, access.APPROVE)
    if len(reason.strip()) < 3:
        raise ApprovalInvalid("Say why.", fields={"reason": ["Say why, in 3 to 300 characters."]})
    with transaction.atomic():
        done = roll_back_version(strategy_name=strategy, by=by, now=now, reason=reason.strip())
        open_ = queries.open_approvals().filter(
            kind=ApprovalKind.ACTIVATION, about=f"strategy:{strategy}"
        )
        supersede(open_, by=by, now=now, why="The version it compares with was rolled back.")
    return done
