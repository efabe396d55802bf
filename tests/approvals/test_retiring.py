"""A version that is put aside takes its open request with it, if the person may end that."""

from __future__ import annotations

import pytest

from approvals import services
from approvals.errors import ApprovalInvalid, ApproverNotAllowed
from approvals.models import Approval
from strategies.errors import VersionStateWrong
from tests.approvals.asking import Table, make_approver, make_table
from tests.trading.factories import make_user
from trading import access

pytestmark = pytest.mark.django_db


@pytest.fixture
def table() -> Table:
    return make_table()


@pytest.mark.parametrize("agreed", [False, True])
def test_who_asked_retires_and_the_request_ends(table: Table, agreed: bool) -> None:
    row = table.ask()
    if agreed:
        table.approve(row)

    services.retire(
        version_id=table.version.pk,
        reason="a better idea",
        by=table.proposer,
        now=table.at(minutes=3),
    )

    row.refresh_from_db()
    assert (row.state, row.ended_reason) == ("WITHDRAWN", "It was retired: a better idea")
    assert table.version.state == "RETIRED"
    assert not services.check_approvals(now=table.at(hours=9))  # no stop follows


def test_nobody_ends_somebody_elses_request_by_retiring(table: Table) -> None:
    row = table.ask(by=table.second)

    with pytest.raises(ApprovalInvalid, match="Somebody else asked"):
        services.retire(
            version_id=table.version.pk, reason="mine is better", by=table.proposer, now=table.now
        )

    row.refresh_from_db()
    assert (row.state, table.version.state) == (Approval.State.PENDING, "SIMULATED")
    who_decides = make_approver("carla")
    services.retire(version_id=table.version.pk, reason="not needed", by=who_decides, now=table.now)
    assert table.version.state == "RETIRED"


def test_the_active_version_stays_and_so_does_what_was_asked_for(table: Table) -> None:
    table.approve(table.ask())
    table.activate()

    with pytest.raises(VersionStateWrong, match="what replaces it retires it"):
        services.retire(
            version_id=table.version.pk, reason="no good", by=table.approver, now=table.now
        )
    assert table.version.state == "ACTIVE"


def test_a_viewer_or_no_person_retires_nothing(table: Table) -> None:
    viewer = make_user(access.VIEWER, "vera")

    for nobody in (viewer, None, "ai:model"):
        with pytest.raises(ApproverNotAllowed):
            services.retire(
                version_id=table.version.pk,
                reason="because",
                by=nobody,  # type: ignore[arg-type]
                now=table.now,
            )
    assert table.version.state == "SIMULATED"
