"""Bybit v5's private stream: `auth`, then topics `order`, `execution` and `wallet`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tests.exchange import bybit_words as words
from tests.exchange.matching import Engine, Happened
from tests.exchange.orders import Fill, Order
from tests.exchange.signing import check_bybit_socket
from tests.exchange.streams import Connection, Event

PATH = "/v5/private"


def wrap(event: Event) -> dict[str, Any]:
    return event.body


def events(engine: Engine, what: Happened, order: Order, fill: Fill | None) -> Iterator[Event]:
    """What one change of an order says on the stream: order, execution, wallet."""
    account = order.wanted.account
    yield _event(engine, account, "order", words.order_row(order))
    if fill is not None:
        yield _event(engine, account, "execution", words.execution_row(fill, order))
    yield _event(engine, account, "wallet", words.wallet(engine.accounts.account(account)))


def _event(engine: Engine, account: str, topic: str, row: dict[str, Any]) -> Event:
    now = engine.clock()
    body = {"id": f"{account}-{topic}-{now}", "topic": topic, "creationTime": now, "data": [row]}
    return Event(account, topic, body)


def answer(
    engine: Engine, ip: str, connection: Connection, said: dict[str, Any], pongs: bool
) -> dict[str, Any] | None:
    """The reply to one message, or None for silence."""
    op = str(said.get("op", ""))
    if op == "ping":
        pong = {"req_id": said.get("req_id", ""), "op": "pong", "args": [str(engine.clock())]}
        return pong | {"conn_id": "emulator"} if pongs else None
    if op == "auth":
        key = check_bybit_socket(list(said.get("args") or []), engine.accounts, ip, engine.clock())
        connection.account = key.account if key else ""
        return _said(said, bool(key), "" if key else "Params Error")
    if op == "subscribe" and not connection.account:
        return _said(said, False, "Request not authorized")
    if op == "subscribe":
        connection.topics |= {str(topic) for topic in said["args"]}
        return _said(said, True, "")
    if op == "unsubscribe":
        connection.topics -= {str(topic) for topic in said["args"]}
        return _said(said, True, "")
    return _said(said, False, "error:invalid op")


def _said(said: dict[str, Any], success: bool, text: str) -> dict[str, Any]:
    reply = {"success": success, "ret_msg": text, "op": said.get("op"), "conn_id": "emulator"}
    return reply | {"req_id": said.get("req_id", "")}
