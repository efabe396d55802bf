"""An inbox between an exchange's streams and the feed's threads, which take out what they need.

Quotes and books: the newest wins. Prints wait up to a bound; what overflows is counted. Everything
may be called from any thread.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Any

from marketdata.exchanges.protocol import CandleRow, OrderBook, TickerRow, TradePrint
from marketdata.exchanges.stream_events import (
    Best,
    Book,
    Candle,
    Day,
    Event,
    Prints,
    Rubbish,
)
from marketdata.exchanges.trade_sequence import TradeSequence
from marketdata.timeframes import Timeframe

MOST_PRINTS = 5_000  # of one symbol that wait; a second of the wildest one is a tenth of that
STORE, FEATURES = "store", "features"
MOST_CLOSED = 10_000  # that wait; catching up finds what falls out
MOST_RUBBISH = 20  # that wait; the rest is counted only
AHEAD_MS = 10_000  # no event is so far in the future, by the exchange's own clock
LAGS = 512


@dataclass(slots=True)
class Follow:
    """What is known of one symbol; `heard` is when anything of it came, on the monotonic clock."""

    sequence: TradeSequence
    heard: float | None = None
    data_ms: int = 0  # the newest event's time
    quote: TickerRow | None = None
    last_ms: int = 0  # of the last price
    best_id: int = 0
    book_id: int = 0
    book: OrderBook | None = None
    prints: deque[TradePrint] = field(default_factory=deque)
    running: CandleRow | None = None


@dataclass(slots=True)
class Counts:
    """Since this feed began to work."""

    messages: int = 0
    overflowed: int = 0
    not_understood: int = 0
    ahead: int = 0  # events from the future
    old: int = 0  # books and quotes that came after newer ones


@dataclass(frozen=True, slots=True)
class Closed:
    """A candle that won't change any more."""

    symbol: str
    timeframe: Timeframe
    row: CandleRow


