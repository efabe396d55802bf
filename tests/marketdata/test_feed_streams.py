"""The feed on exchanges that stream: real sockets, real threads, an exchange that can be broken."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest
from channels.db import database_sync_to_async

from config import clock
from marketdata import feed as feed_module
from marketdata import (
    feed_follower,
    live_features,
    queries,
    quotes,
    services,
    stream_follower,
    stream_mender,
    stream_state,
    viewing,
)
from marketdata.exchanges import stream_pool, stream_session
from marketdata.exchanges.ccxt_rest import CcxtExchange
from marketdata.feed import Feed
from marketdata.models import Candle, DeadLetter, FeedInterruption, Symbol
from marketdata.timeframes import Timeframe
from tests.exchange import Emulator, public_streams
from tests.marketdata.factories import make_symbol
from tests.marketdata.test_stream_state import make_stream

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("clean_bus"),
]

WAIT_S = 15.0
Told = list[tuple[int, str, int]]


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """What takes seconds between strangers takes moments here."""
    for module, name, value in (
        (stream_pool, "FIRST_S", 0.05),
        (stream_pool, "DIAL_S", 0.05),
        (stream_session, "LOOK_S", 0.02),
        (stream_follower, "STALE_S", 1.0),
        (stream_mender, "PACE_S", 0.05),
        (stream_mender, "IDLE_S", 0.05),
        (stream_mender, "SETTLE_S", 0.3),
        (feed_module, "PRINTS_S", 0.1),
        (feed_module, "LOOK_S", 0.05),
        (feed_follower, "SYMBOLS_S", 0.2),
        (feed_follower, "STORE_TICKERS_S", 0.2),
        (public_streams, "BEAT_S", 0.1),
    ):
        monkeypatch.setattr(module, name, value)


@pytest.fixture(params=["binance", "bybit"])
def exchange(request: pytest.FixtureRequest, settings: Any) -> Iterator[Emulator]:
    only = {"exchanges": (request.param,), "symbols": ("BTC/USDT",)}
    settings.ENV = settings.ENV.model_copy(update=only)
    with Emulator(request.param) as running:
        yield running


@pytest.fixture
def binance(settings: Any) -> Iterator[Emulator]:
    """Where what is tested is the same for both."""
    only = {"exchanges": ("binance",), "symbols": ("BTC/USDT",)}
    settings.ENV = settings.ENV.model_copy(update=only)
    with Emulator("binance") as running:
        yield running


@asynccontextmanager
async def feeding(exchange: Emulator, told: Told | None = None) -> AsyncIterator[Feed]:
    stop = asyncio.Event()
    heard: Told = [] if told is None else told
    rest = CcxtExchange(exchange.venue.name, base_url=exchange.url)
    rest._client.enableRateLimit = False
    feed = Feed(
        {rest.name: rest},
        on_candle_closed=lambda *one: heard.append((one[0], str(one[1]), one[2])),
        interval_s=0.05,
        streams={rest.name: exchange.ws_url},
    )
    task = asyncio.create_task(feed.run(stop))
    try:
        yield feed
    finally:
        stop.set()
        await task


async def until(condition: Callable[[], object], wait_s: float = WAIT_S) -> None:
    async with asyncio.timeout(wait_s):
        # A query is asked where it is judged: in a thread.
        while not await database_sync_to_async(lambda: bool(condition()))():
            await asyncio.sleep(0.02)


async def symbol_of(exchange: Emulator, name: str = "BTC/USDT", watched: bool = True) -> Symbol:
    make = database_sync_to_async(make_symbol)
    symbol: Symbol = await make(name, exchange=exchange.venue.name, watched=watched)
    return symbol


def streaming(feed: Feed, symbol: Symbol) -> Callable[[], bool]:
    """Whether the streams stand and this symbol's features have begun."""

    def ready() -> bool:
        [one] = feed.streamed
        return one.pool.up_since_ms is not None and symbol.pk in one.prints._features

    return ready


def quoted(symbol: Symbol, last: float) -> Callable[[], bool]:
    def known() -> bool:
        quote = quotes.get_quote(symbol.pk)
        return quote is not None and quote.last == last

    return known


def tickers_asked(exchange: Emulator) -> int:
    return sum("ticker" in row.path for row in exchange.ledger.requests)


