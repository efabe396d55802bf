"""How requests are decided, and the waiver of a console with one person."""

from __future__ import annotations

from typing import Any

import pytest
from pytest_django import Settings

from approvals import queries, services
from approvals.errors import (
    ApprovalChanged,
    ApprovalInvalid,
    ApprovalNotOpen,
    OwnApproval,
    PolicyInvalid,
    WaiverInvalid,
)
from approvals.models import Approval, ApprovalDecision
from tests.approvals.asking import VIA, Table, make_approver, make_table
from trading.errors import ResumeNeedsApproval, StepUpRequired
from trading.models import AuditEvent, Simulation, SystemState
from trading.services import confirm_person, emergency_stop, resume_system

pytestmark = pytest.mark.django_db


@pytest.fixture
def table() -> Table:
    return make_table()


def change(table: Table, **given: Any) -> None:
    fields: dict[str, Any] = {
        "deadline_s": 600,
        "approvers": 2,
        "step_up": True,
        "on_expiry": "NOTHING",
        "allow_red": False,
        **given,
    }
    kind = fields.pop("kind", "ACTIVATION")
    services.change_policy(kind=kind, by=table.approver, now=table.now, **fields)


def waive(table: Table, **given: Any) -> Any:
    confirm_person(user=table.approver, via=VIA, now=table.now)
    fields = {"hours": 1, "reason": "alone here", "by": table.approver, "via": VIA, **given}
    return services.grant_waiver(now=table.now, **fields)


def test_without_a_row_the_defaults_are_that_silence_stops() -> None:
    policy = queries.policy_of("ACTIVATION")
    assert (policy.deadline_s, policy.approvers, policy.on_expiry) == (7_200, 1, "STOP")
    assert queries.policy_of("GO_LIVE").on_expiry == "NOTHING"


def test_a_changed_policy_holds_for_new_requests_and_is_audited(table: Table) -> None:
    before = table.ask()
    change(table)
    after = table.ask(now=table.at(seconds=5))

    assert (before.approvers, after.approvers, after.step_up) == (1, 2, True)
    assert after.due_at == table.at(seconds=605)
    event = AuditEvent.objects.get(action="approval_policy.changed")
    assert ((event.before or {})["on_expiry"], (event.after or {})["on_expiry"]) == (
        "STOP",
        "NOTHING",
    )


@pytest.mark.parametrize(
    "wrong",
    [
        {"deadline_s": 59},
        {"deadline_s": 8 * 86_400},
        {"approvers": 0},
        {"approvers": 3},
        {"on_expiry": "APPROVE"},
        {"kind": "COFFEE"},
    ],
)
def test_a_policy_out_of_bounds_is_refused(table: Table, wrong: dict[str, Any]) -> None:
    with pytest.raises((PolicyInvalid, KeyError)) as refused:
        change(table, **wrong)
    assert refused.type is PolicyInvalid


def test_with_a_waiver_the_proposer_decides_and_the_decision_says_so(table: Table) -> None:
    waiver = waive(table)
    row = table.ask(by=table.approver)

    assert table.approve(row).state == Approval.State.APPROVED
    said = ApprovalDecision.objects.get(approval=row)
    assert said.waiver == waiver
    assert (AuditEvent.objects.get(action="approval.approved").after or {})["waiver"] is True


def test_a_waiver_needs_the_password_ends_and_can_be_ended(table: Table) -> None:
    with pytest.raises(StepUpRequired):
        services.grant_waiver(hours=1, reason="alone", by=table.second, via=VIA, now=table.now)
    with pytest.raises(WaiverInvalid):
        waive(table, hours=25)
    waiver = waive(table)
    assert queries.standing_waiver(table.at(minutes=59)) == waiver
    assert queries.standing_waiver(table.at(minutes=60)) is None
    services.revoke_waiver(waiver_id=waiver.pk, by=table.approver, now=table.at(minutes=1))

    with pytest.raises(OwnApproval):
        table.approve(table.ask(by=table.approver), now=table.at(minutes=2))
    with pytest.raises(WaiverInvalid):
        services.revoke_waiver(waiver_id=waiver.pk, by=table.approver, now=table.at(minutes=3))


