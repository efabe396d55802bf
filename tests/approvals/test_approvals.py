"""A request that people decide on: bound, single use, by somebody else, with an end."""

from __future__ import annotations

import pytest

from approvals import services
from approvals.models import Approval
from strategies import queries as strategy_queries
from tests.approvals.asking import Table, make_table
from trading.models import AuditEvent

pytestmark = pytest.mark.django_db


@pytest.fixture
def table() -> Table:
    return make_table()


def actions() -> list[str]:
    return list(AuditEvent.objects.order_by("seq").values_list("action", flat=True))


def test_a_candidate_goes_by_evidence_and_people_to_the_active_version_and_back(
    table: Table,
) -> None:
    name, before = table.version.strategy.name, strategy_queries.active_version("trend_ema_fast")
    assert table.version.state == "SIMULATED"

    row = table.ask()
    assert table.approve(row).state == Approval.State.APPROVED
    assert table.version.state == "APPROVED"
    table.activate()
    assert strategy_queries.active_version(name) == table.version
    row.refresh_from_db()
    assert row.state == Approval.State.USED
    services.roll_back(
        strategy=name, reason="worse live", by=table.approver, via="", now=table.at(minutes=3)
    )

    assert strategy_queries.active_version(name) == before
    assert [action for action in actions() if "approval" in action or "version" in action] == [
        "strategy_version.created",
        "strategy_version.simulated",
        "approval.requested",
        "strategy_version.approved",
        "approval.approved",
        "strategy_version.activated",
        "approval.used",
        "strategy_version.rolled_back",
    ]
