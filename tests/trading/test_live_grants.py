"""Real money needs every gate, two people, and an end."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal as D
from threading import Barrier, Thread
from typing import Any

import pytest
from django.db import IntegrityError, connection, connections, transaction
from pytest_django import Settings

from tests.trading.factories import make_account, make_order, make_position, make_user
from tests.trading.live_desk import LiveDesk, make_live_desk, set_env
from trading import queries, services
from trading.errors import (
    AccountInUse,
    BotIsLive,
    BotIsPaper,
    BotNotFlat,
    GatesClosed,
    GrantChanged,
    GrantInvalid,
    GrantNotOpen,
    GrantUnknown,
    LiveModeOff,
    LiveNotGranted,
    OwnGrant,
    StepUpRequired,
)
from trading.models import (
    AuditEvent,
    Bot,
    Confirmation,
    DecisionRecord,
    ExchangeAccount,
    Heartbeat,
    Incident,
    LiveGrant,
    Order,
    PortfolioSnapshot,
    Position,
    Simulation,
    Trade,
)
from trading.order_state import OrderStatus
from trading.queries import readiness

pytestmark = pytest.mark.django_db


@pytest.fixture
def desk(settings: Settings) -> LiveDesk:
    return make_live_desk(settings)


def actions() -> list[str]:
    return list(AuditEvent.objects.order_by("seq").values_list("action", flat=True))


def closed(refused: pytest.ExceptionInfo[GatesClosed]) -> Any:
    return refused.value.fields["gates"]


class TestAsk:
    def test_what_is_asked_for_is_kept_with_every_gate(self, desk: LiveDesk) -> None:
        grant = desk.ask()
        assert grant.state_at(desk.now) == "ASKED"
        assert all(gate["ok"] for gate in grant.asked_gates)
        assert {gate["name"] for gate in grant.asked_gates} == {
            "live_mode",
            "account_checked",
            "key_cannot_withdraw",
            "clock_right",
            "symbols_allowed",
            "ready",
            "evidence_green",
            "paper_record",
            "no_incident",
            "limits_set",
            "name_typed",
        }
        assert Bot.objects.get(pk=desk.bot.pk).paper_mode
        assert actions()[-1] == "grant.asked"

    def test_with_live_mode_off_nothing_can_be_asked_for(
        self, desk: LiveDesk, settings: Settings
    ) -> None:
        set_env(settings, trading_live_mode=False)
        with pytest.raises(LiveModeOff):
            desk.ask()

    @pytest.mark.parametrize(
        ("gate", "break_it"),
        [
            ("account_checked", lambda d: _account(d, checked_at=d.at(hours=-25))),
            ("account_checked", lambda d: _account(d, checked_at=None)),
            ("account_checked", lambda d: _account(d, may_trade=False)),
            ("account_checked", lambda d: _account(d, enabled=False)),
            ("key_cannot_withdraw", lambda d: _account(d, may_withdraw=True)),
            ("key_cannot_withdraw", lambda d: _account(d, may_withdraw=None)),
            ("clock_right", lambda d: _account(d, offset_ms=-1001)),
            ("clock_right", lambda d: _account(d, clock_at=d.at(minutes=-6))),
            ("symbols_allowed", lambda d: _account(d, symbols=["ETH/USDT"])),
            ("symbols_allowed", lambda d: _account(d, exchange="bybit")),
            ("ready", lambda d: Heartbeat.objects.all().delete()),
            ("evidence_green", lambda d: Simulation.objects.update(verdict="AMBER")),
            ("evidence_green", lambda d: Simulation.objects.update(finished_at=None)),
            ("evidence_green", lambda d: Simulation.objects.update(fill_at="same_close")),
            ("evidence_green", lambda d: Simulation.objects.update(timeframe="1h")),
            ("evidence_green", lambda d: Simulation.objects.update(symbols=["bybit:BTC/USDT"])),
            ("evidence_green", lambda d: Simulation.objects.update(to_ms=1)),
            ("evidence_green", lambda d: Simulation.objects.update(certificate={})),
            ("paper_record", lambda d: DecisionRecord.objects.all()[:1].get().delete()),
            ("paper_record", lambda d: Trade.objects.update(status="OPEN", symbol=_other(d))),
            ("paper_record", lambda d: Bot.objects.update(source="REPLAY")),
            ("no_incident", lambda d: _incident(d)),
            ("no_incident", lambda d: make_order(d.bot, status=OrderStatus.NEEDS_HUMAN)),
            ("limits_set", lambda d: _knobs(d, max_daily_loss="1")),
            ("limits_set", lambda d: _account(d, max_order=D(499))),
            ("limits_set", lambda d: _account(d, max_exposure=D(0))),
        ],
    )
    def test_each_gate_closes_by_itself(
        self, desk: LiveDesk, gate: str, break_it: Callable[[LiveDesk], Any]
    ) -> None:
        grant = desk.ask()
        desk.confirm()
        if gate == "paper_record" and Trade.objects.count() == 2:
            Trade.objects.order_by("pk").last().delete()  # type: ignore[union-attr]
            Trade.objects.update(pnl=D(1))
        break_it(desk)

        with pytest.raises(GatesClosed) as asking:
            desk.ask()
        with pytest.raises(GatesClosed) as approving:
            desk.approve(grant)

        assert gate in closed(asking)
        assert gate in closed(approving)
        assert asking.value.fields["reasons"]
        assert Bot.objects.get(pk=desk.bot.pk).paper_mode

    def test_the_name_must_be_the_bots(self, desk: LiveDesk) -> None:
        with pytest.raises(GatesClosed) as refused:
            desk.ask(typed_name="bot")
        assert closed(refused) == ["name_typed"]

    @pytest.mark.parametrize(
        ("field", "value"),
        [
            ("max_order", D(0)),
            ("max_order", D("NaN")),
            ("max_order", D(801)),
            ("max_exposure", D("Infinity")),
            ("max_exposure", D(-1)),
            ("hours", 0),
            ("hours", 169),
            ("reason", "  x "),
            ("reason", "y" * 301),
        ],
    )
    def test_rubbish_is_refused_by_its_field(
        self, desk: LiveDesk, field: str, value: object
    ) -> None:
        with pytest.raises(GrantInvalid) as refused:
            desk.ask(**{field: value})
        assert field in refused.value.fields
        assert not LiveGrant.objects.exists()

    def test_a_new_request_takes_the_place_of_the_older(self, desk: LiveDesk) -> None:
        first, second = desk.ask(), desk.ask(hours=2)
        desk.confirm()
        with pytest.raises(GrantNotOpen):
            desk.approve(first)
        assert desk.approve(second).state_at(desk.now) == "STANDING"

    def test_a_record_of_other_parameters_proves_nothing(self, desk: LiveDesk) -> None:
        services.update_bot(
            bot_id=desk.bot.pk,
            changes={"timeframe": "1h"},
            by=desk.asker,
            now=desk.at(minutes=-1),
        )
        Simulation.objects.update(timeframe="1h")
        with pytest.raises(GatesClosed) as refused:
            desk.ask()
        assert closed(refused) == ["paper_record"]


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


class TestEnd:
    def test_a_revoked_grant_lets_nothing_be_bought(self, desk: LiveDesk) -> None:
        grant = desk.go_live()
        services.revoke_grant(grant_id=grant.pk, reason="odd", by=desk.asker, now=desk.at(hours=1))
        with pytest.raises(LiveNotGranted):
            services.start_bot(bot_id=desk.bot.pk, by=None, now=desk.at(hours=1))
        with pytest.raises(GrantNotOpen):
            services.revoke_grant(grant_id=grant.pk, reason="", by=desk.asker, now=desk.now)
        assert actions()[-1] == "grant.revoked"

    def test_an_expiry_is_told_of_once(self, desk: LiveDesk) -> None:
        desk.go_live()
        assert services.end_grants(now=desk.at(hours=23)) == 0
        assert services.end_grants(now=desk.at(hours=24)) == 1
        assert services.end_grants(now=desk.at(hours=25)) == 0
        assert actions().count("grant.expired") == 1
        gates = {gate.name: gate for gate in readiness(desk.at(hours=25))}
        assert not gates["live_grants"].ok

    def test_a_live_bot_starts_under_its_grant_only(
        self, desk: LiveDesk, settings: Settings
    ) -> None:
        desk.go_live()
        with pytest.raises(LiveNotGranted):
            services.start_bot(bot_id=desk.bot.pk, by=None, now=desk.at(hours=24))
        set_env(settings, trading_live_mode=False)
        with pytest.raises(LiveModeOff):
            services.start_bot(bot_id=desk.bot.pk, by=None, now=desk.now)
        set_env(settings, trading_live_mode=True)
        services.start_bot(bot_id=desk.bot.pk, by=None, now=desk.now)
        assert Bot.objects.get(pk=desk.bot.pk).is_running

    def test_back_to_paper_ends_the_grant(self, desk: LiveDesk) -> None:
        grant = desk.go_live()
        bot = services.bring_to_paper(bot_id=desk.bot.pk, by=desk.asker, now=desk.now)
        grant.refresh_from_db()
        assert (bot.paper_mode, bot.account, grant.revoke_reason) == (True, None, "back to paper")
        with pytest.raises(BotIsPaper):
            services.bring_to_paper(bot_id=desk.bot.pk, by=desk.asker, now=desk.now)

    def test_a_bot_that_holds_or_works_stays_live(self, desk: LiveDesk) -> None:
        desk.go_live()
        order = make_order(desk.bot, status=OrderStatus.UNKNOWN, qty="0.01")
        assert order.account == desk.account
        with pytest.raises(BotNotFlat):
            services.bring_to_paper(bot_id=desk.bot.pk, by=desk.asker, now=desk.now)
        Order.objects.update(status=OrderStatus.NOT_SENT)
        make_position(desk.bot, "0.01", "40000")
        with pytest.raises(BotNotFlat):
            services.bring_to_paper(bot_id=desk.bot.pk, by=desk.asker, now=desk.now)

    def test_what_nobody_can_sell_keeps_no_bot_live(self, desk: LiveDesk) -> None:
        desk.go_live()
        bought(desk, "0.0001009")  # 4.2 USDT at 42,000: below the least that may be sold
        services.bring_to_paper(bot_id=desk.bot.pk, by=desk.asker, now=desk.now)
        assert Bot.objects.get(pk=desk.bot.pk).paper_mode
        assert Position.objects.get().qty == D("0.0001009")

    def test_dust_comes_along_to_its_own_account_only(self, desk: LiveDesk) -> None:
        desk.go_live()
        bought(desk, "0.000009")
        services.bring_to_paper(bot_id=desk.bot.pk, by=desk.asker, now=desk.now)
        other = make_account("other")
        with pytest.raises(BotNotFlat, match="flat"):
            desk.approve(desk.ask(account_id=other.pk))
        assert desk.approve(desk.ask()).state_at(desk.now) == "STANDING"

    def test_what_a_live_bot_trades_stays_as_it_was_granted(self, desk: LiveDesk) -> None:
        desk.go_live()
        with pytest.raises(BotIsLive):
            services.update_bot(
                bot_id=desk.bot.pk, changes={"timeframe": "1h"}, by=desk.asker, now=desk.now
            )
        services.update_bot(
            bot_id=desk.bot.pk, changes={"name": "Other"}, by=desk.asker, now=desk.now
        )

    def test_an_account_that_a_live_bot_needs_is_not_removed(self, desk: LiveDesk) -> None:
        desk.go_live()
        with pytest.raises(AccountInUse):
            services.remove_account(account_id=desk.account.pk, by=desk.approver, now=desk.now)


def bought(desk: LiveDesk, qty: str) -> None:
    """By a live order that ended."""
    make_position(desk.bot, qty, "40000")
    Order.objects.update(status=OrderStatus.FILLED)


def _account(desk: LiveDesk, **changes: Any) -> None:
    ExchangeAccount.objects.filter(pk=desk.account.pk).update(**changes)


def _knobs(desk: LiveDesk, **changes: Any) -> None:
    services.set_knobs(bot_id=desk.bot.pk, knobs=changes, by=desk.asker, now=desk.now)


def _other(desk: LiveDesk) -> Any:
    return desk.bot.symbols.get()


def _incident(desk: LiveDesk) -> None:
    Incident.objects.create(
        account=desk.account,
        kind=Incident.Kind.BALANCE,
        key="USDT",
        asset="USDT",
        ours="1",
        theirs="2",
        first_seen_at=desk.now - timedelta(minutes=1),
        last_seen_at=desk.now,
    )


def test_proofs_that_count_no_longer_are_forgotten(desk: LiveDesk) -> None:
    for via, minutes in (("token:1", 0), ("token:2", 59)):
        now = desk.now + timedelta(minutes=minutes)
        services.confirm_person(user=desk.asker, via=via, now=now)

    dropped = services.prune_confirmations(now=desk.now + timedelta(minutes=60))

    assert dropped == 1
    assert not Confirmation.objects.filter(via="token:1").exists()
    assert Confirmation.objects.filter(via="token:2").exists()
