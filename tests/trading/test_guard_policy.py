"""When no stop can be kept at the exchange: retry, software, flatten; seen, and told to people."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from pytest_django import Settings

from tests.exchange import faults
from tests.trading.factories import make_user
from tests.trading.guarded_desk import PLACING, Desk, open_desk
from trading import queries, services
from trading.models import AuditEvent, Bot, ExchangeAccount, Protection
from trading.order_state import OrderStatus as S
from trading.services._protection import watch_protection

pytestmark = pytest.mark.django_db(transaction=True)

NO_STOPS: dict[str, dict[str, Any]] = {
    "binance": {"code": -1013, "msg": "Stop loss orders are not supported for this symbol."},
    "bybit": {"retCode": 170130, "retMsg": "Data sent for parameter is not valid.", "time": 0},
}


@pytest.fixture(params=["binance", "bybit"])
def desk(request: pytest.FixtureRequest, settings: Settings) -> Iterator[Desk]:
    with open_desk(request.param, settings) as desk:
        yield desk


def refuse(desk: Desk, times: int) -> None:
    venue = desk.symbol.exchange
    code = 400 if venue == "binance" else 200
    desk.emulator.fail(faults.refused(NO_STOPS[venue], code=code), path=PLACING[venue], times=times)


def bought(desk: Desk, policy: str) -> None:
    desk.set_knobs(on_protection_failure=policy)
    desk.cycle(1)
    desk.sweep(4)


def state(desk: Desk) -> tuple[str, str, bool]:
    row = desk.protection
    return row.state, row.reason, row.watched


def actions(desk: Desk) -> list[str]:
    rows = AuditEvent.objects.filter(subject=f"bot:{desk.bot.pk}", action__startswith="protection.")
    return list(rows.order_by("seq").values_list("action", flat=True))


class TestRefused:
    def test_retry_places_it_again_after_a_while(self, desk: Desk) -> None:
        bought(desk, "retry")
        refuse(desk, 2)

        desk.cycle(5)
        assert state(desk) == ("UNPROTECTED", "refused", True)
        desk.cycle(5.5)
        assert len(desk.guards) == 1  # not yet
        desk.cycle(6.1)
        desk.cycle(7)
        desk.cycle(8.5)

        assert [order.status for order in desk.guards] == [S.REJECTED, S.REJECTED, S.OPEN]
        assert state(desk) == ("EXCHANGE", "", True)
        assert actions(desk) == ["protection.lost", "protection.restored"]

    def test_software_tries_no_more_and_watches(self, desk: Desk) -> None:
        bought(desk, "software")
        refuse(desk, 99)
        for seconds in (5, 7, 60):
            desk.cycle(seconds)
        assert len(desk.guards) == 1
        desk.emulator.heal()

        desk.cycle(70, price=41_000.0)
        desk.sweep(74)

        _, guard, exit_ = desk.orders
        assert (guard.status, exit_.status) == (S.REJECTED, S.FILLED)
        assert exit_.intent.reason == "stop_loss"
        assert Bot.objects.get().is_running

    def test_flatten_sells_at_once_and_stops_the_bot(self, desk: Desk) -> None:
        bought(desk, "flatten")
        refuse(desk, 1)

        desk.cycle(5)
        desk.cycle(6)
        desk.sweep(10)
        desk.cycle(11)

        _, guard, exit_ = desk.orders
        assert (exit_.status, exit_.intent.reason) == (S.FILLED, "protection_failed")
        assert exit_.qty == guard.qty
        assert not Bot.objects.get().is_running
        assert not Protection.objects.exists()
        assert actions(desk)[0] == "protection.lost"

    def test_the_next_position_begins_with_a_clean_record(self, desk: Desk) -> None:
        bought(desk, "software")
        refuse(desk, 1)
        desk.cycle(5)
        desk.cycle(10, price=41_000.0)
        desk.sweep(14)
        desk.cycle(15)
        assert desk.position.opened_at is None  # dust, no position

        desk.candle(42_000.0)
        desk.candle(42_000.0, number=2)
        ExchangeAccount.objects.update(clock_at=desk.at(600))
        desk.cycle(601)
        desk.sweep(604)
        desk.cycle(605)

        assert [order.status for order in desk.guards] == [S.REJECTED, S.OPEN]

    def test_a_level_that_was_passed_before_the_stop_came_is_sold_by_the_watching(
        self, desk: Desk
    ) -> None:
        bought(desk, "software")
        desk.emulator.set_price("BTCUSDT", "41000")
        desk.cycle(5)  # our quote is behind: Binance refuses it, Bybit takes it for a rise

        desk.cycle(6, price=41_000.0)
        desk.sweep(10)

        guard, exit_ = desk.orders[1:]
        assert guard.status in (S.REJECTED, S.CANCELED)
        assert (exit_.status, exit_.intent.reason) == (S.FILLED, "stop_loss")
        assert desk.waiting == []

    def test_a_sixth_stop_on_one_symbol_is_a_failure_like_any(self, settings: Settings) -> None:
        with open_desk("binance", settings, on_protection_failure="software") as desk:
            desk.emulator.limit_stops("BTCUSDT", most=0)
            desk.enter()
            assert (desk.guards[0].status, desk.guards[0].reject_code) == (S.REJECTED, "-1013")
            assert desk.protection.detail == "-1013"

    def test_a_refused_stop_doesnt_stop_the_bot(self, desk: Desk) -> None:
        bought(desk, "retry")
        refuse(desk, 3)
        for seconds in (5, 7, 11, 17):
            desk.cycle(seconds)
        assert not Bot.objects.get().stop_requested


class TestGone:
    @pytest.mark.parametrize(("policy", "guards"), [("retry", 2), ("software", 1)])
    def test_a_stop_that_somebody_cancels_there_is_missed(
        self, desk: Desk, policy: str, guards: int
    ) -> None:
        bought(desk, policy)
        desk.cycle(5)
        desk.emulator.cancel(desk.guard.client_order_id)

        desk.sweep(20)
        watch_protection(now=desk.at(20))
        assert state(desk) == ("UNPROTECTED", "canceled_outside", True)
        desk.cycle(22)

        assert len(desk.guards) == guards
        assert len(desk.waiting) == guards - 1

    def test_flatten_sells_when_somebody_cancels_it_there(self, desk: Desk) -> None:
        bought(desk, "flatten")
        desk.cycle(5)
        desk.emulator.cancel(desk.guard.client_order_id)
        desk.sweep(20)

        desk.cycle(22)
        desk.sweep(26)

        assert desk.orders[-1].intent.reason == "protection_failed"
        assert desk.orders[-1].status == S.FILLED

    def test_a_stop_that_doesnt_arrive_is_tried_again_under_every_policy(self, desk: Desk) -> None:
        bought(desk, "flatten")
        desk.emulator.fail(faults.reset, path=PLACING[desk.symbol.exchange], times=1)
        desk.cycle(5)
        assert state(desk) == ("UNPROTECTED", "no_answer", True)

        for seconds in (10, 27, 30, 33):  # absent, absent again: not sent
            desk.cycle(seconds)

        assert [order.status for order in desk.guards] == [S.NOT_SENT, S.OPEN]
        assert state(desk) == ("EXCHANGE", "", True)

    def test_a_symbol_without_stops_is_left_to_the_software(self, desk: Desk) -> None:
        desk.symbol.stops = "NONE"
        desk.symbol.save()
        bought(desk, "retry")
        desk.cycle(5)
        assert desk.guards == []
        assert state(desk) == ("UNPROTECTED", "not_taken", True)


class TestSeen:
    def test_what_is_on_its_way_alarms_only_after_a_while(self, desk: Desk) -> None:
        bought(desk, "software")
        watch_protection(now=desk.at(4))
        assert state(desk) == ("UNPROTECTED", "placing", True)
        assert desk.protection.alarmed_at is None

        watch_protection(now=desk.at(20))

        assert desk.protection.alarmed_at == desk.at(20)
        assert desk.protection.since == desk.at(4)
        assert actions(desk) == ["protection.lost"]

    def test_an_emergency_stop_takes_the_stops_away_and_says_so(self, desk: Desk) -> None:
        desk.enter()
        services.emergency_stop(reason="test", by=make_user("admin"), now=desk.at(10))
        desk.sweep(14)
        watch_protection(now=desk.at(15))

        assert desk.waiting == []
        assert state(desk) == ("UNPROTECTED", "system_halted", False)
        gate = next(
            each for each in queries.readiness(desk.at(16)) if each.name == "positions_protected"
        )
        assert not gate.ok
        assert "the system doesn't run" in gate.reasons[0]

    def test_after_the_resume_the_stop_is_placed_again(self, desk: Desk) -> None:
        desk.enter()
        admin = make_user("admin")
        services.emergency_stop(reason="test", by=admin, now=desk.at(10))
        desk.sweep(14)
        services.resume_system(reason="looked", by=admin, now=desk.at(20))

        desk.cycle(30)  # the bot stays stopped, but what it holds is protected

        assert [order.status for order in desk.guards] == [S.CANCELED, S.OPEN]
        assert state(desk) == ("EXCHANGE", "", False)

    def test_a_software_stop_of_a_stopped_bot_protects_nothing(self, desk: Desk) -> None:
        desk.set_knobs(protection="software")
        desk.enter()
        assert state(desk) == ("SOFTWARE", "", True)
        services.stop_bot(bot_id=desk.bot.pk, by=None, now=desk.at(6))

        watch_protection(now=desk.at(7))

        assert state(desk) == ("UNPROTECTED", "bot_stopped", False)
        assert actions(desk) == ["protection.lost"]

    def test_two_watchers_tell_people_once(self, desk: Desk) -> None:
        bought(desk, "software")
        refuse(desk, 1)
        desk.cycle(5)
        for second in range(5):
            watch_protection(now=desk.at(6) + timedelta(seconds=second))
        assert actions(desk) == ["protection.lost"]
