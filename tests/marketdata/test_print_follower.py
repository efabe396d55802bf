"""From prints to the bus: what the feed does for each followed symbol."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.db import OperationalError, connection

from config import clock
from marketdata import live_features, queries
from marketdata.exchanges.protocol import Level, OrderBook, TradePrint
from marketdata.exchanges.simulated import SimulatedExchange
from marketdata.features import KEPT_BARS
from marketdata.models import Symbol
from marketdata.print_follower import PrintFollower
from marketdata.timeframes import Timeframe
from tests.marketdata.factories import NOW, make_symbol

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clean_bus")]


@pytest.fixture(autouse=True)
def now() -> Iterator[time_machine.Traveller]:
    with time_machine.travel(NOW, tick=False) as traveller:
        yield traveller


class CountingExchange(SimulatedExchange):
    """The simulated one; it counts how often it is asked, and for which trades."""

    def __init__(self) -> None:
        super().__init__(seed=7, now_ms=clock.now_ms)
        self.since: list[int] = []

    def fetch_trades(self, symbol: str, since_ms: int, limit: int = 500) -> list[TradePrint]:
        self.since.append(since_ms)
        return super().fetch_trades(symbol, since_ms, limit)


@pytest.fixture
def exchange() -> CountingExchange:
    return CountingExchange()


@pytest.fixture
def btc() -> Symbol:
    return make_symbol(watched=True)


def test_a_followed_symbol_is_warm_at_once(exchange: CountingExchange, btc: Symbol) -> None:
    PrintFollower(exchange).poll(exchange)

    state = live_features.get_state(btc.pk)
    assert state is not None
    frame = state.frames["15m"]
    assert frame.bars == KEPT_BARS
    assert None not in (frame.mom_bps, frame.px_vs_vwap_bps, frame.rvol, frame.atr)
    [ticker] = exchange.fetch_tickers(["BTC/USDT"])
    assert (state.last_price, state.best_bid, state.best_ask) == (
        ticker.last,
        ticker.bid,
        ticker.ask,
    )
    assert live_features.followed_ids(clock.now_ms()) == [btc.pk]


def test_bars_on_the_bus_are_the_exchanges_candles(
    exchange: CountingExchange, btc: Symbol, now: time_machine.Traveller
) -> None:
    follower = PrintFollower(exchange)
    for _ in range(5):
        follower.poll(exchange)
        now.shift(timedelta(seconds=61))

    bars = live_features.get_bars(btc.pk)["1m"]

    theirs = exchange.fetch_candles("BTC/USDT", Timeframe.M1, bars[0][0], len(bars))
    assert [row[:5] for row in bars] == [row[:5] for row in theirs]
    assert [row[5] for row in bars] == pytest.approx([row[5] for row in theirs])


def test_each_poll_asks_only_for_what_is_new(
    exchange: CountingExchange, btc: Symbol, now: time_machine.Traveller
) -> None:
    follower = PrintFollower(exchange)
    for _ in range(3):
        follower.poll(exchange)
        now.shift(timedelta(seconds=2))

    state = live_features.get_state(btc.pk)
    assert state is not None
    trades = SimulatedExchange(seed=7, now_ms=lambda: clock.to_ms(NOW) + 4_000).fetch_trades(
        "BTC/USDT", exchange.since[0], 100_000
    )
    assert state.trades_cached == len(trades)
    assert exchange.since[2] == clock.to_ms(NOW) + 2_000


def test_after_a_long_silence_the_bars_begin_anew(
    exchange: CountingExchange, btc: Symbol, now: time_machine.Traveller
) -> None:
    follower = PrintFollower(exchange)
    follower.poll(exchange)
    now.shift(timedelta(hours=3))

    follower.poll(exchange)

    state = live_features.get_state(btc.pk)
    assert state is not None
    assert state.frames["1m"].bars == KEPT_BARS
    assert state.trades_cached < 3_600  # not the three hours' trades


def test_a_stream_may_push_instead_of_being_asked(exchange: CountingExchange, btc: Symbol) -> None:
    follower = PrintFollower(exchange)
    [symbol] = follower.follow()
    at_ms = clock.now_ms()

    trade = TradePrint("t1", 50_000.0, 0.5, True, at_ms)
    assert follower.take_trades(symbol.pk, [trade, trade]) == 1
    assert follower.take_book(symbol.pk, OrderBook([Level(49_999, 1)], [Level(50_001, 2)], at_ms))
    assert follower.take_trades(999, [trade]) == 0
    follower.send(at_ms)

    state = live_features.get_state(btc.pk)
    assert state is not None
    assert (state.last_price, state.duplicates) == (50_000.0, 1)
    assert (state.bid_depth, state.ask_depth) == (49_999, 100_002)


def test_a_symbol_that_nobody_watches_any_more_is_forgotten(
    exchange: CountingExchange, btc: Symbol, now: time_machine.Traveller
) -> None:
    follower = PrintFollower(exchange, look_up_s=0)
    follower.poll(exchange)
    Symbol.objects.update(watched=False)
    now.shift(timedelta(seconds=10))

    follower.poll(exchange)
    now.shift(timedelta(seconds=60))

    assert live_features.followed_ids(clock.now_ms()) == []


def test_without_features_of_bars_only_prices_are_sent(
    exchange: CountingExchange, btc: Symbol, settings: Any
) -> None:
    settings.ENV = settings.ENV.model_copy(update={"feature_bars": False})

    PrintFollower(exchange).poll(exchange)

    state = live_features.get_state(btc.pk)
    assert state is not None
    assert state.frames == {}
    assert state.last_price is not None


def test_a_bus_that_is_away_loses_nothing_but_time(
    exchange: CountingExchange, btc: Symbol, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(states: object, bars: object) -> bool:
        return False

    follower = PrintFollower(exchange)
    with monkeypatch.context() as patch:
        patch.setattr(live_features, "put_states", away)
        follower.poll(exchange)

    assert live_features.get_bars(btc.pk) == {}
    assert follower.send(clock.now_ms())
    assert live_features.get_bars(btc.pk)["1m"]


def test_features_go_on_while_the_database_is_away(
    exchange: CountingExchange,
    btc: Symbol,
    now: time_machine.Traveller,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def away(name: str, now: object) -> object:
        raise OperationalError("the server closed the connection")

    follower = PrintFollower(exchange, look_up_s=0)
    follower.poll(exchange)
    monkeypatch.setattr(queries, "followed_symbols", away)
    monkeypatch.setattr(connection, "close", lambda: None)
    now.shift(timedelta(seconds=30))

    follower.poll(exchange)

    state = live_features.get_state(btc.pk)
    assert state is not None
    assert state.at_ms == clock.now_ms()
    assert state.age_s(clock.now_ms()) == 0.0
