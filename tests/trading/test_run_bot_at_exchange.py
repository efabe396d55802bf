"""A bot that trades with an account: decides as on paper, and waits for what the exchange fills."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal as D
from typing import Any

import pytest
import time_machine
from pytest_django import Settings

from config import clock
from marketdata.models import Symbol, Ticker
from tests.exchange import faults
from tests.exchange.emulator import Emulator
from tests.trading.factories import (
    bars,
    make_account,
    make_bot,
    make_candles,
    make_intent,
    make_symbol,
    make_user,
    quote,
)
from trading import services
from trading.models import Bot, ExchangeAccount, LiveGrant, Order, Position
from trading.order_state import OrderStatus as S
from trading.services._orders import open_order

pytestmark = pytest.mark.django_db(transaction=True)

BAR = 300


@dataclass
class Desk:
    """A live bot that buys and holds, with a stop two per cent below."""

    emulator: Emulator
    symbol: Symbol
    bot: Bot
    closed: datetime  # the newest candle's close

    def cycle(self, seconds: float = 0, *, price: float = 42_000.0) -> None:
        now = self.closed + timedelta(seconds=seconds)
        at = quote(price, at=now)
        with time_machine.travel(now):
            services.run_bot(bot_id=self.bot.pk, now=now, quote_for=lambda pk: at)

    def sweep(self, seconds: float) -> None:
        now = self.closed + timedelta(seconds=seconds)
        with time_machine.travel(now):
            services.sweep_orders(now=now)

    @property
    def orders(self) -> list[Order]:
        return list(Order.objects.filter(bot=self.bot).order_by("pk"))


@pytest.fixture(params=["binance", "bybit"])
def desk(request: pytest.FixtureRequest, settings: Settings) -> Iterator[Desk]:
    with Emulator(request.param) as emulator:
        address = {f"{request.param}_base_url": emulator.url}
        settings.ENV = settings.ENV.model_copy(update=address)
        symbol = make_symbol(exchange=request.param, qty_step="0.00001", min_qty="0.00001")
        closed_ms = clock.now_ms() // (BAR * 1000) * BAR * 1000
        n = 30
        rows = bars([40_000 + 20.0 * k for k in range(n)], start_ms=closed_ms - n * BAR * 1000)
        make_candles(symbol, rows)
        account = make_account(
            exchange=request.param, key=emulator.key.key, secret=emulator.key.secret
        )
        yield Desk(emulator, symbol, live_bot(symbol, account), clock.from_ms(closed_ms))
        assert emulator.problems() == []


def live_bot(symbol: Symbol, account: ExchangeAccount, **params: Any) -> Bot:
    now = clock.now()
    bot = make_bot(
        symbol,
        strategy="buy_and_hold",
        params={"stop_loss": 0.02, **params},
        knobs={"max_exposure": 0.6, "max_position": 0.5, "protection": "software"},
        now=now,
    )
    Bot.objects.filter(pk=bot.pk).update(
        paper_mode=False, account=account, status=Bot.Status.RUNNING
    )
    Ticker.objects.create(symbol=symbol, last=42_000.0, at=now)
    LiveGrant.objects.create(
        bot=bot,
        account=account,
        max_order=D(20_000),
        max_exposure=D(20_000),
        reason="test",
        asked_by=make_user("operator"),
        asked_at=now - timedelta(hours=1),
        approved_by=make_user("admin"),
        approved_at=now - timedelta(hours=1),
        expires_at=now + timedelta(days=1),
    )
    bot.refresh_from_db()
    return bot


def held(desk: Desk) -> D:
    qty: D = Position.objects.get(bot=desk.bot).qty
    return qty


def test_what_it_decides_is_bought_there_and_booked_when_the_exchange_tells(desk: Desk) -> None:
    desk.cycle(1)
    (order,) = desk.orders
    assert (order.status, order.side, order.account) == (S.OPEN, "BUY", desk.bot.account)
    assert not Position.objects.filter(bot=desk.bot, qty__gt=0).exists()  # nothing is assumed

    desk.cycle(2)
    desk.sweep(4)

    (order,) = desk.orders
    assert order.status == S.FILLED
    fees = sum(fill.fee for fill in order.fills.all())
    assert held(desk) == order.qty - fees
    desk.bot.refresh_from_db()
    assert desk.bot.cash < desk.bot.starting_cash * D("0.61")


def test_it_buys_no_more_than_its_grant_allows(desk: Desk) -> None:
    LiveGrant.objects.update(max_order=D(300), max_exposure=D(500))
    desk.cycle(1)
    (order,) = desk.orders
    assert D(290) < order.qty * D(42_000) <= D(300)


def test_it_decides_a_candle_once_however_often_it_runs(desk: Desk) -> None:
    for seconds in (1, 2, 3, 60):
        desk.cycle(seconds)
        desk.sweep(seconds)
    assert len(desk.orders) == 1
    assert len(desk.emulator.ledger.orders) == 1


def test_it_buys_nothing_while_an_order_has_no_verdict(desk: Desk) -> None:
    desk.emulator.fail(faults.answer_lost, path="order", times=1)
    desk.emulator.fail(faults.reset, path="GET ", times=99)
    desk.cycle(1)
    (order,) = desk.orders
    assert order.status == S.UNKNOWN
    desk.cycle(2)
    desk.cycle(3)
    assert len(desk.orders) == 1

    desk.emulator.heal()
    desk.cycle(4)
    desk.sweep(7)
    assert desk.orders[0].status == S.FILLED
    assert len(desk.emulator.ledger.orders) == 1


def test_a_stop_that_is_reached_sells_all_that_is_held(desk: Desk) -> None:
    desk.cycle(1)
    desk.sweep(4)
    desk.emulator.set_price("BTCUSDT", "41000")

    desk.cycle(10, price=41_000.0)
    desk.sweep(14)

    buy, sell = desk.orders
    assert (sell.side, sell.type, sell.status) == ("SELL", "MARKET", S.FILLED)
    assert sell.intent.reason == "stop_loss"
    assert held(desk) < desk.symbol.qty_step  # dust: the fee was taken in what was bought
    assert desk.orders == [buy, sell]


def test_an_exit_that_did_not_arrive_is_sent_again_under_another_key(desk: Desk) -> None:
    desk.cycle(1)
    desk.sweep(4)
    desk.emulator.set_price("BTCUSDT", "41000")
    desk.emulator.fail(faults.status(429, retry_after=1), path="order", times=1)

    desk.cycle(10, price=41_000.0)
    desk.cycle(11, price=41_000.0)
    desk.sweep(15)

    _, first, second = desk.orders
    assert (first.status, second.status) == (S.NOT_SENT, S.FILLED)
    assert first.client_order_id != second.client_order_id


def test_an_exit_whose_answer_is_lost_is_not_sent_again(desk: Desk) -> None:
    desk.cycle(1)
    desk.sweep(4)
    desk.emulator.set_price("BTCUSDT", "41000")
    desk.emulator.fail(faults.answer_lost, path="order", times=1)

    desk.cycle(10, price=41_000.0)
    desk.cycle(11, price=41_000.0)
    desk.sweep(15)

    assert [order.side for order in desk.orders] == ["BUY", "SELL"]
    assert desk.orders[1].status == S.FILLED


def test_an_exchange_that_refuses_twice_the_same_way_stops_the_bot(desk: Desk) -> None:
    desk.cycle(1)
    desk.sweep(4)
    free = desk.emulator.account.balances["BTC"].free
    desk.emulator.deposit("BTC", -free)  # somebody took the coins away
    for seconds in range(10, 30):
        desk.cycle(seconds, price=41_000.0)
    sells = [order for order in desk.orders if order.side == "SELL"]
    assert {order.status for order in sells} == {S.REJECTED}
    assert len(sells) == 2
    bot = Bot.objects.get(pk=desk.bot.pk)
    assert (bot.status, bot.stop_requested) == (Bot.Status.STOPPED, True)


def test_a_stopped_bot_still_books_what_the_exchange_fills(desk: Desk) -> None:
    desk.cycle(1)
    services.stop_bot(bot_id=desk.bot.pk, by=None, now=desk.closed)
    desk.cycle(2)
    desk.sweep(5)
    assert desk.orders[0].status == S.FILLED
    assert held(desk) > 0


def test_an_emergency_stop_leaves_nothing_working_at_the_exchange(desk: Desk) -> None:
    desk.cycle(1)
    desk.sweep(4)
    by = make_user("admin")
    at = desk.closed + timedelta(seconds=6)
    wanted = make_intent(desk.bot, side="SELL", qty="0.001", type="LIMIT", price="45000")
    resting = open_order(wanted, now=at)
    with time_machine.travel(at):
        order = services.submit_order(order_id=resting.pk, now=at)
        assert order.status == S.OPEN
        services.emergency_stop(reason="test", by=by, now=at + timedelta(seconds=1))
    desk.sweep(10)

    assert Order.objects.get(pk=order.pk).status == S.CANCELED
    assert not [each for each in desk.emulator.ledger.orders if each.is_open]
