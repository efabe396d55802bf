"""Looser limits of real money: asked for by one person, agreed to by others, set at once.

`trading.services` refuses them at every door unless others agreed; this is how they do.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction

from approvals import queries
from approvals.approval_state import digest_of
from approvals.errors import ApprovalChanged, ApprovalInvalid
from approvals.models import Approval, ApprovalKind, ApprovalPolicy, OnExpiry
from approvals.services._limit_subjects import (
    Target,
    account_target,
    bot_target,
    limits_changed,
    limits_subject,
    target_of,
    wanted_of,
)
from approvals.services._person import check_person
from approvals.services._requests import agreed_people, mark_used, supersede, tell
from trading.services import set_account_limits, set_knobs


def request_limits(
    *,
    changes: Mapping[str, Any],
    reason: str,
    by: User,
    now: datetime,
    bot_id: int = 0,
    account_id: int = 0,
) -> Approval:
    """Ask others to agree to looser knobs of a live bot, or to looser limits of an account.

    What is tighter among `changes` waits with the rest. An older request about the same is
    superseded. Refuses ApproverNotAllowed, ApprovalInvalid, ApprovalChanged, KnobsInvalid,
    AccountInvalid.
    """
    with transaction.atomic():
        target = account_target(account_id, changes) if account_id else bot_target(bot_id, changes)
        check_person(by, target.needs)
        policy = queries.policy_of(ApprovalKind.LIMITS)
        _check(target, policy, reason)
        older = queries.open_approvals().filter(about=target.about, kind=ApprovalKind.LIMITS)
        supersede(older, by=by, now=now, why="A newer request replaced it.")
        row = _made(target, policy, reason.strip(), by, now)
        tell("requested", row, by, now, reason=row.reason)
    return row


def hold_limits(row: Approval) -> None:
    """Nobody changes these limits until the caller's transaction ends. Refuses ApprovalChanged."""
    reasons = limits_changed(row, lock=True)
    if reasons:
        raise ApprovalChanged("It changed since it was asked for.", fields={"reasons": reasons})


def limits_agreed(row: Approval, by: User, now: datetime) -> None:
    """Enough people agreed: set what is held, in the name of who asked.

    In the caller's transaction. Refuses ApproverNotAllowed when who asked may not any more.
    """
    target, wanted = target_of(row), wanted_of(row)
    asker = check_person(row.requested_by, target.needs)
    said: dict[str, Any] = {"by": asker, "now": now, "agreed": agreed_people(row)}
    if target.kind == "bot":
        set_knobs(bot_id=target.pk, knobs=wanted, **said)
    else:
        set_account_limits(account_id=target.pk, **wanted, **said)
    mark_used(row, by, now)


def _check(target: Target, policy: ApprovalPolicy, reason: str) -> None:
    weighed = target.weighed
    if not (weighed.live and weighed.looser and policy.approvers):
        raise ApprovalInvalid("Nobody needs to agree to this: change it at once.")
    if not 3 <= len(reason.strip()) <= 300:
        raise ApprovalInvalid("Say why.", fields={"reason": ["Say why, in 3 to 300 characters."]})


def _made(target: Target, policy: ApprovalPolicy, reason: str, by: User, now: datetime) -> Approval:
    due = now + timedelta(seconds=policy.deadline_s)
    subject = limits_subject(target, policy, reason=reason, by_id=by.pk, due=due)
    try:
        with transaction.atomic():
            return Approval.objects.create(
                kind=ApprovalKind.LIMITS,
                about=target.about,
                subject=subject,
                digest=digest_of(subject),
                reason=reason,
                requested_by=by,
                requested_at=now,
                approvers=policy.approvers,
                step_up=True,  # whatever the policy says: it is money
                on_expiry=OnExpiry.NOTHING,  # the old limits hold
                expires_at=due,
                due_at=due,
            )
    except IntegrityError as error:
        words = "Somebody asked for other limits at the same moment: look again."
        raise ApprovalChanged(words) from error
