"""Bybit's public spot streams (v5). Pure: subscriptions out, messages in.

https://bybit-exchange.github.io/docs/v5/ws/connect
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from marketdata.exchanges.binance_streams import SHOWN, shown
from marketdata.exchanges.protocol import Level, OrderBook, TradePrint
from marketdata.exchanges.stream_events import (
    Answer,
    Best,
    Book,
    Candle,
    Day,
    Event,
    Lost,
    Pong,
    Prints,
    Rubbish,
    StreamWire,
    Unreadable,
    candle_row,
    maybe,
    moment,
    number,
    positive,
    whole,
)
from marketdata.exchanges.wire import BYBIT_INTERVALS

LEVELS = 20
DEPTH = 50
_TIMEFRAMES = {text: timeframe for timeframe, text in BYBIT_INTERVALS.items()}
_CANDLE = ("start", "open", "high", "low", "close", "volume")


def topics(symbol: str) -> list[str]:
    """The streams of one symbol. The top of the book is repeated every 3 s if nothing changes."""
    name = symbol.replace("/", "")
    klines = [f"kline.{text}.{name}" for text in BYBIT_INTERVALS.values()]
    return [
        f"publicTrade.{name}",
        f"orderbook.1.{name}",
        f"orderbook.{DEPTH}.{name}",
        f"tickers.{name}",
        *klines,
    ]


def request(wanted: Sequence[str], number_: int, on: bool) -> dict[str, Any]:
    """One subscription message, or the opposite."""
    op = "subscribe" if on else "unsubscribe"
    return {"op": op, "args": list(wanted), "req_id": str(number_)}


@dataclass(slots=True)
class Side:
    """One side of a book by price."""

    levels: dict[float, float] = field(default_factory=dict)

    def change(self, rows: Any) -> None:
        """Set each price's quantity; none takes the price out."""
        for price, qty in _pairs(rows):
            if qty:
                self.levels[price] = qty
            else:
                self.levels.pop(price, None)

    def best(self, *, highest: bool) -> list[Level]:
        prices = sorted(self.levels, reverse=highest)[:LEVELS]
        return [Level(price, self.levels[price]) for price in prices]


@dataclass(slots=True)
class KeptBook:
    """A book from its snapshot on. Update ids go up one by one; 1 is always a snapshot."""

    bids: Side
    asks: Side
    update_id: int
    at_ms: int
    changed: bool = True


class BybitReader:
    """Keeps the books; everything else stands for itself."""

    def __init__(self) -> None:
        self.names: dict[str, str] = {}
        self._books: dict[str, KeptBook] = {}
        self._parts: dict[str, Callable[[str, dict[str, Any]], list[Event]]] = {
            "publicTrade": _trades,
            "orderbook": self._orderbook,
            "tickers": _day,
            "kline": _candles,
        }

    def read(self, text: str | bytes) -> list[Event]:
        try:
            message = orjson.loads(text)
            return self._read(message)
        except orjson.JSONDecodeError:
            return [Rubbish("not JSON", shown(text))]
        except Unreadable as error:
            return [Rubbish(str(error), shown(text))]

    def books(self) -> list[Event]:
        found: list[Event] = []
        for symbol, kept in self._books.items():
            if kept.changed:
                kept.changed = False
                bids, asks = kept.bids.best(highest=True), kept.asks.best(highest=False)
                found.append(Book(symbol, OrderBook(bids, asks, kept.at_ms), kept.update_id))
        return found

    def forget(self, symbol: str) -> None:
        self._books.pop(symbol, None)

    def _read(self, message: Any) -> list[Event]:
        if not isinstance(message, dict):
            raise Unreadable("not an object")
        topic = message.get("topic")
        if not isinstance(topic, str):
            return [_untopical(message)]
        kind, _, rest = topic.partition(".")
        symbol, part = self.names.get(rest.rpartition(".")[2]), self._parts.get(kind)
        if part is None:
            raise Unreadable("an unknown topic")
        return part(symbol, message) if symbol else []  # what nobody wants any more

    def _orderbook(self, symbol: str, message: dict[str, Any]) -> list[Event]:
        data, at_ms = message.get("data"), moment(message.get("ts"))
        if not isinstance(data, dict):
            raise Unreadable("a book without levels")
        update_id = whole(data.get("u"))
        if str(message["topic"]).startswith("orderbook.1."):
            return [_best(symbol, data, update_id, at_ms)]
        if message.get("type") == "snapshot" or update_id == 1:
            bids, asks = Side(), Side()
            bids.change(data.get("b"))
            asks.change(data.get("a"))
            self._books[symbol] = KeptBook(bids, asks, update_id, at_ms)
            return []
        return self._change(symbol, data, update_id, at_ms)

    def _change(self, symbol: str, data: dict[str, Any], update_id: int, at_ms: int) -> list[Event]:
        kept = self._books.get(symbol)
        if kept is None or update_id <= kept.update_id:  # before its snapshot, or once more
            return []
        missed = update_id != kept.update_id + 1
        # Quantities are absolute: what comes still is right where it says something.
        kept.bids.change(data.get("b"))
        kept.asks.change(data.get("a"))
        kept.update_id, kept.at_ms, kept.changed = update_id, at_ms, True
        return [Lost(symbol, f"orderbook.{DEPTH}.{data.get('s')}")] if missed else []


