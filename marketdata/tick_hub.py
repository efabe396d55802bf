"""Ticks from the feed to the sockets of this process: one message, one listener, newest wins.

The feed publishes each round as one payload on one channel. A web process reads that channel once,
however many clients it has; they are told only which symbols are fresh, and take them at their
own pace. Whoever is slow finds the newest tick of each symbol and nothing older.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any
from weakref import WeakKeyDictionary

import structlog
from django.conf import settings
from django.db import close_old_connections

from config import bus, clock
from config.database import redis_url
from config.rendering import instant
from marketdata import quotes, ticks, viewing
from marketdata.models import Symbol

log = structlog.get_logger(__name__)

CHANNEL = "ticks"
RETRY_S = 0.5  # between two tries at a bus that is away
VIEWED_S = 10.0  # how often the feed hears which symbols are being looked at
AGAIN_S = 0.1
SLICE = 25  # so many clients are woken at once; requests get their turn in between


def publish(messages: Sequence[Mapping[str, Any]]) -> None:
    """Send a round of the feed's messages to all hubs; raises what a bus that is away raises."""
    payload = ticks.pack(ticks.Tick.of(message["data"]) for message in messages)
    bus.client().publish(bus.channel(CHANNEL), payload)


class Subscription:
    """The symbols of one client, and which of them it has not been told yet."""

    def __init__(self) -> None:
        self.symbols: dict[int, Symbol] = {}
        self._fresh: dict[int, ticks.Tick] = {}
        self._filled = asyncio.Event()

    def put(self, tick: ticks.Tick) -> None:
        """Keep it for the client; `wake` tells it."""
        self._fresh[tick.symbol_id] = tick

    def wake(self) -> None:
        if self._fresh:
            self._filled.set()

    def drop(self, symbol_id: int) -> None:
        self.symbols.pop(symbol_id, None)
        self._fresh.pop(symbol_id, None)

    async def fresh(self) -> list[ticks.Tick]:
        """The newest tick of each symbol that has one the client wasn't given; waits for one."""
        while not self._fresh:
            self._filled.clear()
            await self._filled.wait()
        fresh, self._fresh = self._fresh, {}
        return list(fresh.values())


