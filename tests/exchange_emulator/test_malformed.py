"""Requests that no client of ours should send are refused as on the venue, and do nothing."""

from __future__ import annotations

from typing import Any

import aiohttp
import ccxt
import pytest

from tests.exchange.clients import sync_client
from tests.exchange.emulator import Emulator
from tests.exchange_emulator.trading import PAIR

BINANCE = {
    "symbol": "BTCUSDT",
    "side": "BUY",
    "type": "LIMIT",
    "timeInForce": "GTC",
    "quantity": "0.01",
    "price": "41000",
}
BYBIT = {
    "category": "spot",
    "symbol": "BTCUSDT",
    "side": "Buy",
    "orderType": "Limit",
    "qty": "0.01",
    "price": "41000",
}


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"symbol": None}, "-1102.*'symbol'"),
        ({"price": None}, "-1102.*'price'"),
        ({"quantity": None}, "-1102.*'quantity'"),
        ({"quantity": "much"}, "-1102.*'quantity'"),
        ({"quantity": "NaN"}, "-1102.*'quantity'"),
        ({"quantity": "-1"}, "-1102.*'quantity'"),
        ({"type": "STOP_LOSS_LIMIT"}, "-1102.*'stopPrice'"),
        ({"type": "GUESS"}, "-1116"),
        ({"side": "HOLD"}, "-1117"),
        ({"timeInForce": "SOON"}, "-1115"),
        ({"recvWindow": 60_001}, "-1131"),
    ],
)
def test_binance_names_what_is_wrong(binance: Emulator, change: dict[str, Any], code: str) -> None:
    client = sync_client(binance)
    body = {name: value for name, value in (BINANCE | change).items() if value is not None}

    with pytest.raises(ccxt.BaseError, match=code):
        client.private_post_order(body)
    assert binance.ledger.orders == []


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"category": "linear"}, "10001"),
        ({"symbol": None}, "10001"),
        ({"qty": "much"}, "10001"),
        ({"qty": "-1"}, "10001"),
        ({"side": "Hold"}, "170117"),
        ({"side": None}, "170117"),
        ({"orderType": "Guess"}, "170116"),
        ({"timeInForce": "Soon"}, "170115"),
        ({"orderFilter": "Coffee"}, "170202"),
        ({"price": None}, "170132"),
    ],
)
def test_bybit_names_what_is_wrong(bybit: Emulator, change: dict[str, Any], code: str) -> None:
    client = sync_client(bybit)
    body = {name: value for name, value in (BYBIT | change).items() if value is not None}

    with pytest.raises(ccxt.BaseError, match=code):
        client.private_post_v5_order_create(body)
    assert bybit.ledger.orders == []


def test_an_order_to_look_up_or_cancel_needs_a_name(client: Any) -> None:
    if client.id == "binance":
        with pytest.raises(ccxt.BadRequest, match="-1102"):
            client.private_get_order({"symbol": "BTCUSDT"})
    else:
        with pytest.raises(ccxt.BadRequest, match="10001"):
            client.private_post_v5_order_cancel({"category": "spot", "symbol": "BTCUSDT"})


def test_a_test_order_is_judged_and_not_placed(binance: Emulator) -> None:
    client = sync_client(binance)
    client.load_markets()

    client.create_order(PAIR, "limit", "buy", 0.01, 41_000, {"test": True})
    with pytest.raises(ccxt.BadRequest, match="NOTIONAL"):
        client.create_order(PAIR, "limit", "buy", 0.0001, 41_000, {"test": True})

    assert binance.ledger.orders == []


def test_a_path_that_is_not_there_is_not_found(emulator: Emulator, client: Any) -> None:
    answer = client.session.get(f"{emulator.url}/api/v9/riches")

    assert answer.status_code == 404


async def said(emulator: Emulator, *messages: dict[str, Any]) -> list[dict[str, Any]]:
    """What the private socket answers to each message."""
    url = emulator.ws_url + emulator.venue.stream_path
    answers = []
    async with aiohttp.ClientSession() as session, session.ws_connect(url) as socket:
        for message in messages:
            await socket.send_json(message)
            answers.append(await socket.receive_json(timeout=5))
    return answers


async def test_binances_socket_answers_by_id(binance: Emulator) -> None:
    answers = await said(
        binance,
        {"id": "1", "method": "ping"},
        {"id": "2", "method": "time"},
        {"id": "3", "method": "userDataStream.unsubscribe"},
        {"id": "4", "method": "order.guess"},
    )

    assert [(one["id"], one["status"]) for one in answers] == [
        ("1", 200),
        ("2", 200),
        ("3", 200),
        ("4", 400),
    ]


async def test_bybits_socket_wants_to_know_who_listens(bybit: Emulator) -> None:
    answers = await said(
        bybit,
        {"op": "subscribe", "req_id": "1", "args": ["order"]},
        {"op": "auth", "args": ["nobody", "1", "x"]},
        {"op": "auth", "args": []},
        {"op": "guess"},
        {"op": "ping", "req_id": "9"},
    )

    assert [one.get("success") for one in answers] == [False, False, False, False, None]
    assert (answers[-1]["op"], answers[-1]["req_id"]) == ("pong", "9")


async def test_there_is_no_socket_at_other_paths(emulator: Emulator) -> None:
    async with aiohttp.ClientSession() as session:
        with pytest.raises(aiohttp.WSServerHandshakeError):
            await session.ws_connect(f"{emulator.ws_url}/v9/private")
