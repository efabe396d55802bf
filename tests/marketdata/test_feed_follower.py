"""What the feed does for one exchange: quotes, candles at their close, and things now and then."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from math import nan

import pytest
import time_machine

from config import clock
from marketdata import quotes, store
from marketdata.errors import ExchangeUnavailable, SymbolUnknown
from marketdata.exchanges.simulated import SimulatedExchange
from marketdata.feed_follower import RUNNING_BAR_S, SYMBOLS_S, Follower
from marketdata.models import Candle, DeadLetter, FeedGap, Symbol, Ticker
from marketdata.services import unwatch_symbol
from marketdata.timeframes import Timeframe
from tests.marketdata.factories import (
    MINUTE,
    NOW,
    NOW_MS,
    FakeExchange,
    make_candle,
    make_candles,
    make_spec,
    make_symbol,
    make_ticker,
)

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clean_bus")]

M1 = Timeframe.M1


class World:
    """A follower of a fake exchange, the clock it sees, and what it told."""

    def __init__(self, travel: time_machine.Traveller, exchange: FakeExchange) -> None:
        self.clock = travel
        self.mono = 1000.0
        self.exchange = exchange
        self.closed: list[tuple[int, Timeframe, int]] = []
        self.follower = Follower(exchange, lambda *told: self.closed.append(told))

    def later(self, seconds: float) -> None:
        self.clock.shift(timedelta(seconds=seconds))
        self.mono += seconds
        self.exchange.now_ms += int(seconds * 1000)

    def work(self) -> None:
        """One round of what is due; ends like the feed's own with the first error."""
        for piece in self.follower.due():
            piece()


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    exchange = FakeExchange(
        make_candles(40), specs=[make_spec()], tickers=[make_ticker()], page_limit=5000
    )
    with time_machine.travel(NOW, tick=False) as travel:
        there = World(travel, exchange)
        monkeypatch.setattr(clock, "mono", lambda: there.mono)
        yield there


def watched() -> Symbol:
    return make_symbol(exchange="fake", watched=True)


def test_a_quote_goes_to_the_bus_the_table_and_the_tick(world: World) -> None:
    symbol = watched()

    [message] = world.follower.poll()

    assert message["data"]["price"] == 100.0
    assert message["data"]["bar"]["close"] == 100.0
    live = quotes.get_quote(symbol.pk)
    assert live is not None
    assert live.last == Ticker.objects.get(pk=symbol.pk).last == 100.0


def test_a_quote_that_has_not_changed_is_not_told_again(world: World) -> None:
    watched()
    world.follower.poll()
    assert world.follower.poll() == []

    world.exchange.tickers = [make_ticker(last=101.0, at_ms=NOW_MS + 500)]

    [message] = world.follower.poll()
    assert message["data"]["bar"]["high"] == 101.0


def test_the_table_is_written_now_and_then_only(world: World) -> None:
    symbol = watched()
    for step in range(3):
        world.exchange.tickers = [make_ticker(last=100.0 + step)]
        world.follower.poll()

    assert Ticker.objects.get(pk=symbol.pk).last == 100.0
    world.later(5)
    world.follower.poll()
    assert Ticker.objects.get(pk=symbol.pk).last == 102.0


def test_a_rubbish_quote_is_a_dead_letter_once_and_shown_to_nobody(world: World) -> None:
    symbol = watched()
    world.exchange.tickers = [replace(make_ticker(), last=nan)]

    assert world.follower.poll() == []
    assert world.follower.poll() == []

    assert DeadLetter.objects.get().reason == "not a finite number"
    assert quotes.get_quote(symbol.pk) is None


def test_symbols_are_noticed_and_let_go_within_seconds(world: World) -> None:
    assert world.follower.poll() == []
    symbol = watched()
    world.later(SYMBOLS_S)
    assert len(world.follower.poll()) == 1

    unwatch_symbol(symbol)
    world.later(SYMBOLS_S)
    world.exchange.tickers = [make_ticker(last=5.0)]
    assert world.follower.poll() == []


def test_the_local_exchange_tells_the_running_candle_itself() -> None:
    make_symbol(watched=True)
    exchange = SimulatedExchange(seed=1, now_ms=lambda: NOW_MS)

    [message] = Follower(exchange, lambda *told: None).poll()

    [row] = exchange.fetch_candles("BTC/USDT", M1, M1.floor(NOW_MS), 1)
    bar = message["data"]["bar"]
    assert (bar["open"], bar["close"], bar["volume"]) == (row[1], row[4], row[5])


def test_catalogue_history_and_news_come_in_the_first_round(world: World) -> None:
    symbol = watched()
    world.follower.poll()

    world.work()

    assert store.candle_rows(symbol.pk, M1) == world.exchange.candles
    assert (symbol.pk, M1, M1.last_closed_open(NOW_MS)) in world.closed
    assert Candle.objects.filter(timeframe="5m").count() == 8


def test_a_closed_candle_is_fetched_and_told_once(world: World) -> None:
    symbol = watched()
    world.follower.poll()
    world.work()
    world.closed.clear()
    newest = M1.floor(NOW_MS)
    world.exchange.candles.append(make_candle(newest))

    world.work()
    assert world.closed == [], "it is not closed yet"
    world.later(30)
    world.work()
    world.work()

    assert world.closed == [(symbol.pk, M1, newest)]


