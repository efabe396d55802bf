"""One listener of the bus for all sockets of a process; newest wins, and a lost bus comes back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from channels.db import database_sync_to_async

from config import bus, clock
from marketdata import quotes, tick_hub
from marketdata.models import Symbol
from marketdata.tick_hub import Subscription, TickHub
from marketdata.ticks import Tick
from tests.marketdata.factories import make_quote, make_symbol

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("clean_bus")]

WAIT_S = 5.0


def said(symbol: Symbol, price: float) -> dict[str, Any]:
    data = {"symbol": symbol.name, "exchange": symbol.exchange, "symbol_id": symbol.pk}
    return {"data": {**data, "price": price, "at_ms": clock.now_ms()}}


async def tell(*messages: dict[str, Any]) -> None:
    await asyncio.to_thread(tick_hub.publish, messages)


@asynccontextmanager
async def joined(hub: TickHub, *symbols: Symbol) -> AsyncIterator[Subscription]:
    subscription = Subscription()
    await hub.join(subscription, symbols)
    await until_it_listens()
    yield subscription
    await hub.leave(subscription, [symbol.pk for symbol in symbols])


async def until_it_listens() -> None:
    async with asyncio.timeout(WAIT_S):
        while not await asyncio.to_thread(heard_by):
            await asyncio.sleep(0.01)


def heard_by() -> int:
    [(_, count)] = bus.client().pubsub_numsub(bus.channel(tick_hub.CHANNEL))
    return int(count)


async def next_ticks(subscription: Subscription) -> list[Tick]:
    async with asyncio.timeout(WAIT_S):
        return await subscription.fresh()


async def a_symbol(name: str = "BTC/USDT") -> Symbol:
    symbol: Symbol = await database_sync_to_async(make_symbol)(name)
    return symbol


async def test_who_does_not_take_finds_only_the_newest_and_delays_nobody() -> None:
    symbol, hub = await a_symbol(), TickHub()

    async with joined(hub, symbol) as quick, joined(hub, symbol) as slow:
        for price in range(50):
            await tell(said(symbol, float(price)))
            await next_ticks(quick)
        [newest] = await next_ticks(slow)

    assert '"price":49.0' in newest.named


async def test_what_was_lost_with_the_bus_is_read_again() -> None:
    symbol, hub = await a_symbol(), TickHub()
    async with joined(hub, symbol) as subscription:
        quote = make_quote(77.0, at_ms=clock.now_ms())
        await asyncio.to_thread(quotes.put_quote, symbol.pk, quote)

        await asyncio.to_thread(cut_the_listeners_off)
        await until_it_listens()

        [tick] = await next_ticks(subscription)
        assert '"price":77.0' in tick.named
        await tell(said(symbol, 78.0))
        [tick] = await next_ticks(subscription)

    assert '"price":78.0' in tick.named


def cut_the_listeners_off() -> None:
    name = bus.channel(tick_hub.CHANNEL)
    for connection in bus.client().client_list():
        if connection["name"] == name:
            bus.client().client_kill_filter(_id=connection["id"])


async def test_rubbish_on_the_bus_ends_nothing() -> None:
    symbol, hub = await a_symbol(), TickHub()
    async with joined(hub, symbol) as subscription:
        for payload in (b"{", b"[[1]]", b"7"):
            await asyncio.to_thread(bus.client().publish, bus.channel(tick_hub.CHANNEL), payload)
        await tell(said(symbol, 1.0))

        assert await next_ticks(subscription)


async def test_a_second_client_begins_with_what_the_first_has_heard() -> None:
    symbol, hub = await a_symbol(), TickHub()
    async with joined(hub, symbol) as first:
        await tell(said(symbol, 3.0))
        await next_ticks(first)

        async with joined(hub, symbol) as second:
            [tick] = await next_ticks(second)

    assert '"price":3.0' in tick.named
    assert not hub.listens
