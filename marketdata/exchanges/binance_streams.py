"""Binance's public spot streams, combined on one connection. Pure: subscriptions out, messages in.

https://developers.binance.com/docs/binance-spot-api-docs/web-socket-streams
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import orjson

from marketdata.exchanges.protocol import Level, OrderBook, TradePrint
from marketdata.exchanges.stream_events import (
    Answer,
    Best,
    Book,
    Candle,
    Day,
    Event,
    Farewell,
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
from marketdata.timeframes import Timeframe

SHOWN = 300  # characters of what can't be read
LEVELS = 20


def topics(symbol: str) -> list[str]:
    """The streams of one symbol. The whole book comes once a second, its top at each change."""
    name = symbol.replace("/", "").lower()
    klines = [f"{name}@kline_{timeframe}" for timeframe in Timeframe]
    return [
        f"{name}@trade",
        f"{name}@bookTicker",
        f"{name}@depth{LEVELS}",
        f"{name}@ticker",
        *klines,
    ]


def request(wanted: Sequence[str], number_: int, on: bool) -> dict[str, Any]:
    """One subscription message, or the opposite."""
    method = "SUBSCRIBE" if on else "UNSUBSCRIBE"
    return {"method": method, "params": list(wanted), "id": number_}


class BinanceReader:
    """Every message stands for itself: nothing is remembered but the names."""

    def __init__(self) -> None:
        self.names: dict[str, str] = {}
        self._parts: dict[str, Callable[[str, dict[str, Any]], Event]] = {
            "trade": _trade,
            "bookTicker": _best,
            f"depth{LEVELS}": _book,
            "ticker": _day,
        } | {f"kline_{timeframe}": _candle for timeframe in Timeframe}

    def read(self, text: str | bytes) -> list[Event]:
        try:
            message = orjson.loads(text)
            return self._read(message)
        except orjson.JSONDecodeError:
            return [Rubbish("not JSON", shown(text))]
        except Unreadable as error:
            return [Rubbish(str(error), shown(text))]

    def books(self) -> list[Event]:
        return []

    def forget(self, symbol: str) -> None:
        return None

    def _read(self, message: Any) -> list[Event]:
        if not isinstance(message, dict):
            raise Unreadable("not an object")
        stream, data = message.get("stream"), message.get("data")
        if not isinstance(stream, str) or not isinstance(data, dict):
            return [_unstreamed(message)]
        if data.get("e") == "serverShutdown":
            return [Farewell()]
        market_id, _, kind = stream.partition("@")
        symbol, part = self.names.get(market_id.upper()), self._parts.get(kind)
        if part is None:
            raise Unreadable("an unknown stream")
        if data.get("s", market_id.upper()) != market_id.upper():
            raise Unreadable("another symbol than the stream's")
        return [part(symbol, data)] if symbol else []  # what nobody wants any more


def shown(text: str | bytes) -> str:
    """The first of a message, as text that can be stored."""
    first = text[:SHOWN]
    plain = first.decode("utf-8", "replace") if isinstance(first, bytes) else first
    return plain.replace("\x00", "?").encode("utf-8", "replace").decode()


def _unstreamed(message: dict[str, Any]) -> Event:
    """Answers to requests, and what is said to everybody."""
    if message.get("e") == "serverShutdown":
        return Farewell()
    if "error" in message or "code" in message:
        error = message.get("error", message)
        said = error.get("msg") if isinstance(error, dict) else error
        return Answer(str(message.get("id", "")), str(said)[:SHOWN] or "refused")
    if "result" in message:
        return Answer(str(message.get("id", "")), "")
    raise Unreadable("neither data nor an answer")


def _trade(symbol: str, data: dict[str, Any]) -> Event:
    # The taker sold when the buyer was the maker.
    bought = data.get("m")
    if not isinstance(bought, bool):
        raise Unreadable("a trade without a side")
    trade = TradePrint(
        id=str(whole(data.get("t"))),
        price=positive(data.get("p")),
        qty=positive(data.get("q")),
        buy=not bought,
        at_ms=moment(data.get("T")),
    )
    return Prints(symbol, (trade,))


def _best(symbol: str, data: dict[str, Any]) -> Event:
    bid, bid_qty, ask, ask_qty = (maybe(data.get(key)) for key in "bBaA")
    return Best(symbol, bid, bid_qty, ask, ask_qty, whole(data.get("u")), 0)


def _book(symbol: str, data: dict[str, Any]) -> Event:
    bids, asks = levels(data.get("bids")), levels(data.get("asks"))
    return Book(symbol, OrderBook(bids, asks, 0), whole(data.get("lastUpdateId")))


def levels(rows: Any) -> list[Level]:
    """Price and quantity of each row; raises Unreadable."""
    if not isinstance(rows, list):
        raise Unreadable("a book without levels")
    try:
        return [Level(positive(row[0]), positive(row[1])) for row in rows]
    except (IndexError, KeyError, TypeError):
        raise Unreadable("a level without price and quantity") from None


def _day(symbol: str, data: dict[str, Any]) -> Event:
    return Day(
        symbol=symbol,
        last=positive(data.get("c")),
        change=number(data.get("P")) / 100,
        volume=number(data.get("v")),
        at_ms=moment(data.get("E")),
        last_id=whole(data["L"]) if data.get("L") not in (None, -1) else None,  # -1: no trade
    )


def _candle(symbol: str, data: dict[str, Any]) -> Event:
    entry = data.get("k")
    if not isinstance(entry, dict) or not isinstance(entry.get("x"), bool):
        raise Unreadable("a candle that is neither open nor closed")
    try:
        timeframe = Timeframe(str(entry.get("i")))
    except ValueError:
        raise Unreadable("an unknown timeframe") from None
    row = candle_row(entry, "tohlcv")
    return Candle(symbol, timeframe, row, entry["x"], moment(data.get("E")))


WIRE = StreamWire(
    path="/stream",  # combined; ccxt and some proxies take any other path for a futures stream
    # 10 streams a symbol of 1,024 that one connection may have.
    symbols_per_connection=90,
    symbols_per_request=18,
    # Five messages a second are the limit, pongs counted; people were cut off at four.
    pace_s=0.5,
    counted=True,
    lives_s=23.5 * 3600,  # of 24 hours
    topics=topics,
    request=request,
    reader=BinanceReader,
)