def test_a_candle_that_is_late_is_asked_for_each_second(world: World) -> None:
    symbol, wanted = watched(), M1.floor(NOW_MS)
    world.follower.poll()
    world.work()
    world.closed.clear()
    world.exchange.asked.clear()
    world.later(31)

    world.work()
    world.work()
    assert world.exchange.asked.count(wanted) == 1
    world.later(1)
    world.exchange.candles.append(make_candle(wanted))
    world.work()

    assert world.closed == [(symbol.pk, M1, wanted)]


def test_a_candle_that_never_comes_is_given_up_and_becomes_a_gap(world: World) -> None:
    watched()
    world.follower.poll()
    world.work()
    world.later(30 + 31)
    world.work()
    asked = world.exchange.asked.count(M1.floor(NOW_MS))
    world.later(2)
    world.work()
    assert world.exchange.asked.count(M1.floor(NOW_MS)) == asked, "nobody asks any more"

    world.exchange.candles.append(make_candle(M1.floor(NOW_MS) + MINUTE))
    world.later(30)
    world.work()

    assert FeedGap.objects.get(timeframe="1m").from_ms == M1.floor(NOW_MS)


def test_the_exchanges_clock_closes_the_candles(world: World) -> None:
    symbol = watched()
    world.exchange.now_ms += 40_000  # their minute is over, ours is not
    world.exchange.candles.append(make_candle(M1.floor(NOW_MS)))
    world.follower.poll()

    world.work()

    assert (symbol.pk, M1, M1.floor(NOW_MS)) in world.closed


def test_a_symbol_that_fails_does_not_keep_the_others_waiting(world: World) -> None:
    first, second = watched(), make_symbol("ETH/USDT", exchange="fake", watched=True)
    world.exchange.specs.append(make_spec("ETH/USDT"))
    world.follower.poll()
    world.exchange.errors = []
    fetch = world.exchange.fetch_candles

    def broken(symbol: str, *rest: object) -> object:
        if symbol == "BTC/USDT":
            raise SymbolUnknown("gone")
        return fetch(symbol, *rest)  # type: ignore[arg-type]

    world.exchange.fetch_candles = broken  # type: ignore[method-assign,assignment]
    for _ in range(20):
        try:
            world.work()
        except SymbolUnknown:
            continue
        break

    assert not store.candle_rows(first.pk, M1)
    assert store.candle_rows(second.pk, M1)


def test_a_silent_exchange_is_an_error_for_the_feed_to_wait_on(world: World) -> None:
    symbol = watched()
    world.follower.poll()
    world.work()
    world.later(30)
    world.exchange.candles.append(make_candle(M1.floor(NOW_MS)))
    world.exchange.errors = [ExchangeUnavailable("gone", retry_after_s=20)]
    world.closed.clear()

    with pytest.raises(ExchangeUnavailable):
        world.work()
    world.later(21)
    world.work()

    assert world.closed == [(symbol.pk, M1, M1.floor(NOW_MS))]


def test_an_unknown_symbol_spoils_it_for_nobody_and_has_the_catalogue_looked_up(
    world: World,
) -> None:
    watched()
    make_symbol("ETH/USDT", exchange="fake", watched=True)
    world.exchange.specs.append(make_spec("ETH/USDT"))
    world.exchange.tickers.append(make_ticker("ETH/USDT"))
    world.work()
    del world.exchange.specs[0]
    unknown = SymbolUnknown("delisted")
    world.exchange.errors = [unknown, unknown]

    assert [told["data"]["symbol"] for told in world.follower.poll()] == ["ETH/USDT"]
    world.exchange.tickers = [make_ticker(), make_ticker("ETH/USDT", last=7.0)]
    assert [told["data"]["price"] for told in world.follower.poll()] == [7.0]

    world.later(301)
    world.work()
    assert Symbol.objects.get(name="BTC/USDT").status == Symbol.Status.HALTED


def test_the_running_candle_of_a_far_exchange_is_looked_up_now_and_then(world: World) -> None:
    watched()
    running = (M1.floor(NOW_MS), 90.0, 110.0, 80.0, 100.0, 33.0)
    world.exchange.candles.append(running)
    world.follower.poll()
    world.work()
    world.later(RUNNING_BAR_S / 2)
    world.exchange.tickers = [make_ticker(last=105.0, at_ms=NOW_MS + 1000)]

    [message] = world.follower.poll()

    assert message["data"]["bar"] == {
        "time": running[0] // 1000,
        "open": 90.0,
        "high": 110.0,
        "low": 80.0,
        "close": 105.0,
        "volume": 33.0,
    }


def test_open_gaps_are_swept_each_hour(world: World) -> None:
    watched()
    rows = world.exchange.candles
    world.exchange.candles = rows[:10] + rows[12:]
    world.follower.poll()
    world.work()
    gap = FeedGap.objects.get(timeframe="1m")
    assert gap.status == FeedGap.Status.ABSENT
    FeedGap.objects.update(status=FeedGap.Status.OPEN)
    world.exchange.candles = rows

    world.later(3601)
    world.work()

    gap.refresh_from_db()
    assert gap.status == FeedGap.Status.FILLED
