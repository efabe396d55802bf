"""Real money is asked for with every gate open."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal as D
from typing import Any

import pytest
from pytest_django import Settings

from tests.trading.factories import make_order
from tests.trading.live_desk import LiveDesk, actions, make_live_desk, set_env
from trading import services
from trading.errors import GatesClosed, GrantInvalid, GrantNotOpen, LiveModeOff
from trading.models import (
    Bot,
    DecisionRecord,
    ExchangeAccount,
    Heartbeat,
    Incident,
    LiveGrant,
    Simulation,
    Trade,
)
from trading.order_state import OrderStatus

pytestmark = pytest.mark.django_db


@pytest.fixture
def desk(settings: Settings) -> LiveDesk:
    return make_live_desk(settings)


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
