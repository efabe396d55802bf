"""Putting a version aside: an open request about it ends with it."""

from __future__ import annotations

from datetime import datetime

from django.contrib.auth.models import User
from django.db import transaction

from approvals import access, queries
from approvals.errors import ApprovalInvalid
from approvals.models import Approval
from approvals.services._person import check_person
from approvals.services._requests import end
from strategies.models import StrategyVersion
from trading.services import retire_version


def retire(*, version_id: int, reason: str, by: User, now: datetime) -> StrategyVersion:
    """A version that isn't active is put aside, with a reason; its open request is withdrawn.

    Only by whoever may withdraw that: who asked, or who may decide. The active version is retired
    by what replaces it. Refuses ApproverNotAllowed, ApprovalInvalid, VersionStateWrong.
    """
    check_person(by, access.OPERATE)
    why = reason.strip()
    if not 3 <= len(why) <= 200:
        raise ApprovalInvalid("Say why.", fields={"reason": ["Say why, in 3 to 200 characters."]})
    with transaction.atomic():
        row = queries.open_approval_of(version_id)
        if row is not None:
            if row.requested_by_id != by.pk and not by.has_perm(access.APPROVE):
                raise ApprovalInvalid(
                    "Somebody else asked for its activation: they withdraw that, or who decides."
                )
            end(row, Approval.State.WITHDRAWN, by=by, now=now, reason=f"It was retired: {why}")
        return retire_version(version_id=version_id, by=by, now=now, reason=why)
