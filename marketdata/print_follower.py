"""Keeps the features of one exchange's symbols, and puts them on the bus.

`take_trades` and `take_book` are the door for a stream; `poll` walks through it for an exchange
that may be asked at no cost. Everything here runs in one thread of the feed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import structlog
from django.conf import settings
from django.db import DatabaseError, connection

from config import clock
from marketdata import live_features, queries, services
from marketdata.errors import SymbolUnknown
from marketdata.exchanges.protocol import (
    CandleRow,
    Exchange,
    OrderBook,
    PrintSource,
    TradePrint,
)
from marketdata.features import FRAMES, KEPT_BARS, LiveState, SymbolFeatures
from marketdata.models import Symbol
from marketdata.timeframes import Timeframe

log = structlog.get_logger(__name__)

LOOK_UP_S = 5.0  # how soon a newly watched symbol is noticed
SENT_BARS = 120  # of each length, for agents and the debug page
PAGE = 5_000
LONGEST_HOLE_MS = 60_000  # after more than that of not asking, the bars begin anew


class PrintFollower:
    """What one exchange's prints amount to, symbol by symbol."""

    def __init__(self, exchange: Exchange, *, look_up_s: float = LOOK_UP_S) -> None:
        self.exchange = exchange
        self.name = exchange.name
        self._symbols: dict[str, Symbol] = {}
        self._features: dict[int, SymbolFeatures] = {}
        self._asked_ms: dict[int, int] = {}
        self._unsent_bars: set[int] = set()
        self._look_up_s, self._look_up_at = look_up_s, float("-inf")

    def take_trades(self, symbol_id: int, trades: Sequence[TradePrint]) -> int:
        """Prints of a symbol that is followed, as they come; how many were new."""
        features = self._features.get(symbol_id)
        return sum(features.add(trade) for trade in trades) if features else 0

    def take_book(self, symbol_id: int, book: OrderBook) -> bool:
        """The newest book of a symbol, with as many levels as there are."""
        features = self._features.get(symbol_id)
        return features.book(book) if features else False

    def follow(self) -> list[Symbol]:
        """The symbols that are watched now; new ones begin with the exchange's own candles."""
        if clock.mono() >= self._look_up_at:
            self._look_up_at = clock.mono() + self._look_up_s
            self._look_up()
        for symbol in self._symbols.values():
            if symbol.pk not in self._features:
                self._begin(symbol)
        return [one for one in self._symbols.values() if one.pk in self._features]

    def _look_up(self) -> None:
        """While the database is away the symbols are those that were known."""
        try:
            rows = {row.name: row for row in queries.followed_symbols(self.name, clock.now())}
        except DatabaseError as error:
            log.warning("features.database_away", error=str(error))
            connection.close()
            return
        for gone in set(self._features) - {row.pk for row in rows.values()}:
            del self._features[gone]
        self._symbols = rows

    def poll(self, source: PrintSource) -> None:
        """Ask for what was printed since the last time, and send what follows from it."""
        for symbol in self.follow():
            since_ms = self._asked_ms[symbol.pk]
            if clock.now_ms() - since_ms > LONGEST_HOLE_MS + Timeframe.M15.ms:
                self._begin(symbol)
            self._read_trades(symbol, source)
            self.take_book(symbol.pk, source.fetch_order_book(symbol.name))
        self.send(clock.now_ms())

    def send(self, now_ms: int) -> bool:
        """Everything to the bus; False while it is away. Bars go out when one has closed."""
        for symbol_id, features in self._features.items():
            if features.roll(now_ms):
                self._unsent_bars.add(symbol_id)
        states = {pk: self._state(features, now_ms) for pk, features in self._features.items()}
        bars = {
            pk: self._features[pk].rows(SENT_BARS)
            for pk in self._unsent_bars
            if pk in self._features
        }
        sent = live_features.put_states(states, bars)
        if sent:
            self._unsent_bars.clear()
        return sent

    def _state(self, features: SymbolFeatures, now_ms: int) -> LiveState:
        state = features.state(now_ms)
        return state if settings.ENV.feature_bars else replace(state, frames={})

    def _begin(self, symbol: Symbol) -> None:
        """Bars from candles that are closed; the trades after them are asked for next."""
        try:
            candles = {frame: self._closed_candles(symbol, frame) for frame in FRAMES}
        except SymbolUnknown as error:
            log.warning("features.symbol_unknown", exchange=self.name, error=error.detail)
            return
        features = SymbolFeatures(self.name, symbol.name)
        features.seed(candles)
        self._features[symbol.pk] = features
        self._asked_ms[symbol.pk] = FRAMES[-1].floor(clock.now_ms())
        self._unsent_bars.add(symbol.pk)

    def _closed_candles(self, symbol: Symbol, frame: Timeframe) -> list[CandleRow]:
        now_ms = clock.now_ms()
        since_ms = frame.floor(now_ms) - KEPT_BARS * frame.ms
        rows = services.ask(
            exchange=self.exchange,
            call=partial(self.exchange.fetch_candles, symbol.name, frame, since_ms, KEPT_BARS),
            now=clock.now(),
            attempts=1,
        )
        return [row for row in rows if row[0] + frame.ms <= now_ms]

    def _read_trades(self, symbol: Symbol, source: PrintSource) -> None:
        """Page by page; what lies on the edge of two pages comes twice and counts once."""
        while True:
            since_ms = self._asked_ms[symbol.pk]
            trades = source.fetch_trades(symbol.name, since_ms, PAGE)
            self.take_trades(symbol.pk, trades)
            if trades:
                self._asked_ms[symbol.pk] = trades[-1].at_ms
            if len(trades) < PAGE or trades[-1].at_ms == since_ms:
                return
