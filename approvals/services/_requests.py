"""Asking people: for an activation. And taking a request back."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from django.contrib.auth.models import User
from django.db import transaction

from approvals import access, queries
from approvals.approval_state import OPEN, digest_of
from approvals.errors import ApprovalInvalid, ApprovalNotOpen
from approvals.models import Approval, ApprovalDecision, ApprovalKind, ApprovalPolicy
from approvals.services._subjects import activation_subject, check_evidence, policy_for
from approvals.services._suggestions import follow_decision, put_before_people
from strategies.models import Strategy, StrategyVersion
from trading import queries as trading_queries
from trading.models import Simulation
from trading.services import record, unapprove_version

State = Approval.State


def request_activation(
    *,
    version_id: int,
    simulation_id: int,
    by: User | None,
    reason: str,
    now: datetime,
    suggestion_id: int | None = None,
    override_reason: str = "",
    on_expiry: str | None = None,
    within_s: int | None = None,
) -> Approval:
    """Ask people to make a simulated version the active one; `by` None is the advisor.

    An older open request about the same strategy is superseded. A red verdict needs a policy
    that allows it and an `override_reason`. `on_expiry` and `within_s` in place of the policy's
    are for the demo. Refuses ApprovalInvalid, EvidenceStale, EvidenceRed.
    """
    simulation = trading_queries.simulation(simulation_id)
    version, policy = simulation.version, policy_for(ApprovalKind.ACTIVATION, on_expiry, within_s)
    _check_shape(version, version_id, reason, override_reason)
    check_evidence(simulation, policy, override_reason.strip(), now=now)
    asked = {
        "suggestion": suggestion_id,
        "requested_by": by.pk if by else None,
        "reason": reason.strip(),
        "override_reason": override_reason.strip(),
    }
    subject = activation_subject(simulation, policy, now=now, asked=asked)
    with transaction.atomic():
        # Two at once: the strategy's row is where they meet.
        Strategy.objects.select_for_update().get(pk=version.strategy_id)
        _check_state(version_id)
        about = f"strategy:{version.strategy.name}"
        older = queries.open_approvals().filter(about=about, kind=ApprovalKind.ACTIVATION)
        supersede(older, by=by, now=now, why="A newer request replaced it.")
        row = _made(simulation, policy, subject, by, now)
        if suggestion_id is not None and not put_before_people(suggestion_id=suggestion_id):
            raise ApprovalInvalid("The suggestion is not at this step.")
        tell("requested", row, by, now, reason=row.reason)
    return row


def _made(
    simulation: Simulation,
    policy: ApprovalPolicy,
    subject: dict[str, Any],
    by: User | None,
    now: datetime,
) -> Approval:
    due = now + timedelta(seconds=policy.deadline_s)
    return Approval.objects.create(
        kind=ApprovalKind.ACTIVATION,
        about=f"strategy:{subject['strategy']}",
        subject=subject,
        digest=digest_of(subject),
        version=simulation.version,
        simulation=simulation,
        suggestion_id=subject["suggestion"],
        reason=subject["reason"],
        override_reason=subject["override_reason"],
        requested_by=by,
        requested_at=now,
        approvers=policy.approvers,
        step_up=policy.step_up,
        on_expiry=policy.on_expiry,
        expires_at=due,
        due_at=due,
    )


def withdraw(*, approval_id: int, reason: str, by: User, now: datetime) -> Approval:
    """Take back a request, one's own or with the permission to decide. Refuses ApprovalNotOpen."""
    row = queries.approval(approval_id)
    if row.requested_by_id != by.pk and not by.has_perm(access.APPROVE):
        raise ApprovalInvalid("Only who asked, or who may decide, takes it back.")
    with transaction.atomic():
        row = queries.approval(approval_id, lock=True)
        if not end(row, State.WITHDRAWN, by=by, now=now, reason=reason):
            raise ApprovalNotOpen(f"It is {row.get_state_display().lower()} already.")
    return queries.approval(approval_id)


def supersede(rows: Iterable[Approval], *, by: User | None, now: datetime, why: str) -> None:
    """End open requests that something newer replaced; in the caller's transaction."""
    for row in rows:
        end(row, State.SUPERSEDED, by=by, now=now, reason=why)


def end(row: Approval, state: str, *, by: User | None, now: datetime, reason: str) -> bool:
    """One open request ends unused, its version and suggestion with it; False if it had ended."""
    ended = Approval.objects.filter(pk=row.pk, state__in=sorted(OPEN)).update(
        state=state, ended_at=now, ended_by=by, ended_reason=reason.strip()[:300]
    )
    if not ended:
        return False
    if row.kind == ApprovalKind.ACTIVATION and row.version_id is not None:
        unapprove_version(version_id=row.version_id, now=now, reason=reason)
    if row.suggestion_id is not None:
        follow_decision(suggestion_id=row.suggestion_id, state=state, now=now)
    tell(state.lower(), row, by, now, reason=reason)
    return True


def agreed_people(row: Approval) -> list[User]:
    """Who agreed to a request so far."""
    said = row.decisions.filter(verdict=ApprovalDecision.Verdict.APPROVE).select_related("by")
    return [each.by for each in said]


def mark_used(row: Approval, by: User, now: datetime) -> None:
    """An approved request took effect, once; in the caller's transaction."""
    used = Approval.objects.filter(pk=row.pk, state=State.APPROVED)
    if used.update(state=State.USED, ended_at=now, ended_by=by):
        tell("used", row, by, now)


def tell(
    verb: str,
    row: Approval,
    by: User | None,
    now: datetime,
    *,
    reason: str = "",
    more: dict[str, Any] | None = None,
) -> None:
    """The audit event of one step; people are told from it."""
    after = {
        "kind": str(row.kind),
        "about": row.about,
        "digest": row.digest,
        "due_at": row.due_at.isoformat(),
        **_facts(row),
        **(more or {}),
    }
    subject = f"approval:{row.pk}"
    record(action=f"approval.{verb}", subject=subject, by=by, now=now, after=after, reason=reason)


def _facts(row: Approval) -> dict[str, Any]:
    if row.kind == ApprovalKind.LIMITS:
        return {each["param"]: f"{each['from']} -> {each['to']}" for each in row.subject["diff"]}
    if row.kind != ApprovalKind.ACTIVATION:
        return {"grant": row.grant_id} if row.grant_id else {}
    names = ("version", "base", "verdict", "simulation")
    return {name: row.subject[name] for name in names}


def _check_shape(
    version: StrategyVersion, version_id: int, reason: str, override_reason: str
) -> None:
    wrong: dict[str, object] = {}
    if version.pk != version_id:
        wrong["simulation"] = ["It is about another version."]
    if not 3 <= len(reason.strip()) <= 300:
        wrong["reason"] = ["Say why, in 3 to 300 characters."]
    if len(override_reason) > 300:
        wrong["override_reason"] = ["At most 300 characters."]
    if wrong:
        raise ApprovalInvalid("This can't be asked for.", fields=wrong)


def _check_state(version_id: int) -> None:
    state = StrategyVersion.objects.values_list("state", flat=True).get(pk=version_id)
    if state not in (StrategyVersion.State.SIMULATED, StrategyVersion.State.APPROVED):
        words = "simulate it against the active version first"
        raise ApprovalInvalid(f"The version is {state.lower()}: {words}.")