class TickHub:
    """The one listener of an event loop; it listens while it has subscriptions."""

    def __init__(self) -> None:
        self._newest: dict[int, ticks.Tick] = {}
        self._by_symbol: dict[int, set[Subscription]] = {}
        self._work: list[asyncio.Task[None]] = []
        self._looked_at = asyncio.Event()
        self._bus_away = False

    @property
    def listens(self) -> bool:
        return bool(self._work)

    async def join(self, subscription: Subscription, symbols: Sequence[Symbol]) -> None:
        """Add these to what the client gets, beginning with the last known tick of each."""
        for symbol in symbols:
            subscription.symbols[symbol.pk] = symbol
            self._by_symbol.setdefault(symbol.pk, set()).add(subscription)
        if symbols and not self._work:
            self._work = [asyncio.create_task(self._listen()), asyncio.create_task(self._view())]
        self._looked_at.set()
        await self._read([symbol for symbol in symbols if symbol.pk not in self._newest])
        for symbol in symbols:
            if symbol.pk in self._newest and symbol.pk in subscription.symbols:
                subscription.put(self._newest[symbol.pk])
        subscription.wake()

    async def leave(self, subscription: Subscription, symbol_ids: Iterable[int]) -> None:
        """The client gets no more of these; the last one to leave ends the listening."""
        for symbol_id in symbol_ids:
            subscription.drop(symbol_id)
            listeners = self._by_symbol.get(symbol_id, set())
            listeners.discard(subscription)
            if not listeners:
                self._by_symbol.pop(symbol_id, None)
        if self._by_symbol:
            return
        work, self._work = self._work, []
        self._newest.clear()  # nobody hears any more what makes them old
        # Again and again: a library that is connecting just then may forget that it was canceled.
        while work:
            for task in work:
                task.cancel()
            _, unfinished = await asyncio.wait(work, timeout=AGAIN_S)
            work = list(unfinished)

    async def _listen(self) -> None:
        while True:
            try:
                await self._subscribe()
            except Exception as error:  # redis-py has its own tree of errors
                if not self._bus_away:
                    log.warning("ticks.bus_lost", error=str(error))
                self._bus_away = True
            await asyncio.sleep(RETRY_S)

    async def _subscribe(self) -> None:
        import redis.asyncio  # 46 MB in a process that may never need it

        client = redis.asyncio.Redis.from_url(
            redis_url(settings.REDIS_URL, 2),
            socket_connect_timeout=2,
            client_name=bus.channel(CHANNEL),
        )
        async with client, client.pubsub() as channel:
            await channel.subscribe(bus.channel(CHANNEL))
            async for message in channel.listen():
                # redis-py subscribes again by itself, and this is how one hears of it.
                if message["type"] == "subscribe":
                    await self._subscribed()
                elif message["type"] == "message":
                    await self._hear(message["data"])

    async def _subscribed(self) -> None:
        if self._bus_away:
            log.info("ticks.bus_back")
        self._bus_away = False
        # What was said in between is lost: a price that doesn't move again would stay old.
        listened = {
            symbol.pk: symbol
            for listeners in self._by_symbol.values()
            for subscription in listeners
            for symbol in subscription.symbols.values()
        }
        await self._spread(await self._read(list(listened.values())))

    async def _hear(self, payload: bytes) -> None:
        try:
            heard = ticks.unpack(payload)
        except (ValueError, TypeError) as error:
            log.warning("ticks.unreadable", error=str(error))
            return
        await self._spread([tick for tick in heard if self._is_newer(tick)])

    async def _spread(self, fresh: Iterable[ticks.Tick]) -> None:
        told: set[Subscription] = set()
        for tick in fresh:
            self._newest[tick.symbol_id] = tick
            for subscription in self._by_symbol.get(tick.symbol_id, ()):
                subscription.put(tick)
                told.add(subscription)
        for number, subscription in enumerate(told, 1):
            subscription.wake()
            if number % SLICE == 0:
                await asyncio.sleep(0)

    def _is_newer(self, tick: ticks.Tick) -> bool:
        known = self._newest.get(tick.symbol_id)
        return known is None or tick.at_ms >= known.at_ms

    async def _read(self, symbols: Sequence[Symbol]) -> list[ticks.Tick]:
        """The stored quotes of these that are newer than what was heard, kept as the newest."""
        if not symbols:
            return []
        # Not by asgiref, which forgets that it was canceled while its thread was at work.
        stored = await asyncio.to_thread(_stored_ticks, symbols)
        known = self._newest
        fresh = [
            tick
            for tick in stored
            if tick.symbol_id not in known or tick.at_ms > known[tick.symbol_id].at_ms
        ]
        known.update({tick.symbol_id: tick for tick in fresh})
        return fresh

    async def _view(self) -> None:
        """Tell the feed which symbols are open, soon after a new one and again and again."""
        while True:
            self._looked_at.clear()
            ids = list(self._by_symbol)
            await asyncio.to_thread(viewing.note_viewed, ids, clock.now())
            with suppress(TimeoutError):
                async with asyncio.timeout(VIEWED_S):
                    await self._looked_at.wait()
            await asyncio.sleep(RETRY_S)  # many clients that come at once are one word


_hubs: WeakKeyDictionary[asyncio.AbstractEventLoop, TickHub] = WeakKeyDictionary()


def hub() -> TickHub:
    """The hub of the running event loop."""
    return _hubs.setdefault(asyncio.get_running_loop(), TickHub())


def _stored_ticks(symbols: Sequence[Symbol]) -> list[ticks.Tick]:
    try:
        live = quotes.get_quotes(symbol.pk for symbol in symbols)
    finally:
        close_old_connections()
    return [ticks.Tick.of(_data(one, live[one.pk])) for one in symbols if one.pk in live]


def _data(symbol: Symbol, quote: quotes.Quote) -> dict[str, Any]:
    """The last known price in the shape of the feed's ticks; its bar comes with the next one."""
    return {
        "symbol": symbol.name,
        "exchange": symbol.exchange,
        "symbol_id": symbol.pk,
        "price": quote.last,
        "bid": quote.bid,
        "ask": quote.ask,
        "change_24h": quote.change_24h,
        "volume_24h": quote.volume_24h,
        "ts": instant(clock.from_ms(quote.at_ms)),
        "at_ms": quote.at_ms,
        "bar": None,
    }
