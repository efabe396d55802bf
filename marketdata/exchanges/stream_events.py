"""What exchanges' streams say, in our words. Pure: shapes and the reading of single numbers.

Times are the exchange's, in ms since the epoch; 0 where it gives none.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import inf
from typing import Any, Protocol, TypeAlias

from marketdata.exchanges.protocol import CandleRow, OrderBook, TradePrint
from marketdata.timeframes import Timeframe


@dataclass(frozen=True, slots=True)
class Prints:
    """Public trades in the order in which they were sent."""

    symbol: str
    trades: Sequence[TradePrint]


@dataclass(frozen=True, slots=True)
class Best:
    """The top of the book; a side that nobody is on is None."""

    symbol: str
    bid: float | None
    bid_qty: float | None
    ask: float | None
    ask_qty: float | None
    update_id: int
    at_ms: int


@dataclass(frozen=True, slots=True)
class Day:
    """The last 24 hours; `change` is a fraction, `volume` in the base asset.

    `last_id` is the number of the newest trade, where trades are numbered.
    """

    symbol: str
    last: float
    change: float | None
    volume: float | None
    at_ms: int
    last_id: int | None = None


@dataclass(frozen=True, slots=True)
class Book:
    """The best levels of both sides."""

    symbol: str
    book: OrderBook
    update_id: int


@dataclass(frozen=True, slots=True)
class Candle:
    """The newest state of one candle; `closed` says that it won't change any more."""

    symbol: str
    timeframe: Timeframe
    row: CandleRow
    closed: bool
    at_ms: int


@dataclass(frozen=True, slots=True)
class Lost:
    """Parts of a book were lost on the way: it has to be subscribed anew."""

    symbol: str
    topic: str


@dataclass(frozen=True, slots=True)
class Answer:
    """To the request with that id; `error` is empty when it was accepted."""

    id: str
    error: str


@dataclass(frozen=True, slots=True)
class Pong:
    """Somebody is there; that says nothing about data."""


@dataclass(frozen=True, slots=True)
class Farewell:
    """The exchange is about to close this connection."""


@dataclass(frozen=True, slots=True)
class Rubbish:
    """A message, or an entry of one, that can't be read; the first of it, and why."""

    reason: str
    text: str


Event: TypeAlias = Prints | Best | Day | Book | Candle | Lost | Answer | Pong | Farewell | Rubbish


class StreamReader(Protocol):
    """Understands the messages of one connection, from its opening on. Nothing here raises."""

    names: dict[str, str]  # "BTCUSDT" -> "BTC/USDT": what is listened to on this connection

    def read(self, text: str | bytes) -> list[Event]:
        """What one message says."""
        ...

    def books(self) -> list[Event]:
        """Books that have changed since the last call, where they come piece by piece."""
        ...

    def forget(self, symbol: str) -> None:
        """Drop what is remembered of a symbol: it begins anew."""
        ...


@dataclass(frozen=True, slots=True)
class StreamWire:
    """How one exchange's public streams are asked for.

    `request(topics, id, on)` subscribes or unsubscribes; a request names at most
    `symbols_per_request` symbols and follows the one before it after `pace_s`.
    """

    path: str
    symbols_per_connection: int
    symbols_per_request: int
    pace_s: float
    counted: bool  # the trades of a symbol are numbered one by one
    lives_s: float  # a connection is replaced before the exchange ends it
    topics: Callable[[str], list[str]]
    request: Callable[[Sequence[str], int, bool], dict[str, Any]]
    reader: Callable[[], StreamReader]


class Unreadable(ValueError):
    """An entry that makes no sense; the text says why."""


def number(value: Any) -> float:
    """A finite number, from the text that exchanges send; raises Unreadable."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise Unreadable("not a number")
    try:
        found = float(value)
    except ValueError:
        raise Unreadable("not a number") from None
    if not -inf < found < inf:
        raise Unreadable("not a finite number")
    return found


def positive(value: Any) -> float:
    """A price or a quantity; raises Unreadable."""
    found = number(value)
    if found <= 0:
        raise Unreadable("not above zero")
    return found


def maybe(value: Any) -> float | None:
    """A price or quantity that may be absent: both exchanges send "" or zero then."""
    return None if value in (None, "") else (number(value) or None)


def moment(value: Any) -> int:
    """A time in ms; raises Unreadable."""
    if isinstance(value, bool) or not isinstance(value, int) or not 0 < value < 10**14:
        raise Unreadable("not a time in milliseconds")
    return value


def whole(value: Any) -> int:
    """A sequence number; raises Unreadable."""
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise Unreadable("not a whole number")
    return value


def candle_row(entry: Mapping[str, Any], keys: str | Sequence[str]) -> CandleRow:
    """Open time, prices and volume under these six keys; raises Unreadable."""
    at, open_, high, low, close, volume = (entry.get(key) for key in keys)
    prices = tuple(positive(price) for price in (open_, high, low, close))
    row = (moment(at), *prices, number(volume))
    if not row[3] <= min(row[1], row[4]) <= max(row[1], row[4]) <= row[2] or row[5] < 0:
        raise Unreadable("a candle that contradicts itself")
    return row  # type: ignore[return-value]
