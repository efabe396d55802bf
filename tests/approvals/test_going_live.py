"""Real money by policy: no door lets a bot go live with fewer people than it says."""

from __future__ import annotations

import re
from datetime import timedelta
from decimal import Decimal as D
from typing import Any

import pytest
from pytest_django import Settings

from approvals import services
from approvals.errors import AlreadyDecided, ApproverNotAllowed
from approvals.models import Approval
from tests.approvals.asking import make_approver
from tests.architecture.sources import ROOT
from tests.trading.factories import make_user
from tests.trading.live_desk import VIA, LiveDesk, make_live_desk
from trading.errors import GatesClosed, GrantChanged, OwnGrant
from trading.models import Bot, LiveGrant
from trading.services import revoke_grant

pytestmark = pytest.mark.django_db


@pytest.fixture
def desk(settings: Settings) -> LiveDesk:
    return make_live_desk(settings)


def ask(desk: LiveDesk, **changes: Any) -> LiveGrant:
    given: dict[str, Any] = {
        "bot_id": desk.bot.pk,
        "account_id": desk.account.pk,
        "max_order": D(500),
        "max_exposure": D(800),
        "hours": 24,
        "reason": "Its record is good.",
        "typed_name": desk.bot.name,
        "by": desk.asker,
        "now": desk.now,
        **changes,
    }
    return services.ask_live(**given)


def agree(desk: LiveDesk, grant: LiveGrant, **changes: Any) -> LiveGrant:
    person = changes.get("by", desk.approver)
    desk.confirm(person)
    given: dict[str, Any] = {
        "grant_id": grant.pk,
        "digest": grant.subject_digest,
        "typed_name": desk.bot.name,
        "by": person,
        "via": VIA,
        "now": desk.now,
        **changes,
    }
    return services.approve_live(**given)


def policy(desk: LiveDesk, **changes: Any) -> None:
    given: dict[str, Any] = {
        "deadline_s": 3_600,
        "approvers": 1,
        "step_up": True,
        "on_expiry": "NOTHING",
        "allow_red": False,
        **changes,
    }
    services.change_policy(kind="GO_LIVE", by=desk.approver, now=desk.now, **given)


def live(desk: LiveDesk) -> bool:
    return not Bot.objects.get(pk=desk.bot.pk).paper_mode


def test_the_policys_deadline_is_the_requests(desk: LiveDesk) -> None:
    policy(desk, deadline_s=600)
    grant = ask(desk)

    row = Approval.objects.get(grant=grant)
    assert grant.expires_at == row.due_at == desk.now + timedelta(minutes=10)
    assert (row.kind, row.about, row.step_up) == ("GO_LIVE", f"bot:{desk.bot.pk}", True)


def test_one_other_person_lets_it_go_live_and_the_request_is_used(desk: LiveDesk) -> None:
    grant = agree(desk, ask(desk))

    assert live(desk)
    assert grant.approved_by == desk.approver
    assert Approval.objects.get(grant=grant).state == "USED"


def test_with_two_approvers_the_first_alone_changes_nothing(desk: LiveDesk) -> None:
    policy(desk, approvers=2)
    grant = ask(desk)

    assert agree(desk, grant).approved_at is None
    assert not live(desk)
    with pytest.raises(AlreadyDecided):
        agree(desk, grant)
    agree(desk, grant, by=make_approver("bert"))
    assert live(desk)


def test_a_waiver_never_holds_for_real_money(desk: LiveDesk) -> None:
    desk.confirm(desk.approver)
    services.grant_waiver(hours=1, reason="alone here", by=desk.approver, via=VIA, now=desk.now)

    with pytest.raises(OwnGrant):
        agree(desk, ask(desk, by=desk.approver))


@pytest.mark.parametrize(
    ("changes", "refusal"),
    [
        ({"digest": "0" * 64}, GrantChanged),
        ({"typed_name": "another"}, GatesClosed),
    ],
)
def test_what_was_not_read_is_not_approved(
    desk: LiveDesk, changes: dict[str, Any], refusal: type[Exception]
) -> None:
    grant = ask(desk)

    with pytest.raises(refusal):
        agree(desk, grant, **changes)
    assert Approval.objects.get(grant=grant).decisions.count() == 0


def test_an_operator_does_not_approve(desk: LiveDesk) -> None:
    grant = ask(desk)

    with pytest.raises(ApproverNotAllowed):
        agree(desk, grant, by=make_user("operator"))


def test_a_closed_gate_leaves_no_decision_behind(desk: LiveDesk) -> None:
    grant = ask(desk)
    desk.account.__class__.objects.update(enabled=False)

    with pytest.raises(GatesClosed):
        agree(desk, grant)
    assert Approval.objects.get(grant=grant).state == "PENDING"
    assert Approval.objects.get(grant=grant).decisions.count() == 0


def test_a_revoked_request_stops_waiting(desk: LiveDesk) -> None:
    policy(desk, on_expiry="STOP")
    grant = ask(desk)
    revoke_grant(grant_id=grant.pk, reason="not now", by=desk.asker, now=desk.now)

    assert services.check_approvals(now=desk.at(hours=2)) == []
    assert Approval.objects.get(grant=grant).state == "WITHDRAWN"


def test_a_grant_that_was_asked_for_without_a_request_is_put_under_the_policy(
    desk: LiveDesk,
) -> None:
    policy(desk, approvers=2)
    grant = desk.ask()

    assert agree(desk, grant).approved_at is None
    assert not live(desk)


def test_no_door_but_the_one_of_approvals_approves_a_grant() -> None:
    calls = re.compile(r"\b(approve_grant|ask_grant)\(")
    rooms = ("approvals", "config", "marketdata", "strategies", "trading")
    callers = {
        path.relative_to(ROOT).as_posix()
        for room in rooms
        for path in (ROOT / room).rglob("*.py")
        if calls.search(path.read_text())
    }

    assert callers == {"approvals/services/_going_live.py", "trading/services/live/_grants.py"}
