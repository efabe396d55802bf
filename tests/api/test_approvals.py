"""Approvals over the API: a queue, decisions that name a digest, versions that become active."""

from __future__ import annotations

from typing import Any

import pytest

from approvals.models import Approval
from config import clock
from tests.api.factories import Api, make_api
from tests.approvals.asking import Table, make_table
from trading import access
from trading.models import SystemState

pytestmark = pytest.mark.django_db
ACTIVATION = "approval-policies/activation"
VERSION = "strategies/trend_ema_fast/versions/2"


@pytest.fixture
def table() -> Table:
    return make_table(now=clock.now())


@pytest.fixture
def approver(console: None) -> Api:
    return make_api(access.ADMIN)


def asked(operator: Api) -> dict[str, Any]:
    answer = operator.post(f"{VERSION}/request", {"reason": "faster in trends"})
    assert answer.status_code == 201, answer.content
    return dict(answer.json())


def test_a_version_is_asked_for_approved_activated_and_rolled_back(
    table: Table, operator: Api, approver: Api
) -> None:
    row = asked(operator)
    assert (row["state"], row["verdict"], row["stale"]) == ("pending", "green", [])
    assert {change["param"] for change in row["diff"]} == {"fast", "slow"}
    listed = approver.get("approvals", state="pending").json()["results"]
    assert [each["id"] for each in listed] == [row["id"]]

    approved = approver.post(f"approvals/{row['id']}/approve", {"digest": row["digest"]})
    assert approved.json()["state"] == "approved"
    assert approver.post(f"{VERSION}/activate").json()["version"] == 2
    assert approver.post(f"{VERSION}/activate").status_code == 404
    back = approver.post(f"{VERSION}/rollback", {"reason": "worse live"})

    assert (back.json()["version"], back.json()["rollback"]) == (1, True)
    assert approver.post(f"{VERSION}/rollback", {"reason": "again"}).status_code == 409


@pytest.mark.parametrize("verb", ["approve", "reject"])
def test_an_operator_decides_nothing(table: Table, operator: Api, verb: str) -> None:
    row = asked(operator)

    answer = operator.post(
        f"approvals/{row['id']}/{verb}", {"digest": row["digest"], "reason": "no!"}
    )
    assert answer.status_code == 403


def test_a_wrong_digest_and_an_unknown_field_are_refused(
    table: Table, operator: Api, approver: Api
) -> None:
    path = f"approvals/{asked(operator)['id']}/approve"

    assert approver.post(path, {"digest": "0" * 64}).json()["code"] == "APPROVAL_CHANGED"
    assert approver.post(path, {"digest": "x", "force": True}).status_code == 400
    assert approver.post(path, {}).status_code == 400


def test_a_rejection_is_kept_with_its_reason(table: Table, operator: Api, approver: Api) -> None:
    row = asked(operator)

    rejected = approver.post(
        f"approvals/{row['id']}/reject", {"digest": row["digest"], "reason": "not now"}
    )
    assert rejected.json()["state"] == "rejected"
    assert rejected.json()["decisions"][0]["verdict"] == "reject"


def test_a_refused_approval_that_is_over_still_stops_everything(
    table: Table, operator: Api, approver: Api
) -> None:
    row = asked(operator)
    long_ago = table.at(seconds=-60)
    Approval.objects.update(due_at=long_ago)

    answer = approver.post(f"approvals/{row['id']}/approve", {"digest": row["digest"]})

    assert answer.json()["code"] == "APPROVAL_EXPIRED"
    assert SystemState.objects.get(pk=1).state == "EMERGENCY_STOP"
    assert approver.post("approvals/expire-check").json() == {"expired": []}


def test_policies_are_read_by_all_and_changed_by_admins(operator: Api, approver: Api) -> None:
    kinds = [row["kind"] for row in operator.get("approval-policies").json()]
    assert kinds == ["activation", "go_live", "resume", "limits"]
    assert operator.send("PATCH", ACTIVATION, {"approvers": 2}).status_code == 403

    changed = approver.send("PATCH", ACTIVATION, {"approvers": 2})

    assert (changed.json()["approvers"], changed.json()["on_expiry"]) == (2, "stop")
    assert approver.send("PATCH", ACTIVATION, {"approvers": 3}).status_code == 400
    assert approver.get("approval-policies/coffee").status_code == 404


def test_without_a_simulation_nothing_is_asked_for(operator: Api) -> None:
    made = operator.post("strategies/trend_ema/versions", {"params": {"fast": 8}})
    number = made.json().get("number", 2) if made.status_code == 201 else 2

    answer = operator.post(f"strategies/trend_ema/versions/{number}/request", {"reason": "hope"})
    assert answer.status_code in {400, 404}
