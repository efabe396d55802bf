"""What the feed does for an exchange that streams: quotes as they come, REST where none come.

The stream is fast, REST is the truth: it asks for the quotes of symbols that the stream is silent
about, and for candles that the stream did not tell within a moment of their close.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import structlog

from config import clock
from marketdata import services
from marketdata.exchanges.live_market import STORE, Closed, LiveMarket
from marketdata.exchanges.protocol import CandleRow, Exchange
from marketdata.feed_follower import (
    AGAIN_S,
    Follower,
    OnCandleClosed,
    _Every,
    _Series,
    quote_of,
)
from marketdata.models import Symbol
from marketdata.quotes import Quote
from marketdata.validation import ticker_fault

log = structlog.get_logger(__name__)

STALE_S = 8.0  # without any data of a symbol; both exchanges say something each few seconds
ASK_S = 1.0  # between two rounds of REST for those
MOST_ASKED = 100  # in one round; the others come next
GRACE_MS = 2_500  # after its close a candle may come by stream so long before REST is asked
DEAF_S = 60.0  # a symbol is subscribed anew at most that often


class StreamedFollower(Follower):
    """A follower whose inbox is `live`. `poll_stream` has a thread of its own: it never waits."""

    def __init__(
        self, exchange: Exchange, on_candle_closed: OnCandleClosed, live: LiveMarket
    ) -> None:
        super().__init__(exchange, on_candle_closed)
        self.live = live
        self.faults = 0  # quotes that contradict themselves
        self._ask, self._asked_to = _Every(ASK_S), 0
        self._ahead = 0
        self._deaf: dict[str, float] = {}
        self._renew: list[str] = []

    @property
    def names(self) -> list[str]:
        """The symbols to be streamed."""
        return list(self._symbols)

    def stale(self) -> list[str]:
        """Followed symbols that the stream is silent about."""
        return [name for name in self.live.silent(clock.mono(), STALE_S) if name in self._symbols]

    def take_deaf(self) -> list[str]:
        """Symbols whose stream has to be begun anew, because REST knows what it doesn't tell."""
        taken, self._renew = self._renew, []
        return taken

    # Quotes

    def poll_stream(self) -> list[dict[str, Any]]:
        """The quotes that have come, kept; the messages of those that changed."""
        symbols, quotes = self._symbols, {}
        for row in self.live.take_quotes():
            if row.symbol not in symbols:
                continue
            if ticker_fault(row):
                self.faults += 1
                continue
            quotes[symbols[row.symbol].pk] = quote_of(row)
        return self._tell(symbols, quotes)

    def poll(self) -> list[dict[str, Any]]:
        """By REST: the quotes of symbols that the stream is silent about, and those alone."""
        symbols = self._watched()
        stale = self._some_of(self.stale())
        quotes = {}
        if stale and self._ask.due():
            asked = self._fetch_quotes({name: symbols[name] for name in stale})
            quotes = {pk: quote for pk, quote in asked.items() if self._is_news(pk, quote)}
            self._listen_closer(symbols, quotes)
        messages = self._tell(symbols, quotes)
        self._set_rubbish_aside()
        if self._store.due():
            kept = {symbol.pk for symbol in symbols.values()}
            known = {pk: quote for pk, quote in dict(self._quotes).items() if pk in kept}
            services.store_tickers(quotes=known)
        return messages

    def _some_of(self, names: list[str]) -> list[str]:
        """As many as one round may ask for, the ones after the last round's first."""
        first = self._asked_to % len(names) if names else 0
        turned = names[first:] + names[:first]
        self._asked_to = first + MOST_ASKED if len(names) > MOST_ASKED else 0
        return turned[:MOST_ASKED]

    def _is_news(self, pk: int, quote: Quote) -> bool:
        known = self._quotes.get(pk)
        return known is None or quote.at_ms >= known.at_ms

    def _listen_closer(self, symbols: dict[str, Symbol], quotes: dict[int, Quote]) -> None:
        """A price that moved while the stream said nothing: its subscription is lost."""
        now = clock.mono()
        for name, symbol in symbols.items():
            before, after = self._quotes.get(symbol.pk), quotes.get(symbol.pk)
            if before is None or after is None or before.last == after.last:
                continue
            if now - self._deaf.get(name, float("-inf")) > DEAF_S:
                self._deaf[name] = now
                self._renew.append(name)

    def _set_rubbish_aside(self) -> None:
        letters = [({"message": one.text}, one.reason) for one in self.live.take_rubbish()]
        if letters:
            services.set_aside(kind="stream", source=self.name, letters=letters, now=clock.now())

    def _running_bar(self, symbol: Symbol, quote: Quote) -> CandleRow | None:
        """What the exchange says of the running minute and what quotes have shown, together."""
        told, kept = self.live.running(symbol.name), self._bars.get(symbol.pk)
        if told is None or kept is None or told[0] != kept[0]:
            return max((bar for bar in (told, kept) if bar), default=None, key=lambda bar: bar[0])
        high, low = max(told[2], kept[2]), min(told[3], kept[3])
        return (told[0], told[1], high, low, told[4], told[5])

    # Candles

    def due(self) -> Iterator[Callable[[], None]]:
        """Closed candles of the stream first."""
        if self.live.has_closed():
            yield self._store_closed
        if self.live.counts.ahead > self._ahead:
            self._ahead = self.live.counts.ahead
            self._compare.again_in(1.0)
        yield from super().due()

    def _store_closed(self) -> None:
        for closed in self.live.take_closed(STORE):
            symbol = self._symbols.get(closed.symbol)
            series = self._series.get((symbol.pk, closed.timeframe)) if symbol else None
            if series is None or series.done_ms is None:
                continue  # its history comes first
            behind = (closed.row[0] - series.done_ms) // closed.timeframe.ms
            if behind == 1:
                self._store_one(series, closed)
            elif behind > 1:
                series.try_at = 0.0  # more than this one is missing: all of them are asked for

    def _store_one(self, series: _Series, closed: Closed) -> None:
        # The exchange says that it is closed: its clock has passed that, whatever ours says.
        end_ms = closed.row[0] + closed.timeframe.ms
        result = services.ingest_candles(
            symbol=series.symbol,
            timeframe=closed.timeframe,
            rows=[closed.row],
            now=max(self._now(), clock.from_ms(end_ms)),
            source=self.name,
        )
        if result.bad:
            series.try_at = 0.0
            return
        series.done_ms = closed.row[0]
        if result.inserted:
            self._on_candle_closed(series.symbol.pk, closed.timeframe, closed.row[0])

    def _behind(self, now_ms: int) -> list[_Series]:
        """Without those that the stream is about to tell."""
        stale = set(self.stale())
        return [
            series
            for series in super()._behind(now_ms)
            if series.done_ms is None
            or series.symbol.name in stale
            or now_ms - series.timeframe.floor(now_ms) > GRACE_MS
        ]

    def _peeked(self) -> list[Symbol]:
        stale = set(self.stale())
        return [symbol for symbol in self._symbols.values() if symbol.name in stale][:MOST_ASKED]

    def _compare_clocks(self) -> None:
        super()._compare_clocks()
        self.live.offset_ms = self._offset_ms
        self._compare.next_at = max(self._compare.next_at, clock.mono() + AGAIN_S)
