"""Real money needs another person, who has just proved who it is."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal as D
from threading import Barrier, Thread
from typing import Any

import pytest
from django.db import IntegrityError, connection, connections, transaction
from pytest_django import Settings

from tests.trading.factories import make_order, make_position, make_user
from tests.trading.live_desk import LiveDesk, actions, make_live_desk
from trading import queries, services
from trading.errors import (
    BotNotFlat,
    GrantChanged,
    GrantNotOpen,
    GrantUnknown,
    OwnGrant,
    StepUpRequired,
)
from trading.models import Bot, Confirmation, LiveGrant, PortfolioSnapshot
from trading.order_state import OrderStatus
from trading.queries import readiness

pytestmark = pytest.mark.django_db


@pytest.fixture
def desk(settings: Settings) -> LiveDesk:
    return make_live_desk(settings)


class TestApprove:
    def test_another_person_takes_the_bot_live(self, desk: LiveDesk) -> None:
        grant = desk.go_live()
        assert (desk.bot.paper_mode, desk.bot.account) == (False, desk.account)
        assert grant.expires_at == desk.at(hours=24)
        assert grant.approved_by == desk.approver
        assert all(gate["ok"] for gate in grant.approved_gates)
        assert actions()[-2:] == ["bot.went_live", "grant.approved"]
        assert "live_grants" in {gate.name for gate in readiness(desk.now) if gate.ok}

    def test_who_asked_does_not_approve_whatever_the_role(self, desk: LiveDesk) -> None:
        grant = desk.ask(by=desk.approver)
        desk.confirm()
        with pytest.raises(OwnGrant):
            desk.approve(grant)
        with pytest.raises(IntegrityError), transaction.atomic():
            LiveGrant.objects.filter(pk=grant.pk).update(approved_by=desk.approver)

    def test_the_password_must_be_minutes_old(self, desk: LiveDesk) -> None:
        grant = desk.ask()
        with pytest.raises(StepUpRequired):
            desk.approve(grant)
        desk.confirm(at=desk.at(minutes=-5))
        with pytest.raises(StepUpRequired):
            desk.approve(grant)
        desk.confirm(at=desk.at(seconds=1))  # a clock that was set back proves nothing
        with pytest.raises(StepUpRequired):
            desk.approve(grant)
        desk.confirm(at=desk.at(minutes=-4))
        desk.approve(grant)

    def test_a_password_given_elsewhere_or_by_another_does_not_count(self, desk: LiveDesk) -> None:
        grant = desk.ask()
        desk.confirm(desk.asker)
        services.confirm_person(user=desk.approver, via="token:1", now=desk.now)
        with pytest.raises(StepUpRequired):
            desk.approve(grant)
        with pytest.raises(StepUpRequired):
            desk.approve(grant, via="")
        assert Confirmation.objects.count() == 2

    def test_an_approval_is_used_once(self, desk: LiveDesk) -> None:
        grant = desk.go_live()
        with pytest.raises(GrantNotOpen):
            desk.approve(grant)

    def test_what_was_asked_for_long_ago_has_lapsed(self, desk: LiveDesk) -> None:
        grant = desk.ask()
        LiveGrant.objects.update(expires_at=desk.now)
        desk.confirm()
        with pytest.raises(GrantNotOpen, match="lapsed"):
            desk.approve(grant)

    def test_a_revoked_request_is_not_approved(self, desk: LiveDesk) -> None:
        grant = desk.ask()
        services.revoke_grant(grant_id=grant.pk, reason="no", by=desk.asker, now=desk.now)
        desk.confirm()
        with pytest.raises(GrantNotOpen):
            desk.approve(grant)

    def test_a_grant_that_is_not_there(self, desk: LiveDesk) -> None:
        desk.confirm()
        with pytest.raises(GrantUnknown):
            desk.approve(LiveGrant(pk=10**6))

    @pytest.mark.parametrize("digest", ["", "x", "0" * 64])
    def test_only_what_was_read_is_approved(self, desk: LiveDesk, digest: str) -> None:
        grant = desk.ask()
        desk.confirm()
        with pytest.raises(GrantChanged):
            desk.approve(grant, digest=digest)

    def test_a_bot_that_was_changed_meanwhile_is_not_approved(self, desk: LiveDesk) -> None:
        grant = desk.ask()
        desk.confirm()
        knobs = {"max_exposure": "0.5"}
        services.set_knobs(bot_id=desk.bot.pk, knobs=knobs, by=desk.asker, now=desk.now)
        with pytest.raises(GrantChanged):
            desk.approve(grant)

    def test_caps_that_were_raised_in_the_database_are_noticed(self, desk: LiveDesk) -> None:
        grant = desk.ask()
        desk.confirm()
        LiveGrant.objects.filter(pk=grant.pk).update(max_exposure=D(9000))
        with pytest.raises(GrantChanged):
            desk.approve(grant)

    def test_it_trades_with_the_cash_that_is_granted_and_its_curve_begins_anew(
        self, desk: LiveDesk
    ) -> None:
        PortfolioSnapshot.objects.create(
            bot=desk.bot,
            equity=D(11_000),
            cash=D(11_000),
            positions_value=D(0),
            drawdown=0.0,
            at=desk.at(hours=-1),
        )
        desk.go_live()

        bot = desk.bot
        assert bot.cash == bot.starting_cash == bot.peak_equity == bot.day_start_equity == D(800)
        assert queries.equity_curve(bot.pk) == []
        card = queries.bot_card(bot.pk)
        assert card is not None
        assert card.snapshot is None
        assert queries.performance(bot.pk).trades == 0

    @pytest.mark.parametrize(
        "busy",
        [
            lambda d: Bot.objects.update(status=Bot.Status.RUNNING),
            lambda d: make_position(d.bot, "0.01", "40000"),
            lambda d: make_order(d.bot, status=OrderStatus.OPEN, qty="0.01"),
            lambda d: make_order(d.bot, status=OrderStatus.NEW, qty="0.01"),
        ],
    )
    def test_only_a_stopped_and_flat_bot_goes_live(
        self, desk: LiveDesk, busy: Callable[[LiveDesk], Any]
    ) -> None:
        grant = desk.ask()
        desk.confirm()
        busy(desk)
        with pytest.raises(BotNotFlat):
            desk.approve(grant)
        assert LiveGrant.objects.get().approved_at is None
        assert Bot.objects.get(pk=desk.bot.pk).paper_mode

    def test_a_live_bot_is_granted_more_time_while_it_runs(self, desk: LiveDesk) -> None:
        first = desk.go_live()
        Bot.objects.update(status=Bot.Status.RUNNING)
        second = desk.approve(desk.ask(hours=48))
        first.refresh_from_db()
        assert first.revoke_reason == "superseded"
        assert second.state_at(desk.now) == "STANDING"
        assert Bot.objects.get(pk=desk.bot.pk).is_running


@pytest.mark.django_db(transaction=True)
def test_of_two_approvals_at_once_one_wins(settings: Settings) -> None:
    desk = make_live_desk(settings)
    grant, people = desk.ask(), [desk.approver, make_user("admin")]
    for person in people:
        desk.confirm(person)
    start, outcomes = Barrier(2), []

    def approve(person: Any) -> None:
        start.wait()
        try:
            desk.approve(grant, by=person)
            outcomes.append("approved")
        except GrantNotOpen:
            outcomes.append("refused")
        finally:
            connections.close_all()

    threads = [Thread(target=approve, args=(person,)) for person in people]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(outcomes) == ["approved", "refused"]
    assert actions().count("grant.approved") == 1
    assert actions().count("bot.went_live") == 1
    connection.close()
