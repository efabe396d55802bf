"""What the feed does for one exchange. Everything here blocks and runs in the feed's threads."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

import structlog

from config import clock
from marketdata import queries, services, store
from marketdata.errors import ExchangeUnavailable, SymbolUnknown
from marketdata.exchanges.protocol import CandleRow, Exchange, TickerRow
from marketdata.models import Symbol
from marketdata.quotes import Quote, put_quotes
from marketdata.ticks import forming_bar, tick_message
from marketdata.timeframes import Timeframe
from marketdata.validation import ticker_fault

log = structlog.get_logger(__name__)

OnCandleClosed = Callable[[int, Timeframe, int], None]

SHORT = (Timeframe.M1, Timeframe.M5, Timeframe.M15)
LONG = (Timeframe.H1, Timeframe.H4, Timeframe.D1)

SYMBOLS_S = 5.0  # how soon a newly watched symbol is noticed
STORE_TICKERS_S = 5.0
SYNC_S = 86_400.0  # exchanges change precision and halt symbols
SYNC_AGAIN_S = 300.0  # at most that often when a symbol turned out to be unknown
CLOCK_S = 600.0
GAPS_S = 3_600.0
AGAIN_S = 60.0  # after one of these failed
RUNNING_BAR_S = 10.0
RETRY_S = 1.0  # for a candle that is closed by the clock and not there yet
PATIENCE_S = 30.0  # after its close; then it is a gap


@dataclass(slots=True)
class _Series:
    """One symbol and timeframe: the newest candle looked for, and when to look again."""

    symbol: Symbol
    timeframe: Timeframe
    done_ms: int | None = None
    try_at: float = 0.0


@dataclass(slots=True)
class _Every:
    """Lets something happen once per `seconds`, the first time at once."""

    seconds: float
    next_at: float = float("-inf")

    def due(self) -> bool:
        now = clock.mono()
        if now < self.next_at:
            return False
        self.next_at = now + self.seconds
        return True

    def again_in(self, seconds: float) -> None:
        """Not later than that, whatever the usual pause is."""
        self.next_at = min(self.next_at, clock.mono() + seconds)


class Follower:
    """The state of one exchange: its symbols, its clock, what was said last."""

    def __init__(self, exchange: Exchange, on_candle_closed: OnCandleClosed) -> None:
        self.exchange = exchange
        self.name = exchange.name
        self._on_candle_closed = on_candle_closed
        self._symbols: dict[str, Symbol] = {}
        self._refused: set[str] = set()  # until the catalogue is looked at again
        self._look_up, self._store = _Every(SYMBOLS_S), _Every(STORE_TICKERS_S)
        self._sync, self._compare = _Every(SYNC_S), _Every(CLOCK_S)
        self._sweep, self._peek = _Every(GAPS_S), _Every(RUNNING_BAR_S)
        self._offset_ms = 0
        self._quotes: dict[int, Quote] = {}
        self._bars: dict[int, CandleRow] = {}
        self._series: dict[tuple[int, Timeframe], _Series] = {}

    # Quotes

    def poll(self) -> list[dict[str, Any]]:
        """Ask for the newest quotes, keep them, and give the messages of those that changed."""
        symbols = self._watched()
        if not symbols:
            return []
        quotes = self._fetch_quotes(symbols)
        messages = self._tell(symbols, quotes)
        if self._store.due():
            services.store_tickers(quotes=quotes)
        return messages

    def _tell(self, symbols: dict[str, Symbol], quotes: dict[int, Quote]) -> list[dict[str, Any]]:
        """Keep what has changed and give its messages."""
        changed = {pk: quote for pk, quote in quotes.items() if self._quotes.get(pk) != quote}
        self._quotes |= changed
        if changed:
            put_quotes(changed)
        by_id = {symbol.pk: symbol for symbol in symbols.values()}
        return [self._message(by_id[pk], quote) for pk, quote in changed.items() if pk in by_id]

    def _fetch_quotes(self, symbols: dict[str, Symbol]) -> dict[int, Quote]:
        rows = self._fetch_rows([name for name in symbols if name not in self._refused])
        faults = {row.symbol: fault for row in rows if (fault := ticker_fault(row))}
        if faults:
            services.set_aside(
                kind="ticker",
                source=self.name,
                letters=[({"symbol": name}, fault) for name, fault in faults.items()],
                now=clock.now(),
            )
        return {symbols[row.symbol].pk: quote_of(row) for row in rows if row.symbol not in faults}

    def _fetch_rows(self, names: list[str]) -> list[TickerRow]:
        """Quotes of all that the exchange knows; who it doesn't know spoils it for nobody else."""
        if not names:
            return []
        try:
            return services.ask(
                exchange=self.exchange,
                call=lambda: self.exchange.fetch_tickers(names),
                now=clock.now(),
                attempts=1,  # the next poll is the next attempt
            )
        except SymbolUnknown as error:
            if len(names) > 1:
                return [row for name in names for row in self._fetch_rows([name])]
            log.warning("feed.symbol_unknown", exchange=self.name, error=error.detail)
            self._refused.add(names[0])
            self._sync.again_in(SYNC_AGAIN_S)
            return []

    def _message(self, symbol: Symbol, quote: Quote) -> dict[str, Any]:
        bar = forming_bar(self._running_bar(symbol, quote), quote.last, quote.at_ms)
        self._bars[symbol.pk] = bar
        return tick_message(symbol.pk, symbol.exchange, symbol.name, quote, bar)

    def _running_bar(self, symbol: Symbol, quote: Quote) -> CandleRow | None:
        if not self.exchange.local:
            return self._bars.get(symbol.pk)
        open_ms = Timeframe.M1.floor(quote.at_ms)
        running = self.exchange.fetch_candles(symbol.name, Timeframe.M1, open_ms, 1)
        return running[-1] if running else None

    def _watched(self) -> dict[str, Symbol]:
        if self._look_up.due():
            rows = queries.followed_symbols(self.name, clock.now())
            self._symbols = {symbol.name: symbol for symbol in rows}
        return self._symbols

    # Candles

    def due(self) -> Iterator[Callable[[], None]]:
        """What should be done now, piece by piece, the most urgent first."""
        if self._sync.due():
            yield self._sync_symbols
        if not self.exchange.local and self._compare.due():
            yield self._compare_clocks
        now = self._now()
        for series in self._behind(clock.to_ms(now)):
            yield partial(self._catch_up, series)
        if not self.exchange.local and self._peek.due():
            yield self._fetch_running_bars
        if self._sweep.due():
            yield self._fill_gaps

    def _now(self) -> datetime:
        """The exchange's clock: it closes the candles."""
        return clock.from_ms(clock.now_ms() + self._offset_ms)

    def _sync_symbols(self) -> None:
        self._sync.again_in(AGAIN_S)
        services.sync_symbols(exchange=self.exchange, now=clock.now())
        self._sync.next_at = clock.mono() + SYNC_S
        self._look_up.again_in(0)
        self._refused.clear()

    def _compare_clocks(self) -> None:
        self._compare.again_in(AGAIN_S)
        before = clock.now_ms()
        theirs = services.ask(exchange=self.exchange, call=self.exchange.time_ms, now=clock.now())
        self._offset_ms = theirs - (before + clock.now_ms()) // 2
        self._compare.next_at = clock.mono() + CLOCK_S

    def _behind(self, now_ms: int) -> list[_Series]:
        """Series whose newest closed candle isn't stored yet, the most urgent first.

        The short timeframes of all symbols, which bots wait for, then symbol by symbol the rest.
        """
        symbols = list(self._symbols.values())
        keys = [(symbol, timeframe) for timeframe in SHORT for symbol in symbols]
        keys += [(symbol, timeframe) for symbol in symbols for timeframe in LONG]
        found = []
        for symbol, timeframe in keys:
            fresh = _Series(symbol, timeframe)
            series = self._series.setdefault((symbol.pk, timeframe), fresh)
            late = series.done_ms is None or series.done_ms < timeframe.last_closed_open(now_ms)
            if late and clock.mono() >= series.try_at:
                found.append(series)
        return found

    def _catch_up(self, series: _Series) -> None:
        now = self._now()
        # Whatever goes wrong with this one: the others come first then.
        series.try_at = clock.mono() + AGAIN_S
        try:
            result = services.catch_up(
                symbol=series.symbol, timeframe=series.timeframe, exchange=self.exchange, now=now
            )
        except ExchangeUnavailable:
            series.try_at = 0.0  # all of them wait until the exchange is back
            raise
        series.try_at = clock.mono() + RETRY_S
        inserted = result.inserted if result else 0
        newest = self._settle(series, clock.to_ms(now), inserted)
        if inserted and newest is not None:
            self._on_candle_closed(series.symbol.pk, series.timeframe, newest)

    def _settle(self, series: _Series, now_ms: int, inserted: int) -> int | None:
        """Done when the newest closed candle is there, or when it won't come any more."""
        newest = store.latest_open_ms(series.symbol.pk, series.timeframe)
        wanted = series.timeframe.last_closed_open(now_ms)
        overdue = now_ms - (wanted + series.timeframe.ms) > PATIENCE_S * 1000
        if (overdue and not inserted) or (newest is not None and newest >= wanted):
            series.done_ms = wanted
        return newest

    def _fetch_running_bars(self) -> None:
        """What was traded in the running minute before and beside the quotes that we saw."""
        open_ms = Timeframe.M1.floor(clock.to_ms(self._now()))
        for symbol in self._peeked():
            rows = services.ask(
                exchange=self.exchange,
                call=partial(self.exchange.fetch_candles, symbol.name, Timeframe.M1, open_ms, 1),
                now=clock.now(),
                attempts=1,
            )
            if rows and rows[-1][0] == open_ms:
                self._bars[symbol.pk] = rows[-1]

    def _peeked(self) -> list[Symbol]:
        return list(self._symbols.values())

    def _fill_gaps(self) -> None:
        services.fill_gaps(exchange=self.exchange, now=self._now())


def quote_of(row: TickerRow) -> Quote:
    """The quote that an exchange's row tells."""
    return Quote(
        last=row.last,
        bid=row.bid,
        ask=row.ask,
        bid_qty=row.bid_qty,
        ask_qty=row.ask_qty,
        at_ms=row.at_ms,
        change_24h=row.change_24h,
        volume_24h=row.volume_24h,
    )
