"""Binance's private stream: a signed subscription on the WebSocket API."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tests.exchange import binance_words as words
from tests.exchange.matching import Engine, Happened
from tests.exchange.orders import Fill, Order
from tests.exchange.routes import Refused
from tests.exchange.signing import binance_refused, check_binance_socket
from tests.exchange.streams import Connection, Event

PATH = "/ws-api/v3"
TOPIC = "user"


def wrap(event: Event) -> dict[str, Any]:
    return {"subscriptionId": 0, "event": event.body}


def events(engine: Engine, what: Happened, order: Order, fill: Fill | None) -> Iterator[Event]:
    """What one change of an order says on the stream: the order, then the balances."""
    now, account = engine.clock(), order.wanted.account
    yield Event(account, TOPIC, words.execution_report(what, order, fill, now))
    assets = {order.wanted.words["base"], order.wanted.words["quote"]}
    assets |= {fill.fee_asset} if fill else set()
    owner = engine.accounts.account(account)
    yield Event(account, TOPIC, words.account_position(owner, assets, now))


def answer(engine: Engine, ip: str, connection: Connection, said: dict[str, Any]) -> dict[str, Any]:
    """The reply to one request of the WebSocket API."""
    try:
        result = _result(engine, ip, connection, said)
    except Refused as refused:
        return {"id": said.get("id"), "status": refused.status, "error": refused.body}
    return {"id": said.get("id"), "status": 200, "result": result, "rateLimits": []}


def _result(
    engine: Engine, ip: str, connection: Connection, said: dict[str, Any]
) -> dict[str, Any]:
    method, params = said.get("method"), said.get("params") or {}
    if method == "ping":
        return {}
    if method == "time":
        return {"serverTime": engine.clock()}
    if method == "userDataStream.subscribe.signature":
        key = check_binance_socket(params, engine.accounts, ip, engine.clock())
        connection.account = key.account
        connection.topics = {TOPIC}
        return {"subscriptionId": 0}
    if method == "userDataStream.unsubscribe":
        connection.topics = set()
        return {}
    raise binance_refused(400, -1000, "Unknown method or not emulated.")
