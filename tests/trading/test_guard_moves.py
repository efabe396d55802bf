"""A stop at the exchange follows its position, and makes way for every sale."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal as D

import pytest
import time_machine
from pytest_django import Settings

from tests.exchange import faults
from tests.trading.factories import make_intent, make_user, quote
from tests.trading.guarded_desk import CANCELING, Desk, open_desk
from trading import services
from trading.errors import GuardStands
from trading.models import Incident, Order
from trading.order_state import OrderStatus as S
from trading.services._orders import open_order
from trading.services._protection import make_way
from trading.services.live._orders import Wanted

pytestmark = pytest.mark.django_db(transaction=True)

VENUES = ["binance", "bybit"]
QUICK = {"fast": 2, "slow": 3, "stop_loss": 0.1}


@pytest.fixture(params=VENUES)
def desk(request: pytest.FixtureRequest, settings: Settings) -> Iterator[Desk]:
    with open_desk(request.param, settings) as desk:
        yield desk


@pytest.fixture(params=VENUES)
def trailing(request: pytest.FixtureRequest, settings: Settings) -> Iterator[Desk]:
    with open_desk(request.param, settings, params={"trailing": 0.02}) as desk:
        desk.enter()
        yield desk


@pytest.fixture(params=VENUES)
def crossing(request: pytest.FixtureRequest, settings: Settings) -> Iterator[Desk]:
    """It leaves when the price falls, as its candles say, not its stop."""
    with open_desk(request.param, settings, strategy="sma_cross", params=QUICK) as desk:
        desk.enter()
        desk.candle(38_500.0)  # above the stop, below both averages
        desk.candle(38_500.0, number=2)
        yield desk


def buy_more(desk: Desk, qty: str, at: float) -> Order:
    """A limit buy of a person's in the bot's books, which rests at the exchange."""
    intent = make_intent(desk.bot, qty=qty, type="LIMIT", price="41900")
    order = open_order(intent, now=desk.at(at))
    with time_machine.travel(desk.at(at)):
        services.submit_order(order_id=order.pk, now=desk.at(at))
    return order


def lots(qty: D) -> D:
    return qty.quantize(D("0.00001"), "ROUND_DOWN")


class TestQuantity:
    def test_it_grows_with_an_entry_that_fills_in_parts(self, desk: Desk) -> None:
        desk.enter()
        more = buy_more(desk, "0.1", 6)
        for seconds, part in ((20, "0.02"), (40, "0.03"), (60, "0.05")):
            desk.emulator.fill(more.client_order_id, part)
            desk.sweep(seconds)
            desk.cycle(seconds + 1)

            assert desk.guard.qty == lots(desk.position.qty)
            assert len(desk.waiting) == 1

    def test_a_fresh_stop_waits_for_the_rest_of_the_fills(self, desk: Desk) -> None:
        desk.enter()
        first = desk.guard
        more = buy_more(desk, "0.1", 6)
        desk.emulator.fill(more.client_order_id, "0.1")
        desk.sweep(9)

        desk.cycle(9.5)
        assert desk.guard == first
        assert desk.protection.reason == "partly"
        desk.cycle(10.5)

        assert desk.guard.qty == lots(desk.position.qty)
        assert [order.status for order in desk.guards] == [S.CANCELED, S.OPEN]

    def test_the_old_stop_fires_while_it_is_replaced(self, desk: Desk) -> None:
        desk.enter()
        sold = desk.guard.qty
        more = buy_more(desk, "0.1", 6)
        desk.emulator.fill(more.client_order_id, "0.1")
        desk.sweep(12)
        desk.emulator.fail(faults.fill_wins, path=CANCELING[desk.symbol.exchange], times=1)

        desk.cycle(13)

        first, second = desk.guards
        assert (first.status, first.filled_qty) == (S.FILLED, sold)
        assert second.qty == lots(desk.position.qty) < sold

    def test_less_than_the_exchange_sells_gets_no_stop(self, desk: Desk) -> None:
        desk.symbol.min_notional = D(1_000_000)
        desk.symbol.save()
        desk.cycle(1)
        more = buy_more(desk, "0.001", 2)
        desk.emulator.fill(more.client_order_id)
        desk.sweep(6)
        desk.cycle(7)
        assert desk.guards == []
        assert desk.protection.reason == "too_small"


class TestTrailing:
    def test_a_small_rise_leaves_it_where_it_is(self, trailing: Desk) -> None:
        before = trailing.guard
        trailing.cycle(20, price=42_050.0)
        trailing.cycle(21, price=42_050.0)
        assert trailing.guard == before

    def test_it_follows_a_rise_with_one_stop_at_a_time(self, trailing: Desk) -> None:
        first = trailing.guard
        assert first.intent.reason == "trailing_stop"
        for seconds, price in ((20, 42_500.0), (40, 43_000.0), (60, 44_000.0)):
            trailing.emulator.set_price("BTCUSDT", str(price))
            trailing.cycle(seconds, price=price)
            assert trailing.guard.price == D(str(price)) * D("0.98")
            assert len(trailing.waiting) == 1
        trailing.cycle(80, price=43_500.0)
        assert trailing.guard.price == 44_000 * D("0.98")

    def test_in_the_gap_the_software_stop_watches(self, trailing: Desk) -> None:
        trailing.emulator.set_price("BTCUSDT", "44000")
        trailing.emulator.fail(faults.reset, path=CANCELING[trailing.symbol.exchange], times=1)
        trailing.cycle(20, price=44_000.0)
        assert trailing.protection.reason == "moving"
        trailing.emulator.set_price("BTCUSDT", "43000")

        trailing.cycle(26, price=43_000.0)  # below 43,120, where the stop would be by now
        trailing.sweep(30)

        _, guard, exit_ = trailing.orders
        assert (guard.status, exit_.status) == (S.CANCELED, S.FILLED)
        assert exit_.intent.reason == "trailing_stop"


class TestSales:
    def test_the_strategys_exit_cancels_it_first(self, crossing: Desk) -> None:
        qty = crossing.guard.qty
        crossing.cycle(601, price=38_500.0)
        crossing.sweep(604)

        _, guard, exit_ = crossing.orders
        assert (guard.status, exit_.status) == (S.CANCELED, S.FILLED)
        assert (exit_.intent.reason, exit_.qty) == ("signal_exit", qty)
        assert crossing.sold == qty

    def test_an_exit_waits_for_the_stops_end_and_isnt_lost(self, crossing: Desk) -> None:
        path = CANCELING[crossing.symbol.exchange]
        crossing.emulator.fail(faults.stalled(0.05), path=path, times=1)
        crossing.cycle(601, price=38_500.0)
        assert [order.side for order in crossing.orders] == ["BUY", "SELL"]

        crossing.cycle(607, price=38_500.0)
        crossing.sweep(610)

        assert crossing.orders[-1].intent.reason == "signal_exit"
        assert crossing.orders[-1].status == S.FILLED
        assert len(crossing.guards) == 1

    def test_an_exit_whose_stop_fires_first_sells_nothing_more(self, crossing: Desk) -> None:
        qty = crossing.guard.qty
        path = CANCELING[crossing.symbol.exchange]
        crossing.emulator.fail(faults.fill_wins, path=path, times=1)

        crossing.cycle(601, price=38_500.0)
        crossing.sweep(604)
        crossing.cycle(605, price=38_500.0)

        assert crossing.sold == qty
        assert [order.status for order in crossing.orders] == [S.FILLED, S.FILLED]
        assert crossing.bot.trades.get().exit_reason == "stop_loss"

    def test_a_profit_target_takes_the_place_of_the_stop(self, settings: Settings) -> None:
        params = {"stop_loss": 0.02, "take_profit": 0.02}
        with open_desk("binance", settings, params=params) as desk:
            desk.enter()
            desk.emulator.set_price("BTCUSDT", "43000")
            desk.cycle(20, price=43_000.0)
            desk.sweep(24)

            assert desk.orders[-1].intent.reason == "take_profit"
            assert desk.orders[-1].status == S.FILLED
            assert desk.guards[0].status == S.CANCELED

    def test_a_person_sells_and_the_bot_keeps_out_of_the_way(self, desk: Desk) -> None:
        desk.enter()
        make_way(bot=desk.bot, symbol=desk.symbol, now=desk.at(10))
        assert desk.waiting == []

        desk.cycle(11)
        assert desk.waiting == []
        desk.cycle(21)  # nothing was sold after all

        assert len(desk.waiting) == 1

    def test_a_person_waits_for_a_stop_whose_end_isnt_known(self, desk: Desk) -> None:
        desk.enter()
        desk.emulator.fail(faults.reset, path=CANCELING[desk.symbol.exchange], times=1)
        with pytest.raises(GuardStands):
            make_way(bot=desk.bot, symbol=desk.symbol, now=desk.at(10))


class TestKnobs:
    def test_turned_to_software_the_stop_goes(self, desk: Desk) -> None:
        desk.enter()
        desk.set_knobs(protection="software")
        desk.cycle(6)
        assert desk.waiting == []
        assert desk.protection.state == "SOFTWARE"

    def test_a_stopped_bot_keeps_its_stop(self, desk: Desk) -> None:
        desk.cycle(1)
        desk.sweep(4)
        services.stop_bot(bot_id=desk.bot.pk, by=None, now=desk.at(5))

        desk.cycle(6)
        desk.cycle(16)

        assert len(desk.waiting) == 1
        assert desk.protection.state == "EXCHANGE"

    def test_the_tick_serves_a_stopped_bot_that_holds_something(self, desk: Desk) -> None:
        desk.cycle(1)
        desk.sweep(4)
        services.stop_bot(bot_id=desk.bot.pk, by=None, now=desk.at(5))
        assert desk.bot.pk in services.tick(process="beat", now=desk.at(6)).bots


def test_where_the_exchange_wants_a_limit_the_stop_sells_a_little_lower(settings: Settings) -> None:
    with open_desk("binance", settings) as desk:
        desk.emulator.limit_stops("BTCUSDT", market=False)
        desk.symbol.stops = "LIMIT"
        desk.symbol.save()
        desk.enter()
        guard = desk.guard
        assert (guard.type, guard.limit_price) == ("STOP_LIMIT", D("40748.88"))
        (waiting,) = desk.waiting
        assert (waiting.wanted.trigger, waiting.wanted.price) == (guard.price, guard.limit_price)

        desk.emulator.set_price("BTCUSDT", "40000")  # through the limit: it rests above the price
        desk.cycle(20, price=40_000.0)
        desk.sweep(24)

        assert [order.status for order in desk.orders[1:]] == [S.CANCELED, S.FILLED]
        assert desk.orders[-1].type == "MARKET"


def test_reconciliation_knows_the_stop_as_ours(desk: Desk) -> None:
    desk.enter()
    account_id = desk.bot.account_id or 0
    for seconds in (30, 60, 90):
        with time_machine.travel(desk.at(seconds)):
            services.reconcile_account(account_id=account_id, now=desk.at(seconds))
    desk.emulator.set_price("BTCUSDT", "41000")
    for seconds in (120, 150):
        with time_machine.travel(desk.at(seconds)):
            services.reconcile_account(account_id=account_id, now=desk.at(seconds))

    assert not Incident.objects.exists()
    assert desk.guards[0].status == S.FILLED


def test_an_order_of_a_person_to_sell_waits_until_the_stop_is_gone(
    desk: Desk, settings: Settings
) -> None:
    settings.ENV = settings.ENV.model_copy(update={"trading_live_mode": True})
    desk.enter()
    by = make_user("admin")
    qty = lots(desk.position.qty)
    services.confirm_person(user=by, via="session:x", now=desk.at(9))
    wanted = Wanted(desk.bot.pk, desk.symbol, "SELL", qty)
    with time_machine.travel(desk.at(10)):
        order = services.place_live_order(
            wanted=wanted,
            by=by,
            via="session:x",
            now=desk.at(10),
            idempotency_key="sell",
            quote_for=lambda pk: quote(42_000.0, at=desk.at(10)),
        )
    desk.sweep(14)
    desk.cycle(15)

    order.refresh_from_db()
    assert order.status == S.FILLED
    assert desk.sold == qty
    assert desk.waiting == []
