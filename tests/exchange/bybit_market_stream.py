"""Bybit v5's public spot streams: what is said on them, and how one asks for them."""

from __future__ import annotations

from typing import Any

from tests.exchange.binance_market_stream import Ladder, Said
from tests.exchange.bybit import STEPS
from tests.exchange.market import Kline, Pair, Print
from tests.exchange.streams import Connection

PATH = "/v5/public/spot"
MOST_STREAMS = 10_000
MOST_MESSAGES = 500
MOST_ARGS = 10
INTERVALS = {name: minutes * 60_000 for name, minutes in STEPS.items()}


def _said(topic: str, data: Any, now: int, kind: str = "snapshot") -> Said:
    return topic, {"topic": topic, "ts": now, "type": kind, "data": data}


def trade(pair: Pair, one: Print, now: int) -> Said:
    entry = {
        "T": one.at_ms,
        "s": pair.id,
        "S": "Buy" if one.buy else "Sell",
        "v": f"{one.qty:.5f}",
        "p": f"{one.price:.2f}",
        "i": f"22900000000{one.id:08d}",
        "BT": False,
    }
    return _said(f"publicTrade.{pair.id}", [entry], now)


def best(pair: Pair, update_id: int, now: int) -> list[Said]:
    data = {
        "s": pair.id,
        "b": [[pair.bid, pair.bid_size]],
        "a": [[pair.ask, pair.ask_size]],
        "u": update_id,
        "seq": update_id,
    }
    return [_said(f"orderbook.1.{pair.id}", data, now)]


def book(pair: Pair, ladder: Ladder, update_id: int, now: int, *, whole: bool) -> list[Said]:
    """A snapshot, or the levels that changed; a quantity of 0 takes one out."""
    bids, asks = ladder
    data = {"s": pair.id, "b": bids, "a": asks, "u": update_id, "seq": update_id}
    return [_said(f"orderbook.50.{pair.id}", data, now, "snapshot" if whole else "delta")]


def day(pair: Pair, now: int) -> Said:
    data = {
        "symbol": pair.id,
        "lastPrice": pair.last,
        "volume24h": "21234.5",
        "price24hPcnt": "-0.0125",
        "usdIndexPrice": "",
    }
    return _said(f"tickers.{pair.id}", data, now)


def kline(pair: Pair, interval: str, row: Kline, now: int, *, closed: bool) -> Said:
    at, open_, high, low, close, volume = row
    entry = {
        "start": int(at),
        "end": int(at) + INTERVALS[interval] - 1,
        "interval": interval,
        "open": open_,
        "close": close,
        "high": high,
        "low": low,
        "volume": volume,
        "turnover": "0",
        "confirm": closed,
        "timestamp": now,
    }
    return _said(f"kline.{interval}.{pair.id}", [entry], now)


def answer(
    connection: Connection, said: dict[str, Any], refused: set[str], known: set[str]
) -> dict[str, Any] | None:
    """The reply to a request: all of it or nothing."""
    args = [str(one) for one in said.get("args") or []]
    if said.get("op") == "ping":
        return _reply(said, True, "pong")
    wrong = [one for one in args if one.rpartition(".")[2] not in known - refused]
    if len(args) > MOST_ARGS:
        return _reply(said, False, f"args size >{MOST_ARGS}")
    if wrong:
        return _reply(said, False, f"Invalid symbol :[{wrong[0]}]")
    if said.get("op") == "subscribe":
        connection.topics |= set(args)
    elif said.get("op") == "unsubscribe":
        connection.topics -= set(args)
    else:
        return _reply(said, False, "error:invalid op")
    return _reply(said, True, str(said["op"]))


def _reply(said: dict[str, Any], success: bool, text: str) -> dict[str, Any]:
    reply = {"success": success, "ret_msg": text, "conn_id": "emulator"}
    return reply | {"req_id": said.get("req_id", ""), "op": said.get("op")}


def farewell(now: int) -> dict[str, Any] | None:
    return None
