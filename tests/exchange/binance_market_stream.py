"""Binance's public spot streams, combined: what is said on them, and how one asks for them."""

from __future__ import annotations

from typing import Any

from tests.exchange.binance import STEPS
from tests.exchange.market import Kline, Pair, Print
from tests.exchange.streams import Connection

PATH = "/stream"
MOST_STREAMS = 1024
MOST_MESSAGES = 5  # a second
INTERVALS = {name: minutes * 60_000 for name, minutes in STEPS.items()}

Ladder = tuple[list[list[str]], list[list[str]]]
Said = tuple[str, dict[str, Any]]


def _said(stream: str, data: dict[str, Any]) -> Said:
    return stream, {"stream": stream, "data": data}


def trade(pair: Pair, one: Print, now: int) -> Said:
    data = {
        "e": "trade",
        "E": now,
        "s": pair.id,
        "t": one.id,
        "p": f"{one.price:.2f}",
        "q": f"{one.qty:.5f}",
        "T": one.at_ms,
        "m": not one.buy,
        "M": True,
    }
    return _said(f"{pair.id.lower()}@trade", data)


def best(pair: Pair, update_id: int, now: int) -> list[Said]:
    data = {
        "u": update_id,
        "s": pair.id,
        "b": pair.bid,
        "B": pair.bid_size,
        "a": pair.ask,
        "A": pair.ask_size,
    }
    return [_said(f"{pair.id.lower()}@bookTicker", data)]


def book(pair: Pair, ladder: Ladder, update_id: int, now: int, *, whole: bool) -> list[Said]:
    """Only whole ones, once a second."""
    if not whole:
        return []
    data = {"lastUpdateId": update_id, "bids": ladder[0], "asks": ladder[1]}
    return [_said(f"{pair.id.lower()}@depth20", data)]


def day(pair: Pair, now: int) -> Said:
    data = {
        "e": "24hrTicker",
        "E": now,
        "s": pair.id,
        "P": "-1.250",
        "c": pair.last,
        "b": pair.bid,
        "B": pair.bid_size,
        "a": pair.ask,
        "A": pair.ask_size,
        "v": "21234.50000",
        "L": pair.last_id or -1,
    }
    return _said(f"{pair.id.lower()}@ticker", data)


def kline(pair: Pair, interval: str, row: Kline, now: int, *, closed: bool) -> Said:
    at, open_, high, low, close, volume = row
    entry = {
        "t": int(at),
        "T": int(at) + INTERVALS[interval] - 1,
        "s": pair.id,
        "i": interval,
        "o": open_,
        "c": close,
        "h": high,
        "l": low,
        "v": volume,
        "n": 1,
        "x": closed,
    }
    data = {"e": "kline", "E": now, "s": pair.id, "k": entry}
    return _said(f"{pair.id.lower()}@kline_{interval}", data)


def answer(
    connection: Connection, said: dict[str, Any], refused: set[str], known: set[str]
) -> dict[str, Any] | None:
    """The reply to a request. An unknown symbol is subscribed and never heard of, as there."""
    params = [str(one) for one in said.get("params") or []]
    if any(one.partition("@")[0].upper() in refused for one in params):
        error = {"code": 2, "msg": "Invalid request: unknown stream"}
        return {"error": error, "id": said.get("id")}
    if said.get("method") == "SUBSCRIBE":
        connection.topics |= set(params)
    elif said.get("method") == "UNSUBSCRIBE":
        connection.topics -= set(params)
    else:
        return {"error": {"code": 2, "msg": "Invalid request"}, "id": said.get("id")}
    return {"result": None, "id": said.get("id")}


def farewell(now: int) -> dict[str, Any]:
    return {"e": "serverShutdown", "E": now}
