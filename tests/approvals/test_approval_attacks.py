"""What somebody might try to get a version past the people, and what it comes to."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser, User
from django.db import IntegrityError, transaction

from approvals import approval_triggers, services
from approvals.errors import (
    AlreadyDecided,
    ApprovalChanged,
    ApprovalExpired,
    ApprovalInvalid,
    ApprovalNotOpen,
    ApprovalUnknown,
    ApproverNotAllowed,
    EvidenceRed,
    EvidenceStale,
    OwnApproval,
)
from approvals.models import Approval, ApprovalDecision
from config.refusals import Refusal
from marketdata.models import Candle
from strategies.errors import NothingToRollBack
from strategies.models import StrategyVersion
from tests.approvals.asking import Table, make_approver, make_table
from tests.forging import without
from tests.strategies.factories import forge_version
from tests.trading.factories import make_user
from trading.errors import StepUpRequired
from trading.models import Simulation, SystemState

pytestmark = pytest.mark.django_db

Attack = Callable[[Table, Approval], Any]


@pytest.fixture
def table() -> Table:
    return make_table()


def _policy(table: Table, **given: Any) -> None:
    fields = {
        "deadline_s": 7_200,
        "approvers": 1,
        "step_up": False,
        "on_expiry": "STOP",
        "allow_red": False,
        **given,
    }
    services.change_policy(kind="ACTIVATION", by=table.approver, now=table.now, **fields)


def _by_the_other_digest(table: Table, row: Approval) -> Any:
    newer = table.ask(now=table.at(seconds=5))
    return table.approve(newer, digest=row.digest)


def _of_a_forged_row(table: Table, row: Approval) -> Any:
    with without(approval_triggers.OF_APPROVALS):
        Approval.objects.filter(pk=row.pk).update(subject={**row.subject, "params": {"fast": 2}})
    return table.approve(row)


def _with_other_params(table: Table, row: Approval) -> Any:
    forge_version(table.version, params={**table.version.params, "fast": 9})
    return table.approve(row)


def _as_the_second_of_two(table: Table, row: Approval) -> Any:
    _policy(table, approvers=2)
    two = table.ask(now=table.at(seconds=5))
    table.approve(two)
    return table.approve(two)


def _after_a_rollback_of_the_base(table: Table, row: Approval) -> Any:
    base = StrategyVersion.objects.get(strategy=table.version.strategy, state="ACTIVE")
    forge_version(base, state="RETIRED")
    return table.approve(row)


ATTACKS: dict[str, tuple[Attack, type[Refusal]]] = {
    "the digest of another request": (_by_the_other_digest, ApprovalChanged),
    "an empty digest": (lambda t, r: t.approve(r, digest=""), ApprovalChanged),
    "a subject that was edited in the row": (_of_a_forged_row, ApprovalChanged),
    "parameters that were edited in the row": (_with_other_params, ApprovalChanged),
    "a base that is not active any more": (_after_a_rollback_of_the_base, ApprovalChanged),
    "too late": (lambda t, r: t.approve(r, now=t.at(hours=2)), ApprovalExpired),
    "one's own request": (
        lambda t, r: t.approve(t.ask(by=t.approver, now=t.at(seconds=5))),
        OwnApproval,
    ),
    "rejecting one's own request": (
        lambda t, r: services.reject(
            approval_id=(own := t.ask(by=t.approver, now=t.at(seconds=5))).pk,
            digest=own.digest,
            reason="no more",
            by=t.approver,
            via="",
            now=t.at(minutes=1),
        ),
        OwnApproval,
    ),
    "an operator": (lambda t, r: t.approve(r, by=make_user("operator")), ApproverNotAllowed),
    "a viewer": (lambda t, r: t.approve(r, by=make_user("viewer")), ApproverNotAllowed),
    "a model": (lambda t, r: t.approve(r, by="ai:model"), ApproverNotAllowed),
    "nobody": (lambda t, r: t.approve(r, by=None), ApproverNotAllowed),
    "somebody without a name": (lambda t, r: t.approve(r, by=AnonymousUser()), ApproverNotAllowed),
    "approving twice": (lambda t, r: [t.approve(r), t.approve(r, by=t.second)], ApprovalNotOpen),
    "the same person twice": (_as_the_second_of_two, AlreadyDecided),
    "activating what waits": (lambda t, r: t.activate(), ApprovalNotOpen),
    "activating twice": (lambda t, r: [t.approve(r), t.activate(), t.activate()], ApprovalUnknown),
    "activating as an operator": (
        lambda t, r: [t.approve(r), t.activate(by=t.proposer)],
        ApproverNotAllowed,
    ),
    "rejecting without a reason": (
        lambda t, r: services.reject(
            approval_id=r.pk, digest=r.digest, reason=" ", by=t.approver, via="", now=t.now
        ),
        ApprovalInvalid,
    ),
    "rolling back what was never replaced": (
        lambda t, r: services.roll_back(
            strategy="trend_ema_fast", reason="why not", by=t.approver, via="", now=t.now
        ),
        NothingToRollBack,
    ),
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_an_attack_on_an_approval_is_refused(table: Table, attack: str) -> None:
    act, refusal = ATTACKS[attack]
    row = table.ask()

    with pytest.raises(refusal):
        act(table, row)

    too_late = attack == "too late"  # nobody decided in time, which is what stops everything
    assert SystemState.objects.get(pk=1).state == ("EMERGENCY_STOP" if too_late else "RUNNING")


@pytest.mark.parametrize(
    ("spoil", "refusal"),
    [
        (lambda t: Simulation.objects.update(verdict="RED"), EvidenceRed),
        (lambda t: Simulation.objects.update(fill_at="same_close"), EvidenceStale),
        (lambda t: Simulation.objects.update(finished_at=t.at(hours=-25)), EvidenceStale),
        (lambda t: Simulation.objects.update(finished_at=None), EvidenceStale),
        (lambda t: Simulation.objects.update(baseline=None), EvidenceStale),
        (lambda t: Simulation.objects.update(certificate={}), EvidenceStale),
        (lambda t: Candle.objects.order_by("-pk")[:1].get().delete(), EvidenceStale),
    ],
)
def test_without_evidence_nothing_is_asked_for(
    table: Table, spoil: Callable[[Table], Any], refusal: type[Refusal]
) -> None:
    spoil(table)

    with pytest.raises(refusal):
        table.ask()


def test_evidence_that_went_stale_since_is_not_approved_and_not_used(table: Table) -> None:
    row = table.ask()
    table.approve(row)
    Candle.objects.order_by("-pk")[:1].get().delete()

    with pytest.raises(EvidenceStale) as refused:
        table.activate()

    assert "candles of" in str(refused.value.fields["reasons"])


def test_a_red_candidate_needs_a_policy_two_people_and_two_reasons() -> None:
    table = make_table(verdict="RED")
    with pytest.raises(EvidenceRed):
        table.ask(override_reason="I know better")
    _policy(table, allow_red=True)
    row = table.ask(override_reason="I know better")
    with pytest.raises(ApprovalInvalid):
        table.approve(row)

    assert table.approve(row, reason="agreed: the sample is odd").state == "APPROVED"


def test_two_approvers_are_two_people_and_none_of_them_asked(table: Table) -> None:
    _policy(table, approvers=2)
    row = table.ask(by=table.second)

    assert table.approve(row).state == "PENDING"
    with pytest.raises(OwnApproval):
        table.approve(row, by=table.second)
    assert table.approve(row, by=make_approver("cleo")).state == "APPROVED"


def test_step_up_asks_for_the_password_again(table: Table) -> None:
    _policy(table, step_up=True)

    with pytest.raises(StepUpRequired):
        table.approve(table.ask())


def test_the_database_refuses_what_the_services_would(table: Table) -> None:
    row = table.ask()
    people = {"approval": row, "digest": row.digest, "at": table.now, "verdict": "APPROVE"}
    forgeries: list[Callable[[], Any]] = [
        lambda: Approval.objects.filter(pk=row.pk).update(state="APPROVED"),
        lambda: Approval.objects.filter(pk=row.pk).update(state="USED"),
        lambda: Approval.objects.filter(pk=row.pk).update(digest="0" * 64),
        lambda: Approval.objects.filter(pk=row.pk).update(expires_at=table.at(days=9)),
        lambda: Approval.objects.filter(pk=row.pk).delete(),
        lambda: ApprovalDecision.objects.create(
            by=table.proposer, proposer=table.proposer, **people
        ),
        lambda: _decide(table.proposer, None, people),
        lambda: StrategyVersion.objects.filter(pk=table.version.pk).update(state="ACTIVE"),
        lambda: StrategyVersion.objects.filter(pk=table.version.pk).update(params_hash="0" * 64),
    ]

    for forgery in forgeries:
        with pytest.raises(IntegrityError), transaction.atomic():
            forgery()


def _decide(by: User, proposer: User | None, people: dict[str, Any]) -> ApprovalDecision:
    return ApprovalDecision.objects.create(by=by, proposer=proposer, **people)
