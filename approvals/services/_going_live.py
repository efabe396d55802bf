"""Real money by policy: the live grant stays the record and the gate, the approval is the people.

`trading.services.approve_grant` is called from here alone (a test looks), so that no door lets a
bot go live with fewer people, or later, than the policy says.
"""

from __future__ import annotations

import secrets
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.contrib.auth.models import User
from django.db import transaction

from approvals import queries
from approvals.approval_state import digest_of
from approvals.models import Approval, ApprovalKind, ApprovalPolicy
from approvals.services._decisions import approve
from approvals.services._requests import mark_used, supersede, tell
from trading import services as trading_services
from trading.errors import GatesClosed, GrantChanged, GrantNotOpen, OwnGrant
from trading.models import LiveGrant
from trading.services import check_confirmed, get_grant


def ask_live(
    *,
    bot_id: int,
    account_id: int,
    max_order: Decimal,
    max_exposure: Decimal,
    hours: int,
    reason: str,
    typed_name: str,
    by: User,
    now: datetime,
) -> LiveGrant:
    """Ask that a bot may spend real money, within the policy's time.

    Refuses LiveModeOff, GrantInvalid, GatesClosed.
    """
    policy = queries.policy_of(ApprovalKind.GO_LIVE)
    with transaction.atomic():
        grant = trading_services.ask_grant(
            bot_id=bot_id,
            account_id=account_id,
            max_order=max_order,
            max_exposure=max_exposure,
            hours=hours,
            reason=reason,
            typed_name=typed_name,
            by=by,
            now=now,
            within=timedelta(seconds=policy.deadline_s),
        )
        _request(grant, policy, now)
    return grant


def approve_live(
    *, grant_id: int, digest: str, typed_name: str, by: User, via: str, now: datetime
) -> LiveGrant:
    """One person agrees to what the grant's digest names; with enough people the bot is live.

    Refuses what `trading.services.approve_grant` and `approve` refuse.
    """
    trading_services.check_live_mode()
    check_confirmed(user=by, via=via, now=now)
    grant = get_grant(grant_id)
    _check(grant, digest, typed_name, by, now)
    row = _request_of(grant, now)

    def go_live(agreed: Approval) -> None:
        trading_services.approve_grant(
            grant_id=grant_id, digest=digest, typed_name=typed_name, by=by, via=via, now=now
        )
        mark_used(agreed, by, now)

    approve(approval_id=row.pk, digest=row.digest, by=by, via=via, now=now, use=go_live)
    return get_grant(grant_id)


def _check(grant: LiveGrant, digest: str, typed_name: str, by: User, now: datetime) -> None:
    if grant.asked_by_id == by.pk:
        raise OwnGrant("You asked for it: somebody else must approve.")
    if grant.state_at(now) != "ASKED":
        raise GrantNotOpen(f"This grant is {grant.state_at(now).lower()}.")
    gate = trading_services.name_gate(grant.bot, typed_name)
    if not gate.ok:
        fields: dict[str, object] = {"gates": [gate.name], "reasons": gate.reasons}
        raise GatesClosed("Not ready for real money.", fields=fields)
    if digest != grant.subject_digest:
        raise GrantChanged(
            f"{grant.bot.name} is not what it was when this was asked for: ask anew."
        )


def _request_of(grant: LiveGrant, now: datetime) -> Approval:
    """The request of a grant; one that was asked for without is put under today's policy."""
    found = Approval.objects.filter(grant=grant).first()
    if found is not None:
        return found
    with transaction.atomic():
        return _request(grant, queries.policy_of(ApprovalKind.GO_LIVE), now)


def _request(grant: LiveGrant, policy: ApprovalPolicy, now: datetime) -> Approval:
    about = f"bot:{grant.bot_id}"
    older = queries.open_approvals().filter(about=about, kind=ApprovalKind.GO_LIVE)
    supersede(older, by=grant.asked_by, now=now, why="A newer request replaced it.")
    subject = _subject(grant, policy)
    row = Approval.objects.create(
        kind=ApprovalKind.GO_LIVE,
        about=about,
        subject=subject,
        digest=digest_of(subject),
        grant=grant,
        reason=grant.reason,
        requested_by=grant.asked_by,
        requested_at=now,
        approvers=policy.approvers,
        step_up=True,  # whatever the policy says: it is money
        on_expiry=policy.on_expiry,
        expires_at=grant.expires_at,
        due_at=grant.expires_at,
    )
    tell("requested", row, grant.asked_by, now, reason=row.reason)
    return row


def _subject(grant: LiveGrant, policy: ApprovalPolicy) -> dict[str, Any]:
    return {
        "kind": ApprovalKind.GO_LIVE.value,
        "bot": grant.bot_id,
        "grant": grant.pk,
        "grant_digest": grant.subject_digest,
        "limits": {
            "max_order": f"{grant.max_order.normalize():f}",
            "max_exposure": f"{grant.max_exposure.normalize():f}",
            "hours": grant.hours,
        },
        "approvers": policy.approvers,
        "on_expiry": str(policy.on_expiry),
        "expires_at": grant.expires_at.isoformat(),
        "requested_by": grant.asked_by_id,
        "nonce": secrets.token_hex(16),
    }