async def test_quotes_come_by_stream_and_rest_is_left_alone(exchange: Emulator) -> None:
    symbol = await symbol_of(exchange)

    async with feeding(exchange) as feed:
        await until(streaming(feed, symbol))
        await until(lambda: not feed.streamed[0].follower.stale())
        await asyncio.sleep(0.3)
        asked = tickers_asked(exchange)
        exchange.set_price("BTCUSDT", "42123.00")
        await until(quoted(symbol, 42123.0))
        await asyncio.sleep(0.5)
        assert tickers_asked(exchange) == asked

        await until(lambda: queries.feed_streams() and queries.feed_streams()[0].healthy)
        [state] = queries.feed_streams()
        assert (state.symbols, state.connections, state.up) == (1, 1, 1)
        assert state.messages > 0


async def test_rest_takes_over_for_the_symbol_that_is_silent_and_for_no_other(
    binance: Emulator,
) -> None:
    btc, eth = await symbol_of(binance), await symbol_of(binance, "ETH/USDT")

    async with feeding(binance) as feed:
        await until(streaming(feed, btc))
        await until(lambda: not feed.streamed[0].follower.stale())
        binance.public.muted = {"ETHUSDT"}
        await until(lambda: feed.streamed[0].follower.stale() == ["ETH/USDT"])
        binance.ledger.requests.clear()
        binance.set_price("ETHUSDT", "2600.00")
        binance.set_price("BTCUSDT", "42100.00")
        await until(quoted(eth, 2600.0))
        await until(quoted(btc, 42100.0))
        about = [str(row.params) for row in binance.ledger.requests if "ticker" in row.path]
        assert about
        assert all("ETHUSDT" in text and "BTCUSDT" not in text for text in about)

        binance.public.muted = set()
        await until(lambda: not feed.streamed[0].follower.stale())


async def test_a_closed_candle_is_stored_at_once_and_told(exchange: Emulator) -> None:
    symbol = await symbol_of(exchange)
    told: Told = []

    async with feeding(exchange, told) as feed:
        await until(streaming(feed, symbol))
        [one] = feed.streamed
        await until(lambda: (symbol.pk, Timeframe.D1) in one.follower._series)
        await until(
            lambda: all(series.done_ms is not None for series in one.follower._series.values())
        )
        series = one.follower._series[(symbol.pk, Timeframe.M1)]
        newest = series.done_ms
        assert newest is not None
        row = (newest + 60_000, 42000.0, 42010.0, 41990.0, 42005.0, 3.0)
        _tell_closed(exchange, row)
        await until(lambda: Candle.objects.filter(symbol=symbol, open_ms=row[0], volume=3.0))

    assert (symbol.pk, "1m", row[0]) in told


def _tell_closed(exchange: Emulator, row: tuple[int, float, float, float, float, float]) -> None:
    words, pair = exchange.venue.market_words, exchange.engine.book("BTCUSDT").pair
    interval = "1m" if exchange.venue.name == "binance" else "1"
    text = [str(part) for part in row]
    _, message = words.kline(pair, interval, text, exchange.now_ms(), closed=True)
    exchange.public.say(message)


async def test_prints_become_features(binance: Emulator) -> None:
    symbol = await symbol_of(binance)

    async with feeding(binance) as feed:
        await until(streaming(feed, symbol))
        for step in range(5):
            binance.print("BTCUSDT", 42000.0 + step, 0.5)

        def known() -> bool:
            state = live_features.get_state(symbol.pk)
            return state is not None and state.last_price == 42004.0 and bool(state.bid_depth)

        await until(known)
        state = live_features.get_state(symbol.pk)
        assert state is not None
        assert state.frames["1m"].bars >= 200  # the exchange's candles before
        assert live_features.get_bars(symbol.pk)["15m"]


async def test_a_break_is_in_the_ledger_with_every_print_made_up_for(exchange: Emulator) -> None:
    symbol = await symbol_of(exchange)

    async with feeding(exchange) as feed:
        await until(streaming(feed, symbol))
        exchange.print("BTCUSDT", 42000.0)
        await asyncio.sleep(0.3)
        _lose(exchange, 5)
        await until(lambda: FeedInterruption.objects.filter(outcome="OPEN"))
        await until(lambda: FeedInterruption.objects.exclude(outcome="OPEN"))
        row = await database_sync_to_async(FeedInterruption.objects.get)()
        await until(lambda: _trades_of(feed, symbol) >= 7)

    assert (row.cause, row.outcome, row.symbols) == ("DISCONNECTED", "FILLED", ["BTC/USDT"])
    assert row.prints_missed == row.prints_filled
    assert row.prints_filled in (5, 6)  # the last one may have come before the connection
    assert row.ended_at is not None
    assert row.began_at <= row.ended_at


