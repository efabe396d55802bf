"""The feed as a whole: real threads, real bus, one at work and others standing by."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest
import redis
from channels.db import database_sync_to_async
from django.db import DatabaseError, OperationalError

from config import clock
from marketdata import feed as feed_module
from marketdata import quotes, services, tick_hub
from marketdata.errors import ExchangeUnavailable
from marketdata.exchanges.protocol import TickerRow
from marketdata.feed import Feed
from marketdata.models import Candle, Circuit, FeedLease, Symbol
from marketdata.tick_hub import Subscription, TickHub
from tests.marketdata.factories import (
    FakeExchange,
    make_candles,
    make_spec,
    make_symbol,
    make_ticker,
)

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("clean_bus"),
]

WAIT_S = 15.0


class LiveExchange(FakeExchange):
    """A fake one whose candles and quotes are of this moment."""

    def __init__(self, name: str) -> None:
        now_ms = clock.now_ms()
        super().__init__(make_candles(20, end_ms=now_ms), specs=[make_spec()], page_limit=5000)
        self.name = name
        self.polls = 0

    def time_ms(self) -> int:
        return clock.now_ms()

    def fetch_tickers(self, symbols: object) -> list[TickerRow]:
        self.polls += 1
        self._fail()
        return [make_ticker(last=100.0 + self.polls, at_ms=clock.now_ms())]


@asynccontextmanager
async def running(*exchanges: FakeExchange, holder: str = "") -> AsyncIterator[Feed]:
    stop = asyncio.Event()
    feed = Feed(
        {exchange.name: exchange for exchange in exchanges},
        on_candle_closed=lambda *told: None,
        interval_s=0.02,
        holder=holder,
    )
    task = asyncio.create_task(feed.run(stop))
    try:
        yield feed
    finally:
        stop.set()
        await task


async def until(condition: Callable[[], object]) -> None:
    """Wait for something that other threads do."""
    async with asyncio.timeout(WAIT_S):
        while not await database_sync_to_async(condition)():
            await asyncio.sleep(0.02)


async def watched(exchange: str = "fake") -> Symbol:
    symbol: Symbol = await database_sync_to_async(make_symbol)(exchange=exchange, watched=True)
    return symbol


async def test_quotes_candles_and_ticks_flow() -> None:
    symbol = await watched()
    hub, subscription = TickHub(), Subscription()
    await hub.join(subscription, [symbol])

    async with running(LiveExchange("fake")):
        async with asyncio.timeout(WAIT_S):
            [tick] = await subscription.fresh()
        await until(lambda: Candle.objects.filter(symbol=symbol, timeframe="1m").count() == 20)
        await until(lambda: quotes.get_quote(symbol.pk))

    await hub.leave(subscription, [symbol.pk])
    assert tick.symbol_id == symbol.pk


async def test_an_exchange_that_is_down_harms_no_other() -> None:
    healthy, broken = await watched("healthy"), await watched("broken")
    dead = LiveExchange("broken")
    dead.errors = [ExchangeUnavailable("gone") for _ in range(1000)]

    async with running(dead, LiveExchange("healthy")):
        await until(lambda: Candle.objects.filter(symbol=healthy).exists())
        await until(lambda: Circuit.objects.filter(pk="broken", state="OPEN").exists())
        await until(lambda: quotes.get_quote(healthy.pk))

    assert await database_sync_to_async(quotes.get_quote)(broken.pk) is None


async def test_errors_of_any_kind_do_not_end_it(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(feed_module, "RETRY_S", 0.02)
    monkeypatch.setattr(feed_module, "LONGEST_PAUSE_S", 0.02)
    symbol = await watched()
    exchange = LiveExchange("fake")
    exchange.errors = [OperationalError("database is locked"), RuntimeError("a bug")]

    async with running(exchange):
        await until(lambda: quotes.get_quote(symbol.pk))

    assert "database is locked" in caplog.text
    assert "a bug" in caplog.text


async def test_without_a_bus_candles_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_bus(messages: object) -> None:
        raise redis.ConnectionError("no bus")

    monkeypatch.setattr(tick_hub, "publish", no_bus)
    symbol = await watched()

    async with running(LiveExchange("fake")):
        await until(lambda: Candle.objects.filter(symbol=symbol).exists())


async def test_a_second_one_stands_by_until_the_first_goes() -> None:
    await watched()
    first, second = LiveExchange("fake"), LiveExchange("fake")

    async with running(second, holder="elsewhere:2") as standby:
        await until(lambda: standby.at_work)
        async with running(first, holder="elsewhere:3") as late:
            await asyncio.sleep(0.3)
            assert not late.at_work
            assert first.polls == 0

    holder = await database_sync_to_async(FeedLease.objects.get)(name="feed")
    assert holder.expires_at <= clock.now()


async def test_the_one_that_stands_by_takes_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed_module, "RENEW_S", 0.05)
    await watched()
    exchange = LiveExchange("fake")
    gone = clock.now() - timedelta(seconds=services.LEASE_S - 0.5)
    await database_sync_to_async(services.claim_lease)(holder="elsewhere:2", now=gone)

    async with running(exchange, holder="elsewhere:3") as standby:
        assert not standby.at_work
        await until(lambda: standby.at_work and exchange.polls)


async def test_a_killed_one_on_this_machine_is_followed_at_once() -> None:
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    holder = f"{socket.gethostname()}:{dead.pid}"
    await database_sync_to_async(services.claim_lease)(holder=holder, now=clock.now())

    async with running(LiveExchange("fake")) as feed:
        await until(lambda: feed.at_work)


async def test_a_busy_database_does_not_stop_it_before_its_lease_is_over(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(feed_module, "RENEW_S", 0.02)
    await watched()
    exchange = LiveExchange("fake")

    def busy(**_: object) -> bool:
        raise DatabaseError("database is locked")

    async with running(exchange) as feed:
        await until(lambda: feed.at_work)
        monkeypatch.setattr(services, "claim_lease", busy)
        polls = exchange.polls
        await until(lambda: exchange.polls > polls + 5)
        assert feed.at_work
