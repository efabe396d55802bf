"""ccxt.pro watches orders, trades and balances; and what can go wrong on the way to it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import ccxt
import pytest

from tests.exchange.accounts import ApiKey
from tests.exchange.clients import pro_client
from tests.exchange.emulator import Emulator
from tests.exchange_emulator.trading import PAIR, cancel, limit_buy, market

SOON = 5.0


async def subscribed(client: Any) -> None:
    """Until the emulator has a listener; what happens before is never told."""
    streams = client.emulator.streams
    for _ in range(100):
        await asyncio.sleep(0.02)
        if any(connection.topics for connection in list(streams.connections)):
            break
    await asyncio.sleep(0.1)


async def during(
    client: Any, watch: Awaitable[Any], act: Callable[[], Awaitable[Any] | None]
) -> Any:
    """The result of a watch that began before `act`."""
    watching = asyncio.ensure_future(watch)
    await subscribed(client)
    acting = act()
    if acting is not None:
        await acting
    return await asyncio.wait_for(watching, SOON)


async def collect(client: Any, act: Callable[[], Awaitable[Any] | None], count: int) -> list[Any]:
    """So many order events from `act` on, as they came over the wire; 0 for those of 0.2 s."""
    seen: list[Any] = []
    real = client.handle_message

    def handle(socket: Any, message: Any) -> Any:
        body = message.get("event", message)
        if body.get("e") == "executionReport":
            seen.append(body["X"])
        if body.get("topic") == "order":
            seen.append(body["data"][0]["orderStatus"])
        return real(socket, message)

    client.handle_message = handle
    watching = asyncio.ensure_future(_watch_on(client))
    await subscribed(client)
    acting = act()
    if acting is not None:
        await acting
    for _ in range(100 if count else 10):
        if count and len(seen) >= count:
            break
        await asyncio.sleep(0.02)
    watching.cancel()
    await asyncio.gather(watching, return_exceptions=True)
    return seen


async def _watch_on(client: Any) -> None:
    while True:
        await client.watch_orders(PAIR)


async def test_a_new_order_is_told(watching: Any) -> None:
    (order,) = await during(
        watching, watching.watch_orders(PAIR), lambda: limit_buy(watching, "told")
    )

    assert (order["clientOrderId"], order["status"]) == ("told", "open")


async def test_a_fill_is_told_as_a_trade_with_its_fee(watching: Any) -> None:
    (trade,) = await during(
        watching, watching.watch_my_trades(PAIR), lambda: market(watching, "traded")
    )

    assert (trade["amount"], trade["price"], trade["side"]) == (0.01, 42_000.51, "buy")
    assert trade["fee"] == trade["fee"] | {"cost": 0.00001, "currency": "BTC"}
    assert trade["takerOrMaker"] == "taker"


async def test_balances_are_told(watching: Any) -> None:
    balance = await during(
        watching, watching.watch_balance(), lambda: limit_buy(watching, "locked")
    )

    assert balance["USDT"]["total"] == 100_000


async def test_a_cancel_is_told(emulator: Emulator, watching: Any) -> None:
    await limit_buy(watching, "ended")

    (order,) = await during(
        watching, watching.watch_orders(PAIR), lambda: cancel(watching, "ended")
    )

    assert (order["status"], order["filled"]) == ("canceled", 0)


async def test_a_price_that_the_test_sets_is_told_as_a_fill(
    emulator: Emulator, watching: Any
) -> None:
    await limit_buy(watching, "maker")

    orders = await during(
        watching, watching.watch_orders(PAIR), lambda: emulator.set_price("BTCUSDT", 40_000)
    )

    assert (orders[-1]["status"], orders[-1]["filled"]) == ("closed", 0.01)


async def test_another_account_hears_nothing(emulator: Emulator, watching: Any) -> None:
    emulator.accounts.add_key(ApiKey("other-key", "other-secret", "other"))
    other = pro_client(emulator, apiKey="other-key", secret="other-secret")
    await other.load_markets()
    other.emulator = emulator

    heard = await collect(other, lambda: limit_buy(watching, "private"), 0)

    assert heard == []
    await other.close()


async def test_a_wrong_secret_gets_no_stream(emulator: Emulator) -> None:
    client = pro_client(emulator, secret="guess")
    client.has["fetchCurrencies"] = False
    await client.load_markets()

    with pytest.raises((KeyError, ccxt.ExchangeError)):
        await asyncio.wait_for(client.watch_orders(PAIR), SOON)
    await client.close()


async def test_a_silent_stream_answers_pings_and_tells_nothing(
    emulator: Emulator, watching: Any
) -> None:
    emulator.streams.silent = True

    assert await collect(watching, lambda: limit_buy(watching, "unheard"), 0) == []
    assert len(emulator.streams.connections) == 1
    assert emulator.streams.sent


async def test_pings_are_answered_until_they_are_not(emulator: Emulator, watching: Any) -> None:
    await during(watching, watching.watch_orders(PAIR), lambda: limit_buy(watching, "pinged"))
    (socket,) = watching.clients.values()
    before = socket.lastPong
    socket.keepAlive = 50
    ping = watching.ping(socket) if watching.id == "bybit" else None

    async def pong_after(answering: bool) -> bool:
        emulator.streams.answering_pings = answering
        socket.lastPong = 1
        await (socket.send(ping) if ping else socket.connection.ping())
        await asyncio.sleep(0.2)
        return bool(socket.lastPong != 1)

    assert await pong_after(True)
    assert not await pong_after(False)
    assert before is None or before > 1


async def test_an_event_may_come_twice(emulator: Emulator, watching: Any) -> None:
    emulator.streams.duplicate(times=1, copies=3)

    heard = await collect(watching, lambda: limit_buy(watching, "echo"), 3)

    assert len(heard) == 3
    assert len(set(heard)) == 1


async def test_events_may_come_in_the_wrong_order(emulator: Emulator, watching: Any) -> None:
    async def act() -> None:
        emulator.streams.hold()
        await market(watching, "turned")
        emulator.streams.release(backwards=True)

    heard = await collect(watching, act, 2)

    assert [status.upper() for status in heard] == ["FILLED", "NEW"]


async def test_an_event_may_get_lost(emulator: Emulator, watching: Any) -> None:
    async def act() -> None:
        await market(watching, "whole")
        emulator.streams.drop(1)
        await limit_buy(watching, "lost")
        await cancel(watching, "lost")

    heard = await collect(watching, act, 3)

    assert [status.upper()[:6] for status in heard] == ["NEW", "FILLED", "CANCEL"]


async def test_a_cut_stream_raises_and_comes_back_without_what_was_missed(
    emulator: Emulator, watching: Any
) -> None:
    with pytest.raises(ccxt.NetworkError):
        await during(watching, watching.watch_orders(PAIR), emulator.streams.disconnect)
    await limit_buy(watching, "missed")

    (order,) = await during(
        watching, watching.watch_orders(PAIR), lambda: limit_buy(watching, "after")
    )

    assert order["clientOrderId"] == "after"


async def test_a_subscription_may_end_while_the_connection_lives(
    emulator: Emulator, watching: Any
) -> None:
    await during(watching, watching.watch_orders(PAIR), lambda: limit_buy(watching, "heard"))

    emulator.expire_streams()

    assert await collect(watching, lambda: limit_buy(watching, "unheard"), 0) == []
    assert len(emulator.streams.connections) == 1


async def test_a_refused_connection_is_a_network_error(emulator: Emulator, watching: Any) -> None:
    emulator.streams.refusing = True

    with pytest.raises((ccxt.NetworkError, ccxt.ExchangeError)):
        await asyncio.wait_for(watching.watch_orders(PAIR), SOON)
