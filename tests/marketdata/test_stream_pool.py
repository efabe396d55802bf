"""Public streams over real sockets, against an exchange on loopback that can be broken."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from marketdata.exchanges import stream_pool, stream_session
from marketdata.exchanges.live_market import STORE, LiveMarket
from marketdata.exchanges.protocol import OrderBook, TickerRow, TradePrint
from marketdata.exchanges.stream_pool import StreamPool
from tests.exchange import Emulator, public_streams

BTC, ETH = "BTC/USDT", "ETH/USDT"
WAIT_S = 8.0


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """What takes seconds between strangers takes moments here."""
    for module, name, value in (
        (stream_pool, "FIRST_S", 0.05),
        (stream_pool, "DIAL_S", 0.05),
        (stream_session, "LOOK_S", 0.02),
        (stream_session, "BOOKS_S", 0.02),
        (public_streams, "BEAT_S", 0.1),
    ):
        monkeypatch.setattr(module, name, value)


@pytest.fixture(params=["binance", "bybit"])
def exchange(request: pytest.FixtureRequest) -> Iterator[Emulator]:
    with Emulator(request.param) as running:
        yield running


@asynccontextmanager
async def streaming(exchange: Emulator, *symbols: str) -> AsyncIterator[StreamPool]:
    name = exchange.venue.name
    pool = StreamPool(name, LiveMarket(counted=name == "binance"), address=exchange.ws_url)
    pool.wire = replace(pool.wire, pace_s=0.01)
    pool.want(symbols or (BTC, ETH))
    try:
        yield pool
    finally:
        await pool.close()


async def until(condition: Callable[[], object], wait_s: float = WAIT_S) -> None:
    async with asyncio.timeout(wait_s):
        while not condition():
            await asyncio.sleep(0.01)


def up(pool: StreamPool) -> Callable[[], bool]:
    return lambda: pool.up_since_ms is not None


async def printed(pool: StreamPool, exchange: Emulator, price: float) -> None:
    """Until a print of this price has come through."""
    exchange.print("BTCUSDT", price)
    found: list[float] = []

    def arrived() -> bool:
        found.extend(one.price for one in pool.market.take_prints().get(BTC, []))
        return price in found

    await until(arrived)


async def test_quotes_prints_books_and_candles_arrive(exchange: Emulator) -> None:
    quotes: dict[str, TickerRow] = {}
    books: dict[str, OrderBook] = {}
    trades: list[TradePrint] = []

    async with streaming(exchange) as pool:

        def arrived() -> bool:
            quotes.update({row.symbol: row for row in pool.market.take_quotes()})
            books.update(pool.market.take_books())
            trades.extend(pool.market.take_prints().get(BTC, []))
            moved = BTC in quotes and quotes[BTC].bid == 42010.0
            deep = BTC in books and books[BTC].bids[0].price == 42010.0
            return moved and deep and quotes.keys() == {BTC, ETH} and bool(trades)

        await until(up(pool))
        exchange.set_price("BTCUSDT", "42010.00")
        interval = "1m" if exchange.venue.name == "binance" else "1"
        exchange.public.close_candle("BTCUSDT", interval, 60_000)
        await until(arrived)
        [closed] = pool.market.take_closed(STORE)

    assert (quotes[BTC].last, quotes[BTC].ask, quotes[BTC].change_24h) == (
        42010.0,
        42010.01,
        -0.0125,
    )
    assert [(one.price, one.qty) for one in trades] == [(42010.0, 1.0)]
    assert (closed.symbol, closed.timeframe, closed.row[0]) == (BTC, "1m", 60_000)
    assert pool.market.counts.not_understood == 0


async def test_only_the_difference_is_asked_for_and_nothing_is_reconnected(
    exchange: Emulator,
) -> None:
    async with streaming(exchange, BTC) as pool:
        await until(up(pool))
        pool.want([BTC, ETH])
        await until(lambda: len(exchange.public.requests) == 2)
        pool.want([ETH])
        await until(lambda: len(exchange.public.requests) == 3)
        pool.want([ETH])
        await asyncio.sleep(0.2)

    texts = [str(request) for request in exchange.public.requests]
    assert len(texts) == 3
    assert "ETHUSDT" not in texts[0].upper()
    assert "BTCUSDT" not in texts[1].upper()
    assert "UNSUBSCRIBE" in texts[2].upper()
    assert "ETHUSDT" not in texts[2].upper()
    assert exchange.public.opened == 1


async def test_fifty_bots_on_ten_symbols_cost_what_one_costs(exchange: Emulator) -> None:
    async with streaming(exchange, BTC) as pool:
        await until(up(pool))
        before = len(exchange.public.requests)
        for _ in range(50):
            pool.want([BTC])
            await asyncio.sleep(0)
        await asyncio.sleep(0.1)

        assert len(exchange.public.requests) == before
        assert exchange.public.opened == 1


async def test_a_lost_connection_is_back_soon_and_leaves_a_note(exchange: Emulator) -> None:
    async with streaming(exchange) as pool:
        await until(up(pool))
        await printed(pool, exchange, 42000.0)

        exchange.public.disconnect()
        await until(lambda: pool.up_since_ms is None)
        await until(up(pool))
        await printed(pool, exchange, 42001.0)

        began, ended = pool.take_breaks()
        assert began.symbols == [BTC, ETH]
        assert began.until_ms is None
        assert ended.until_ms is not None
        assert ended.from_ms == began.from_ms <= ended.until_ms
        assert pool.reconnects == 1


async def test_what_was_printed_meanwhile_is_known_to_be_missing() -> None:
    with Emulator("binance") as exchange:
        async with streaming(exchange) as pool:
            await until(up(pool))
            await printed(pool, exchange, 42000.0)
            exchange.public.disconnect()
            for _ in range(3):
                exchange.print("BTCUSDT", 42001.0)
            await until(lambda: pool.up_since_ms is None)
            await until(up(pool))
            await printed(pool, exchange, 42002.0)

            assert pool.market.totals()[1] == 3


async def test_a_server_that_refuses_is_not_hammered(exchange: Emulator) -> None:
    exchange.public.refusing = True
    async with streaming(exchange) as pool:
        await asyncio.sleep(0.8)
        tries = pool.reconnects
        exchange.public.refusing = False
        await until(up(pool))

    assert 1 <= tries <= 6  # 0.05, 0.1, 0.2, 0.4 s apart, each by half more or less


async def test_an_exchange_that_is_away_is_found_again(exchange: Emulator) -> None:
    async with streaming(exchange) as pool:
        await until(up(pool))
        exchange.go_down()
        await until(lambda: pool.up_since_ms is None)
        await asyncio.sleep(0.2)
        exchange.come_up()
        await until(up(pool))


async def test_silence_is_noticed_though_pings_are_answered(
    exchange: Emulator,
) -> None:
    async with streaming(exchange) as pool:
        [line] = pool.lines
        line.patience_s = 0.6
        await until(up(pool))
        exchange.public.silent = True
        await until(lambda: pool.take_breaks()[:1], 5)
        assert pool.last_error.startswith("silent")
        assert line.patience_s == 1.2  # where little is traded silence may be true

        exchange.public.silent = False
        await until(up(pool))


async def test_one_pair_that_is_silent_while_others_speak_is_no_reason_to_reconnect(
    exchange: Emulator,
) -> None:
    exchange.public.muted = {"ETHUSDT"}
    async with streaming(exchange) as pool:
        await until(up(pool))
        await printed(pool, exchange, 42000.0)
        await asyncio.sleep(0.5)

        assert pool.market.silent(time.monotonic(), 0.4) == [ETH]
        assert pool.reconnects == 0


async def test_repeated_and_reordered_prints_count_once_each(exchange: Emulator) -> None:
    async with streaming(exchange) as pool:
        await until(up(pool))
        await printed(pool, exchange, 42000.0)
        exchange.public.hold()
        for number in range(1, 5):
            exchange.print("BTCUSDT", 42000.0 + number)
        exchange.public.duplicate(times=100, copies=3)
        exchange.public.release(backwards=True)
        for number in range(5, 8):
            exchange.print("BTCUSDT", 42000.0 + number)
        found: list[float] = []

        def arrived() -> bool:
            found.extend(one.price for one in pool.market.take_prints().get(BTC, []))
            return len(found) >= 7

        await until(arrived)
        assert sorted(found) == [42000.0 + number for number in range(1, 8)]
        assert pool.market.totals()[1] == 0
        assert pool.market.totals()[2] >= 6


RUBBISH: list[str | bytes] = [
    "",
    "{",
    '{"stream":"btcusdt@trade","data":{"p":',
    "<html></html>",
    b"\x00\x01\xff",
    b'{"topic":"publicTrade.BTCUSDT","data":[',
    "[1,2,3]",
    '{"stream":"btcusdt@trade","data":{"s":"BTCUSDT","t":"x"}}',
    '{"topic":"publicTrade.BTCUSDT","ts":1,"data":[{"p":"NaN"}]}',
    "x" * 2_000_000,
]


async def test_rubbish_ends_nothing(exchange: Emulator) -> None:
    async with streaming(exchange) as pool:
        await until(up(pool))
        for message in RUBBISH:
            exchange.public.say(message)
        await printed(pool, exchange, 42005.0)

        assert pool.market.counts.not_understood >= len(RUBBISH) - 1
        assert pool.reconnects == 0
        assert all(len(one.text) <= 300 for one in pool.market.take_rubbish())


async def test_a_message_that_is_too_large_costs_a_connection_at_most(exchange: Emulator) -> None:
    async with streaming(exchange) as pool:
        await until(up(pool))
        exchange.public.say("x" * 11_000_000)
        await until(lambda: pool.reconnects)
        await until(up(pool))
        await printed(pool, exchange, 42005.0)


async def test_a_symbol_that_is_refused_harms_no_other(exchange: Emulator) -> None:
    exchange.public.refused = {"ETHUSDT"}
    async with streaming(exchange) as pool:
        await until(up(pool))
        await printed(pool, exchange, 42000.0)

        assert pool.refused_now() == [ETH]
        assert pool.reconnects == 0


async def test_a_subscription_that_is_never_answered_ends_the_connection(
    exchange: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream_session, "ANSWER_S", 0.2)
    exchange.public.answering = False
    async with streaming(exchange) as pool:
        await until(lambda: pool.reconnects)
        assert pool.last_error == "a subscription was not answered"
        exchange.public.answering = True
        await until(up(pool))


async def test_a_server_that_is_slow_to_part_is_left(exchange: Emulator) -> None:
    exchange.public.slow_close_s = 30.0
    async with streaming(exchange) as pool:
        await until(up(pool))
        began = time.monotonic()

    assert time.monotonic() - began < 5


async def test_a_connection_that_gets_old_is_replaced_before_it_ends(
    exchange: Emulator,
) -> None:
    async with streaming(exchange) as pool:
        await until(up(pool))
        await printed(pool, exchange, 42000.0)
        if exchange.venue.name == "binance":
            exchange.public.farewell()
        else:
            session = pool.lines[0].session
            assert session is not None
            session.leaving.set()
        prices = [42100.0 + number for number in range(40)]
        found: list[float] = []
        for price in prices:
            exchange.print("BTCUSDT", price)
            await asyncio.sleep(0.02)
            found.extend(one.price for one in pool.market.take_prints().get(BTC, []))
        await until(lambda: len(exchange.public.connections) == 1)
        await printed(pool, exchange, 42500.0)

        assert exchange.public.opened == 2
        assert found == prices  # none lost, none twice
        assert pool.take_breaks() == []


async def test_a_lost_piece_of_a_book_brings_it_anew() -> None:
    with Emulator("bybit") as exchange:
        async with streaming(exchange, BTC) as pool:
            await until(up(pool))
            exchange.public.hold()
            exchange.set_price("BTCUSDT", "42020.00")
            held = exchange.public._held
            assert held is not None
            held.clear()
            exchange.public.release()
            exchange.set_price("BTCUSDT", "42030.00")
            await until(lambda: len(exchange.public.requests) == 3)
            ops = [request["op"] for request in exchange.public.requests]
            assert ops == ["subscribe", "unsubscribe", "subscribe"]
            seen: dict[str, OrderBook] = {}

            def whole() -> bool:
                seen.update(pool.market.take_books())
                return (
                    BTC in seen and seen[BTC].bids[0].price == 42030.0 and len(seen[BTC].bids) == 5
                )

            await until(whole)


async def test_many_symbols_are_spread_over_connections(exchange: Emulator) -> None:
    async with streaming(exchange, BTC) as pool:
        pool.wire = replace(pool.wire, symbols_per_connection=1)
        pool.want([BTC, ETH, "BNB/USDT"])
        assert [len(line.symbols) for line in pool.lines] == [1, 1, 1]
        await until(up(pool))
        pool.want([BTC])
        await until(lambda: len(exchange.public.connections) == 1)


async def test_a_symbol_that_is_deaf_is_subscribed_anew(
    exchange: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with streaming(exchange) as pool:
        await until(up(pool))
        pool.renew([BTC])
        await asyncio.sleep(0.1)
        before = len(exchange.public.requests)  # the connection is too young to be judged

        monkeypatch.setattr(stream_pool, "SETTLED_MS", -1_000)
        pool.renew([BTC])
        await until(lambda: len(exchange.public.requests) == before + 2)
        await printed(pool, exchange, 42000.0)

        texts = [str(one).upper() for one in exchange.public.requests[before:]]
        assert ["UNSUBSCRIBE" in text for text in texts] == [True, False]
        assert not any("ETHUSDT" in text for text in texts)
        assert pool.reconnects == 0
