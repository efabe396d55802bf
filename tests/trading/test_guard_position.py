"""The stop of a live position waits at the exchange: placed, kept, moved, and never sold twice."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal as D

import pytest
from pytest_django import Settings

from tests.exchange import faults
from tests.trading.factories import make_intent
from tests.trading.guarded_desk import CANCELING, PLACING, Desk, open_desk
from trading.models import DecisionRecord
from trading.order_state import OrderStatus as S
from trading.services._guards import guard_prefix
from trading.services._orders import open_order

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(params=["binance", "bybit"])
def desk(request: pytest.FixtureRequest, settings: Settings) -> Iterator[Desk]:
    with open_desk(request.param, settings) as desk:
        yield desk


def test_a_booked_entry_gets_its_stop_at_the_exchange(desk: Desk) -> None:
    desk.enter()

    guard = desk.guard
    held = desk.position.qty
    assert guard.qty == held.quantize(D("0.00001"), "ROUND_DOWN")
    assert guard.price == D("41160.49")  # two per cent below 42,000.51, on the tick
    assert (guard.side, guard.intent.reason, guard.intent.decision) == ("SELL", "stop_loss", None)
    (waiting,) = desk.waiting
    assert (waiting.wanted.qty, waiting.wanted.trigger) == (guard.qty, guard.price)


def test_the_stop_is_placed_once_however_often_the_bot_runs(desk: Desk) -> None:
    desk.enter()
    for seconds in (6, 7, 20, 60):
        desk.cycle(seconds)
        desk.sweep(seconds)

    assert len(desk.guards) == len(desk.waiting) == 1


def test_a_stop_that_fires_while_nobody_looks_is_booked_as_the_exit(desk: Desk) -> None:
    desk.enter()
    qty = desk.guard.qty

    desk.emulator.set_price("BTCUSDT", "41000")
    desk.sweep(30)

    (guard,) = desk.guards
    assert guard.status == S.FILLED
    trade = desk.bot.trades.get()
    assert (trade.status, trade.exit_reason, trade.sold_qty) == ("CLOSED", "stop_loss", qty)


def test_a_stop_that_only_waits_is_asked_for_now_and_then(desk: Desk) -> None:
    desk.enter()
    before = len(desk.emulator.ledger.requests)
    for seconds in range(6, 66):
        desk.cycle(seconds)
        desk.sweep(seconds)
    assert len(desk.emulator.ledger.requests) - before == 4


def test_a_stop_that_fired_is_the_decision_of_its_candle(desk: Desk) -> None:
    desk.enter()
    desk.emulator.set_price("BTCUSDT", "41000")
    desk.sweep(30)
    desk.cycle(31, price=41_000.0)

    newest = DecisionRecord.objects.filter(bot=desk.bot).latest("candle_close_ms")
    assert (newest.action, newest.reason) == ("EXIT", "stop_loss")
    assert [order.side for order in desk.orders] == ["BUY", "SELL"]


def test_a_bot_that_sees_the_level_reached_doesnt_sell_what_the_stop_sold(desk: Desk) -> None:
    desk.enter()
    qty = desk.guard.qty

    desk.emulator.set_price("BTCUSDT", "41000")
    desk.cycle(10, price=41_000.0)
    desk.sweep(14)

    assert desk.sold == qty
    assert [order.status for order in desk.guards] == [S.FILLED]


def test_a_stop_that_doesnt_fire_makes_way_for_the_software_stop(desk: Desk) -> None:
    desk.enter()

    desk.cycle(10, price=41_000.0)  # our quote; the exchange's last price is where it was
    desk.sweep(14)

    _, guard, exit_ = desk.orders
    assert (guard.status, exit_.status) == (S.CANCELED, S.FILLED)
    assert (exit_.type, exit_.intent.reason, exit_.qty) == ("MARKET", "stop_loss", guard.qty)
    assert desk.waiting == []


def test_a_stop_that_fires_while_it_is_canceled_sells_once(desk: Desk) -> None:
    desk.enter()
    qty = desk.guard.qty
    desk.emulator.fail(faults.fill_wins, path=CANCELING[desk.symbol.exchange], times=1)

    desk.cycle(10, price=41_000.0)
    desk.sweep(14)
    desk.cycle(15, price=41_000.0)

    assert desk.sold == qty
    assert [order.status for order in desk.orders] == [S.FILLED, S.FILLED]


def test_nothing_is_sold_while_the_stops_end_isnt_known(desk: Desk) -> None:
    desk.enter()
    desk.emulator.fail(faults.reset, path=CANCELING[desk.symbol.exchange], times=1)

    desk.cycle(10, price=41_000.0)
    assert [order.side for order in desk.orders] == ["BUY", "SELL"]
    desk.cycle(16, price=41_000.0)
    desk.sweep(20)

    _, guard, exit_ = desk.orders
    assert (guard.status, exit_.status) == (S.CANCELED, S.FILLED)


def test_a_lost_answer_places_no_second_stop(desk: Desk) -> None:
    desk.cycle(1)
    desk.sweep(4)
    desk.emulator.fail(faults.answer_lost, path=PLACING[desk.symbol.exchange], times=1)
    desk.cycle(5)
    assert [order.status for order in desk.guards] == [S.UNKNOWN]

    desk.cycle(6)
    desk.cycle(7)

    assert [order.status for order in desk.guards] == [S.OPEN]
    assert len(desk.waiting) == 1


def test_a_crash_between_fill_and_stop_is_made_good_by_the_next_worker(desk: Desk) -> None:
    desk.cycle(1)
    desk.sweep(4)  # booked; the worker dies before its next cycle
    assert desk.guards == []

    desk.cycle(40)

    assert desk.guard.qty


def test_a_crash_between_intent_and_claim_sends_the_same_stop(desk: Desk) -> None:
    desk.cycle(1)
    desk.sweep(4)
    prefix = guard_prefix(desk.bot.pk, desk.symbol.pk, desk.position.opened_at or desk.closed)
    wanted = make_intent(
        desk.bot, side="SELL", qty="0.1", type="STOP_MARKET", price="41000", key=f"{prefix}0"
    )
    left = open_order(wanted, now=desk.at(5))

    desk.cycle(6)

    assert [order.pk for order in desk.guards] == [left.pk]
    assert desk.guard.status == S.OPEN
