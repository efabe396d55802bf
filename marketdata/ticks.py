"""What a quote makes of the running minute, and the forms in which both travel. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Self

import orjson

from config import clock
from config.rendering import instant
from marketdata.exchanges.protocol import CandleRow
from marketdata.quotes import Quote
from marketdata.timeframes import Timeframe

# A row of a `ticks` frame; the bar is [time in s, open, high, low, close, volume] or null.
FIELDS = ("symbol", "at_ms", "price", "bid", "ask", "change_24h", "volume_24h", "bar")


@dataclass(frozen=True, slots=True)
class Tick:
    """The newest word about a symbol, written once for all who get it: by name and as a row."""

    symbol_id: int
    at_ms: int
    named: str
    row: str

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> Self:
        """From the data of a tick message."""
        row = _row(data)
        return cls(data["symbol_id"], data["at_ms"], _json(dict(data)), _json(row))


def pack(ticks: Iterable[Tick]) -> bytes:
    """Ticks as they cross the bus; `unpack` takes them out again."""
    return orjson.dumps([(one.symbol_id, one.at_ms, one.named, one.row) for one in ticks])


def unpack(payload: bytes) -> list[Tick]:
    """The ticks of a payload; ValueError or TypeError for what is none."""
    return [Tick(*fields) for fields in orjson.loads(payload)]


def named_frames(ticks: Iterable[Tick]) -> list[str]:
    """One `tick` frame each, with names: for a socket of one symbol."""
    return [f'{{"event":"tick","data":{one.named}}}' for one in ticks]


def row_frames(ticks: Iterable[Tick]) -> list[str]:
    """One `ticks` frame for all, as rows of `FIELDS`: for a socket of many symbols."""
    rows = ",".join(one.row for one in ticks)
    return [f'{{"event":"ticks","data":[{rows}]}}']


def forming_bar(bar: CandleRow | None, price: float, at_ms: int) -> CandleRow:
    """The running one-minute candle after a print of `price` at `at_ms`.

    Its volume is what the exchange said last: quotes don't tell how much was traded.
    """
    open_ms = Timeframe.M1.floor(at_ms)
    if bar is None or bar[0] < open_ms:
        return (open_ms, price, price, price, price, 0.0)
    if bar[0] > open_ms:  # a late quote of the minute before
        return bar
    _, open_, high, low, _, volume = bar
    return (open_ms, open_, max(high, price), min(low, price), price, volume)


def tick_message(
    symbol_id: int, exchange: str, name: str, quote: Quote, bar: CandleRow
) -> dict[str, Any]:
    """What the feed says of one changed quote; `data` is what a `tick` frame shows."""
    return {
        "type": "tick.message",
        "data": {
            "symbol": name,
            "exchange": exchange,
            "symbol_id": symbol_id,
            "price": quote.last,
            "bid": quote.bid,
            "ask": quote.ask,
            "change_24h": quote.change_24h,
            "volume_24h": quote.volume_24h,
            "ts": instant(clock.from_ms(quote.at_ms)),
            "at_ms": quote.at_ms,
            "bar": {
                "time": bar[0] // 1000,
                "open": bar[1],
                "high": bar[2],
                "low": bar[3],
                "close": bar[4],
                "volume": bar[5],
            },
        },
    }


def _row(data: Mapping[str, Any]) -> list[Any]:
    bar = data.get("bar")
    figures = [data.get(name) for name in FIELDS[1:-1]]
    return [f"{data['exchange']}:{data['symbol']}", *figures, list(bar.values()) if bar else None]


def _json(value: Any) -> str:
    return orjson.dumps(value).decode()