def test_a_waiver_makes_nobody_two_people(table: Table) -> None:
    waive(table)
    change(table, step_up=False)
    row = table.ask(by=table.approver)

    assert table.approve(row).state == "PENDING"


def test_a_comment_decides_nothing(table: Table) -> None:
    row = table.ask()
    services.comment(
        approval_id=row.pk, text="look at March", by=table.proposer, via="", now=table.now
    )

    assert table.approve(row).state == "APPROVED"
    services.withdraw(approval_id=row.pk, reason="after all no", by=table.proposer, now=table.now)
    with pytest.raises(ApprovalNotOpen):
        services.comment(
            approval_id=row.pk, text="too late", by=table.proposer, via="", now=table.now
        )
    assert table.version.state == "SIMULATED"


class TestResuming:
    def stop(self, table: Table, people: int) -> None:
        change(table, kind="RESUME", approvers=people, step_up=False)
        emergency_stop(reason="smoke", by=table.approver, now=table.now)

    def test_by_default_one_administrator_with_a_reason_resumes(self, table: Table) -> None:
        emergency_stop(reason="smoke", by=table.approver, now=table.now)
        resume_system(reason="no fire", by=table.approver, now=table.now)

    def test_where_others_must_agree_no_door_resumes_alone(self, table: Table) -> None:
        self.stop(table, 1)
        with pytest.raises(ResumeNeedsApproval):
            resume_system(reason="no fire", by=table.approver, now=table.now)
        with pytest.raises(PolicyInvalid):
            change(table, kind="RESUME", approvers=0)
        row = services.request_resume(reason="no fire", by=table.approver, now=table.now)
        with pytest.raises(OwnApproval):
            table.approve(row)

        assert table.approve(row, by=table.second).state == "USED"
        assert SystemState.objects.get(pk=1).state == "RUNNING"

    def test_two_others_are_two_and_an_older_stop_does_not_lift_a_newer(self, table: Table) -> None:
        self.stop(table, 2)
        row = services.request_resume(reason="no fire", by=table.approver, now=table.now)
        assert table.approve(row, by=table.second).state == "PENDING"
        emergency_stop(reason="more smoke", by=None, now=table.now)

        with pytest.raises(ApprovalChanged):
            table.approve(row, by=make_approver("cleo"))
        assert SystemState.objects.get(pk=1).state == "EMERGENCY_STOP"
        assert row.decisions.count() == 1

    def test_without_a_stop_there_is_nothing_to_ask_for(self, table: Table) -> None:
        change(table, kind="RESUME", approvers=1)
        with pytest.raises(ApprovalInvalid):
            services.request_resume(reason="no fire", by=table.approver, now=table.now)
        with pytest.raises(PolicyInvalid):
            change(table, kind="RESUME", on_expiry="STOP")


class TestTheDemosProposal:
    def test_it_waits_once_and_stops_nothing(self, table: Table, settings: Settings) -> None:
        exchanges = ("simulated",)
        settings.ENV = settings.ENV.model_copy(update={"seed_demo": True, "exchanges": exchanges})
        row = services.offer_demo(now=table.now)

        assert row is not None
        assert (row.requested_by, row.on_expiry, row.due_at) == (None, "NOTHING", table.at(days=1))
        assert services.offer_demo(now=table.now) is None
        assert table.approve(row).state == "APPROVED"

    @pytest.mark.parametrize("verdict", ["RED", ""])
    def test_a_candidate_that_is_no_better_is_not_offered(
        self, table: Table, settings: Settings, verdict: str
    ) -> None:
        settings.ENV = settings.ENV.model_copy(
            update={"seed_demo": True, "exchanges": ("simulated",)}
        )
        done = None if not verdict else table.now
        Simulation.objects.update(verdict=verdict, finished_at=done)

        assert services.offer_demo(now=table.now) is None
