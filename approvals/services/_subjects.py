"""What an activation binds people's word to, and whether it still is what is there."""

from __future__ import annotations

import secrets
from datetime import datetime, timedelta
from typing import Any

from approvals import queries
from approvals.approval_state import digest_of
from approvals.errors import ApprovalChanged, ApprovalInvalid, EvidenceRed, EvidenceStale
from approvals.models import Approval, ApprovalKind, ApprovalPolicy
from approvals.services._limit_subjects import limits_changed
from strategies import queries as strategy_queries
from strategies.hashing import params_hash
from strategies.models import StrategyVersion
from trading import queries as trading_queries
from trading import tear_sheet
from trading.models import Simulation
from trading.services import dataset_digest, evidence_reasons

RED = Simulation.Verdict.RED
READY = (StrategyVersion.State.SIMULATED, StrategyVersion.State.APPROVED)


def activation_subject(
    simulation: Simulation, policy: ApprovalPolicy, *, now: datetime, asked: dict[str, Any]
) -> dict[str, Any]:
    """Everything that a person agrees to, as canonical JSON can hold it."""
    version, base = simulation.version, simulation.baseline
    if base is None:
        raise ApprovalInvalid("The simulation has no baseline.")
    return {
        "kind": ApprovalKind.ACTIVATION.value,
        "strategy": version.strategy.name,
        "version": version.number,
        "base": base.number,
        "diff": [
            {"param": change.name, "from": change.before, "to": change.after}
            for change in strategy_queries.version_diff(base, version)
        ],
        "params": version.params,
        "params_hash": version.params_hash,
        "code_hash": version.code_hash,
        "simulation": simulation.pk,
        "report": simulation.report_hash,
        "verdict": simulation.verdict,
        "dataset": dataset_digest(simulation),
        "limits": simulation.knobs,  # costs and risk limits that the evidence holds for
        "approvers": policy.approvers,
        "step_up": policy.step_up,
        "on_expiry": str(policy.on_expiry),
        "expires_at": (now + timedelta(seconds=policy.deadline_s)).isoformat(),
        "nonce": secrets.token_hex(16),
        **asked,
    }


def check_evidence(
    simulation: Simulation, policy: ApprovalPolicy | None, override_reason: str, *, now: datetime
) -> None:
    """Refuses EvidenceStale, and EvidenceRed unless the policy and a reason allow it."""
    reasons = evidence_reasons(simulation, now=now)
    if reasons:
        raise EvidenceStale("The evidence doesn't hold any more.", fields={"reasons": reasons})
    if simulation.verdict == RED and not (override_reason and (not policy or policy.allow_red)):
        raise EvidenceRed(f"Simulation {simulation.pk} is red: the candidate is no better.")


def check_bound(approval: Approval, digest: str, *, now: datetime) -> None:
    """That the person has read what is there, and that it is what was asked for.

    Refuses ApprovalChanged, EvidenceStale, EvidenceRed. Reads candles: not in a transaction.
    """
    check_digest(approval, digest)
    if approval.kind == ApprovalKind.ACTIVATION:
        reasons = _changed(approval)
        if reasons:
            raise ApprovalChanged("It changed since it was asked for.", fields={"reasons": reasons})
        simulation = trading_queries.simulation(approval.simulation_id or 0)
        check_evidence(simulation, None, approval.override_reason, now=now)
    elif approval.kind == ApprovalKind.LIMITS and (reasons := limits_changed(approval)):
        raise ApprovalChanged("It changed since it was asked for.", fields={"reasons": reasons})


def check_digest(approval: Approval, digest: str) -> None:
    """Refuses ApprovalChanged unless `digest` is of the stored subject."""
    if not digest == approval.digest == digest_of(approval.subject):
        raise ApprovalChanged("This is not what was asked for: read it again.")


def reasons_against(approval: Approval, *, now: datetime, with_data: bool = False) -> list[str]:
    """Why it could not be approved or used now, for pages; [] when it could."""
    if approval.kind == ApprovalKind.LIMITS:
        return limits_changed(approval)
    if approval.kind != ApprovalKind.ACTIVATION or approval.simulation is None:
        return []
    held = evidence_reasons(approval.simulation, now=now, with_data=with_data)
    return [*_changed(approval), *held]


def _changed(approval: Approval) -> list[str]:
    """What differs between the request and the rows it speaks of."""
    version, simulation, asked = approval.version, approval.simulation, approval.subject
    if version is None or simulation is None:
        return ["Its version is gone."]
    active = StrategyVersion.objects.filter(
        strategy=version.strategy_id, state=StrategyVersion.State.ACTIVE
    ).first()
    found = {
        "version's state": version.state in READY,
        "parameters": params_hash(version.params) == version.params_hash == asked["params_hash"],
        "code": version.code_hash == asked["code_hash"],
        "active version": active is not None and active.number == asked["base"],
        "simulation": simulation.version_id == version.pk,
        "report": simulation.report_hash == asked["report"] and _report_is_whole(simulation),
        "verdict": simulation.verdict == asked["verdict"],
    }
    return [f"The {name} changed since." for name, same in found.items() if not same]


def _report_is_whole(simulation: Simulation) -> bool:
    return tear_sheet.digest(trading_queries.report_bytes(simulation)) == simulation.report_hash


def policy_for(kind: str, on_expiry: str | None, within_s: int | None) -> ApprovalPolicy:
    """The policy that a new request is made with."""
    policy = queries.policy_of(kind)
    policy.deadline_s = within_s or policy.deadline_s
    policy.on_expiry = on_expiry or policy.on_expiry
    return policy