def _untopical(message: dict[str, Any]) -> Event:
    """Answers to requests and to pings."""
    op = message.get("op")
    if op in ("ping", "pong") or message.get("ret_msg") == "pong":
        return Pong()
    if "success" in message:
        failed = str(message.get("ret_msg") or "refused")[:SHOWN]
        return Answer(str(message.get("req_id", "")), "" if message["success"] is True else failed)
    raise Unreadable("neither data nor an answer")


def _rows(message: dict[str, Any]) -> list[dict[str, Any]]:
    rows = message.get("data")
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise Unreadable("no list of entries")
    return rows


def _trades(symbol: str, message: dict[str, Any]) -> list[Event]:
    good, bad = [], []
    for row in _rows(message):
        try:
            good.append(_trade(row))
        except Unreadable as error:
            bad.append(Rubbish(str(error), shown(orjson.dumps(row))))
    return [Prints(symbol, good), *bad] if good else [*bad]


def _trade(row: dict[str, Any]) -> TradePrint:
    if row.get("S") not in ("Buy", "Sell"):
        raise Unreadable("a trade without a side")
    trade_id = row.get("i")
    if not isinstance(trade_id, str) or not trade_id:
        raise Unreadable("a trade without an id")
    return TradePrint(
        id=trade_id,
        price=positive(row.get("p")),
        qty=positive(row.get("v")),
        buy=row["S"] == "Buy",
        at_ms=moment(row.get("T")),
    )


def _best(symbol: str, data: dict[str, Any], update_id: int, at_ms: int) -> Event:
    bids, asks = _pairs(data.get("b")), _pairs(data.get("a"))
    bid, bid_qty = bids[0] if bids else (None, None)
    ask, ask_qty = asks[0] if asks else (None, None)
    return Best(symbol, bid, bid_qty, ask, ask_qty, update_id, at_ms)


def _pairs(rows: Any) -> list[tuple[float, float]]:
    if not isinstance(rows, list):
        raise Unreadable("a book without levels")
    try:
        pairs = [(positive(row[0]), number(row[1])) for row in rows]
    except (IndexError, KeyError, TypeError):
        raise Unreadable("a level without price and quantity") from None
    if any(qty < 0 for _, qty in pairs):
        raise Unreadable("a negative quantity")
    return pairs


def _day(symbol: str, message: dict[str, Any]) -> list[Event]:
    data = message.get("data")
    if not isinstance(data, dict):
        raise Unreadable("no ticker")
    day = Day(
        symbol=symbol,
        last=positive(data.get("lastPrice")),
        change=number(data["price24hPcnt"]) if data.get("price24hPcnt") else None,
        volume=maybe(data.get("volume24h")),
        at_ms=moment(message.get("ts")),
    )
    return [day]


def _candles(symbol: str, message: dict[str, Any]) -> list[Event]:
    found: list[Event] = []
    for row in _rows(message):
        try:
            found.append(_candle(symbol, row))
        except Unreadable as error:
            found.append(Rubbish(str(error), shown(orjson.dumps(row))))
    return found


def _candle(symbol: str, row: dict[str, Any]) -> Event:
    timeframe = _TIMEFRAMES.get(str(row.get("interval")))
    if timeframe is None:
        raise Unreadable("an unknown timeframe")
    if not isinstance(row.get("confirm"), bool):
        raise Unreadable("a candle that is neither open nor closed")
    made = candle_row(row, _CANDLE)
    return Candle(symbol, timeframe, made, row["confirm"], moment(row.get("timestamp")))


WIRE = StreamWire(
    path="/v5/public/spot",
    # 10 topics of up to 30 characters; one connection takes 21,000 characters of them.
    symbols_per_connection=70,
    symbols_per_request=1,  # 10 topics in a request are the most that spot takes
    pace_s=0.05,
    counted=False,
    lives_s=23.5 * 3600,
    topics=topics,
    request=request,
    reader=BybitReader,
)