def _lose(exchange: Emulator, prints: int) -> None:
    """Prints while nobody is connected, and one more afterwards."""
    exchange.public.refusing = True
    exchange.public.disconnect()
    for number in range(prints):
        exchange.print("BTCUSDT", 42100.0 + number)

    def later() -> None:
        exchange.public.refusing = False

    exchange.call(lambda: asyncio.get_running_loop().call_later(0.4, later))
    exchange.call(
        lambda: asyncio.get_running_loop().call_later(1.5, exchange.print, "BTCUSDT", 42200.0)
    )


def _trades_of(feed: Feed, symbol: Symbol) -> int:
    return len(feed.streamed[0].prints._features[symbol.pk].ring)


async def test_what_the_exchange_no_longer_has_begins_anew(exchange: Emulator) -> None:
    symbol = await symbol_of(exchange)

    async with feeding(exchange) as feed:
        await until(streaming(feed, symbol))
        exchange.print("BTCUSDT", 42000.0)
        await asyncio.sleep(0.3)
        before = feed.streamed[0].prints._features[symbol.pk]
        _lose(exchange, 1_100)
        await until(lambda: FeedInterruption.objects.filter(outcome="ANEW"))
        await until(lambda: feed.streamed[0].prints._features[symbol.pk] is not before)

    row = await database_sync_to_async(FeedInterruption.objects.get)()
    known = (1_100, 1_101) if exchange.venue.name == "binance" else (None,)
    assert row.prints_missed in known


async def test_rubbish_becomes_dead_letters_and_ends_nothing(binance: Emulator) -> None:
    symbol = await symbol_of(binance)

    async with feeding(binance) as feed:
        await until(streaming(feed, symbol))
        for text in ("{", '{"stream":"btcusdt@trade","data":{"s":"BTCUSDT"}}', b"\xff\x00"):
            binance.public.say(text)
        await until(lambda: DeadLetter.objects.filter(kind="stream").count() >= 2)
        binance.set_price("BTCUSDT", "42321.00")
        await until(quoted(symbol, 42321.0))


async def test_what_an_open_page_looks_at_is_followed(binance: Emulator) -> None:
    btc = await symbol_of(binance)
    eth = await symbol_of(binance, "ETH/USDT", watched=False)

    async with feeding(binance) as feed:
        await until(streaming(feed, btc))
        viewing.note_viewed([eth.pk], clock.now())
        await until(streaming(feed, eth))
        binance.set_price("ETHUSDT", "2555.00")
        await until(quoted(eth, 2555.0))

        viewing.note_viewed([btc.pk], clock.now() + timedelta(minutes=5))
        await until(lambda: feed.streamed[0].pool.lines[0].symbols == {"BTC/USDT"})
        assert binance.public.opened == 1


async def test_a_feed_that_loses_its_lease_closes_its_streams(
    binance: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feed_module, "RENEW_S", 0.1)
    symbol = await symbol_of(binance)

    async with feeding(binance) as feed:
        await until(streaming(feed, symbol))
        monkeypatch.setattr(services, "claim_lease", lambda **_: False)
        monkeypatch.setattr(services, "lease_is_over", lambda **_: False)
        await until(lambda: not binance.public.connections)
        assert not feed.at_work


async def test_a_stream_that_can_not_be_had_costs_only_speed(binance: Emulator) -> None:
    binance.public.refusing = True
    symbol = await symbol_of(binance)

    async with feeding(binance):
        binance.set_price("BTCUSDT", "42777.00")
        await until(quoted(symbol, 42777.0))
        await until(lambda: Candle.objects.filter(symbol=symbol).exists())


async def test_a_feed_that_begins_after_another_notes_what_nobody_heard(binance: Emulator) -> None:
    symbol = await symbol_of(binance)
    left = make_stream(at_ms=clock.now_ms() - 60_000, heard_ms=clock.now_ms() - 61_000)
    await database_sync_to_async(stream_state.put_streams)([left])
    await database_sync_to_async(services.begin_interruption)(
        exchange="binance", cause="SILENT", symbols=["BTC/USDT"], began_at=clock.now()
    )

    async with feeding(binance) as feed:
        await until(streaming(feed, symbol))
        await until(lambda: FeedInterruption.objects.filter(cause="STOPPED"))

    rows = {row.cause: row for row in await database_sync_to_async(_interruptions)()}
    assert {row.outcome for row in rows.values()} == {"ANEW"}
    ended_at, began_at = rows["STOPPED"].ended_at, rows["STOPPED"].began_at
    assert ended_at is not None
    assert 60 < (ended_at - began_at).total_seconds() < 90


def _interruptions() -> list[FeedInterruption]:
    return list(queries.interruptions("binance"))