class LiveMarket:
    """What the streams of one exchange told. `counted`: its trade ids go up one by one."""

    def __init__(self, *, counted: bool) -> None:
        self.counts = Counts()
        self.changed: asyncio.Event | None = None  # set in the loop that puts, for who waits there
        self.offset_ms = 0  # the exchange's clock minus ours
        self._counted = counted
        self._lock = threading.Lock()
        self._follows: dict[str, Follow] = {}
        self._quotes: set[str] = set()
        self._books: set[str] = set()
        self._printed: set[str] = set()
        # For the store, and for the features: each takes them out in a thread of its own.
        self._closed: dict[str, deque[Closed]] = {
            name: deque(maxlen=MOST_CLOSED) for name in (STORE, FEATURES)
        }
        self._rubbish: list[Rubbish] = []
        self._lags: deque[int] = deque(maxlen=LAGS)
        self._overflowed: dict[str, int] = {}
        self._doors: dict[type, Callable[[Follow, Any, int], None]] = {
            Prints: self._put_prints,
            Best: self._put_best,
            Day: self._put_day,
            Book: self._put_book,
            Candle: self._put_candle,
        }

    # From the streams

    def follow(self, symbols: Iterable[str]) -> None:
        """Remember these and nobody else."""
        wanted = set(symbols)
        with self._lock:
            for gone in self._follows.keys() - wanted:
                del self._follows[gone]
            for new in wanted - self._follows.keys():
                self._follows[new] = Follow(TradeSequence(self._counted))
            for waiting in (self._quotes, self._books, self._printed):
                waiting &= wanted

    def put(self, events: Iterable[Event], *, now_ms: int, mono: float) -> None:
        """Take in what one message said."""
        with self._lock:
            self.counts.messages += 1
            for event in events:
                self._put(event, now_ms + self.offset_ms, mono)
        if self._quotes and self.changed is not None:
            self.changed.set()

    def _put(self, event: Event, now_ms: int, mono: float) -> None:
        if isinstance(event, Rubbish):
            self.counts.not_understood += 1
            if len(self._rubbish) < MOST_RUBBISH:
                self._rubbish.append(event)
            return
        follow = self._follows.get(getattr(event, "symbol", ""))
        if follow is None:
            return
        at_ms = _time_of(event) or now_ms
        if at_ms > now_ms + AHEAD_MS:
            self.counts.ahead += 1
            return
        follow.heard, follow.data_ms = mono, max(follow.data_ms, at_ms)
        if isinstance(event, Prints):
            self._lags.append(now_ms - at_ms)
        if put := self._doors.get(type(event)):
            put(follow, event, at_ms)

    def _put_prints(self, follow: Follow, event: Prints, at_ms: int) -> None:
        for trade in event.trades:
            if not follow.sequence.take(trade.id):
                continue
            self._wait_for(event.symbol, follow, trade)
            if trade.at_ms >= follow.last_ms:
                follow.last_ms = trade.at_ms
                self._price(event.symbol, follow, trade.price, trade.at_ms)

    def _wait_for(self, symbol: str, follow: Follow, trade: TradePrint) -> None:
        if len(follow.prints) == MOST_PRINTS:
            follow.prints.popleft()
            self.counts.overflowed += 1
            self._overflowed[symbol] = self._overflowed.get(symbol, 0) + 1
        follow.prints.append(trade)
        self._printed.add(symbol)

    def _price(self, symbol: str, follow: Follow, last: float, at_ms: int) -> None:
        quote = follow.quote or TickerRow(symbol, last, None, None, None, None, None, None, at_ms)
        follow.quote = replace(quote, last=last, at_ms=max(quote.at_ms, at_ms))
        self._quotes.add(symbol)

    def _put_best(self, follow: Follow, event: Best, at_ms: int) -> None:
        if event.update_id < follow.best_id and event.update_id != 1:  # 1: their counter began anew
            self.counts.old += 1
            return
        follow.best_id = event.update_id
        if follow.quote is None:  # without a last price it is no quote yet
            return
        follow.quote = replace(
            follow.quote,
            bid=event.bid,
            bid_qty=event.bid_qty,
            ask=event.ask,
            ask_qty=event.ask_qty,
            at_ms=max(follow.quote.at_ms, at_ms),
        )
        self._quotes.add(event.symbol)

    def _put_day(self, follow: Follow, event: Day, at_ms: int) -> None:
        if event.last_id is not None:
            follow.sequence.expect(event.last_id)
        # Between two of these trades tell more than this does.
        known = follow.quote is not None and follow.last_ms > event.at_ms
        last = follow.quote.last if known and follow.quote else event.last
        self._price(event.symbol, follow, last, event.at_ms)
        if follow.quote is not None:
            follow.quote = replace(follow.quote, change_24h=event.change, volume_24h=event.volume)

    def _put_book(self, follow: Follow, event: Book, at_ms: int) -> None:
        if event.update_id < follow.book_id and event.update_id != 1:
            self.counts.old += 1
            return
        follow.book_id = event.update_id
        follow.book = replace(event.book, at_ms=at_ms)
        self._books.add(event.symbol)

    def _put_candle(self, follow: Follow, event: Candle, at_ms: int) -> None:
        if event.closed:
            closed = Closed(event.symbol, event.timeframe, event.row)
            for waiting in self._closed.values():
                waiting.append(closed)
        elif event.timeframe is Timeframe.M1:
            follow.running = event.row

    def begin_again(self, symbols: Iterable[str]) -> None:
        """A new connection: its books count from anywhere, and prints are known as before."""
        with self._lock:
            for symbol in symbols:
                if follow := self._follows.get(symbol):
                    follow.best_id = follow.book_id = 0

    # To the feed

    def take_quotes(self) -> list[TickerRow]:
        """The newest quote of each symbol that has one since the last call."""
        with self._lock:
            changed, self._quotes = self._quotes, set()
            if self.changed is not None:
                self.changed.clear()
            quotes = (self._follows[symbol].quote for symbol in changed)
            return [quote for quote in quotes if quote is not None]

    def take_prints(self) -> dict[str, list[TradePrint]]:
        """Prints since the last call, in the order of their arrival."""
        with self._lock:
            taken = {symbol: list(self._follows[symbol].prints) for symbol in self._printed}
            for symbol in self._printed:
                self._follows[symbol].prints.clear()
            self._printed = set()
            return taken

    def take_books(self) -> dict[str, OrderBook]:
        """The newest book of each symbol that has one since the last call."""
        with self._lock:
            changed, self._books = self._books, set()
            books = {symbol: self._follows[symbol].book for symbol in changed}
            return {symbol: book for symbol, book in books.items() if book is not None}

    def take_closed(self, reader: str) -> list[Closed]:
        """Candles that closed since the last call of this reader: STORE or FEATURES."""
        with self._lock:
            taken = list(self._closed[reader])
            self._closed[reader].clear()
            return taken

    def has_closed(self) -> bool:
        """Whether candles wait to be stored."""
        return bool(self._closed[STORE])

    def take_rubbish(self) -> list[Rubbish]:
        """What could not be read since the last call, the first of it."""
        with self._lock:
            taken, self._rubbish = self._rubbish, []
            return taken

    def running(self, symbol: str) -> CandleRow | None:
        """The running minute as the exchange told it last."""
        follow = self._follows.get(symbol)
        return follow.running if follow else None

    def silent(self, mono: float, longer_than_s: float) -> list[str]:
        """Symbols of which nothing has come for so long, or ever."""
        with self._lock:
            return sorted(
                symbol
                for symbol, follow in self._follows.items()
                if follow.heard is None or mono - follow.heard > longer_than_s
            )

    def sequences(self) -> dict[str, TradeSequence]:
        """Of each symbol: what came and what is missing. Only to be read."""
        with self._lock:
            return {symbol: follow.sequence for symbol, follow in self._follows.items()}

    def refill(self, symbol: str, trades: Iterable[TradePrint]) -> int:
        """Prints that were asked for, because a stream lost them; how many were new."""
        with self._lock:
            follow = self._follows.get(symbol)
            if follow is None:
                return 0
            new = [trade for trade in trades if follow.sequence.take(trade.id)]
            for trade in new:
                self._wait_for(symbol, follow, trade)
            return len(new)

    def give_up(self, symbol: str) -> int:
        """The holes of a symbol won't be filled; how many trades they were."""
        with self._lock:
            follow = self._follows.get(symbol)
            return follow.sequence.give_up() if follow else 0

    def take_overflowed(self) -> dict[str, int]:
        """Prints that nobody took in time, by symbol, since the last call."""
        with self._lock:
            taken, self._overflowed = self._overflowed, {}
            return taken

    def totals(self) -> tuple[int, int, int]:
        """Symbols, prints that are missing, and duplicates that were dropped."""
        with self._lock:
            sequences = [follow.sequence for follow in self._follows.values()]
            missing = sum(one.missing for one in sequences)
            return len(sequences), missing, sum(one.duplicates for one in sequences)

    def heard_ms(self) -> int | None:
        """The newest event's time, by our clock."""
        with self._lock:
            newest = max((follow.data_ms for follow in self._follows.values()), default=0)
        return newest - self.offset_ms if newest else None

    def take_lag_ms(self) -> float | None:
        """Median time from a print to us since the last call."""
        with self._lock:
            lags = sorted(self._lags)
            self._lags.clear()
        return float(lags[len(lags) // 2]) if lags else None


def _time_of(event: Event) -> int:
    if isinstance(event, Prints):
        return max((trade.at_ms for trade in event.trades), default=0)
    if isinstance(event, Book):
        return event.book.at_ms
    return int(getattr(event, "at_ms", 0))
