"""Features of an exchange that streams: prints are pushed, and only new symbols are asked for.

`take` runs in a thread that never waits for the exchange; `make` asks, in another one.
"""

from __future__ import annotations

from collections import deque
from functools import partial

import structlog

from config import clock
from marketdata import services
from marketdata.errors import ExchangeRefused, SymbolUnknown
from marketdata.exchanges.live_market import FEATURES, LiveMarket
from marketdata.exchanges.protocol import CandleRow, Exchange, RecentTrades, TradePrint
from marketdata.features import FRAMES, KEPT_BARS, SymbolFeatures
from marketdata.models import Symbol
from marketdata.print_follower import PrintFollower
from marketdata.timeframes import Timeframe

log = structlog.get_logger(__name__)

MOST_HELD = 5_000  # prints of a symbol whose features are being made
WARM_SYMBOLS = 20  # so many begin with the prints before them; more would cost too many requests


class StreamedPrints(PrintFollower):
    """Follows `live`."""

    def __init__(self, exchange: Exchange, live: LiveMarket, *, look_up_s: float = 5.0) -> None:
        super().__init__(exchange, look_up_s=look_up_s)
        self.live = live
        self.corrected = 0  # bars that were not what the exchange says of them
        self._ready: deque[tuple[int, SymbolFeatures]] = deque()
        self._again: set[str] = set()
        self._unknown: set[int] = set()
        self._held: dict[int, deque[TradePrint]] = {}
        self._warmed = 0

    def take(self) -> bool:
        """Everything that has come since the last call, and to the bus with it."""
        now = clock.mono()
        if now >= self._look_up_at:
            self._look_up_at = now + self._look_up_s
            self._look_up()
            followed = {symbol.pk for symbol in self._symbols.values()}
            for gone in self._held.keys() - followed:
                del self._held[gone]
        self._adopt()
        for name, trades in self.live.take_prints().items():
            if symbol := self._symbols.get(name):
                self._take_or_hold(symbol, trades)
        for name, book in self.live.take_books().items():
            if symbol := self._symbols.get(name):
                self.take_book(symbol.pk, book)
        self._correct()
        return self.send(clock.now_ms())

    def begin_again(self, name: str) -> None:
        """This symbol's prints are not whole: its bars begin with the exchange's candles again."""
        self._again.add(name)

    def wanting(self) -> list[Symbol]:
        """Symbols that have no features yet, or not whole ones."""
        known, again = self._features, self._again
        return [
            symbol
            for symbol in list(self._symbols.values())
            if (symbol.pk not in known or symbol.name in again) and symbol.pk not in self._unknown
        ]

    def make(self, symbol: Symbol) -> None:
        """Ask for what a symbol begins with; `take` adopts it. Raises ExchangeUnavailable."""
        again = symbol.name in self._again
        self._again.discard(symbol.name)  # before: what is lost meanwhile asks for it once more
        try:
            self._make(symbol)
        except (ExchangeRefused, SymbolUnknown) as error:
            log.warning("features.refused", exchange=self.name, error=error.detail)
            self._unknown.add(symbol.pk)
        except Exception:
            if again:
                self._again.add(symbol.name)
            raise

    def _make(self, symbol: Symbol) -> None:
        features = SymbolFeatures(self.name, symbol.name)
        from_ms = clock.now_ms() + self.live.offset_ms
        rows = {frame: self._candles(symbol, frame, from_ms) for frame in FRAMES}
        features.seed({frame: _closed(rows[frame], frame, from_ms) for frame in FRAMES})
        running = {frame: row for frame in FRAMES if (row := _running(rows[frame], frame, from_ms))}
        features.resume(running, from_ms)
        self._warm(symbol, features)
        self._ready.append((symbol.pk, features))

    def _candles(self, symbol: Symbol, frame: Timeframe, now_ms: int) -> list[CandleRow]:
        since_ms = frame.floor(now_ms) - KEPT_BARS * frame.ms
        return services.ask(
            exchange=self.exchange,
            call=partial(self.exchange.fetch_candles, symbol.name, frame, since_ms, KEPT_BARS + 1),
            now=clock.now(),
            attempts=1,
        )

    def _warm(self, symbol: Symbol, features: SymbolFeatures) -> None:
        """What was printed last, so that a feed that begins anew knows how prices moved."""
        if self._warmed >= WARM_SYMBOLS or not isinstance(self.exchange, RecentTrades):
            return
        self._warmed += 1
        source = self.exchange
        trades = services.ask(
            exchange=self.exchange,
            call=lambda: source.fetch_recent_trades(symbol.name),
            now=clock.now(),
            attempts=1,
        )
        for trade in trades:
            features.add(trade)

    def _adopt(self) -> None:
        while self._ready:
            symbol_id, features = self._ready.popleft()
            self._features[symbol_id] = features
            self._unsent_bars.add(symbol_id)
            self.take_trades(symbol_id, self._held.pop(symbol_id, ()))

    def _take_or_hold(self, symbol: Symbol, trades: list[TradePrint]) -> None:
        self.take_trades(symbol.pk, trades)
        if symbol.pk not in self._features or symbol.name in self._again:
            held = self._held.setdefault(symbol.pk, deque(maxlen=MOST_HELD))
            held.extend(trades)

    def _correct(self) -> None:
        """Bars that are over are the exchange's candles: prints may have been lost on the way."""
        for closed in self.live.take_closed(FEATURES):
            symbol = self._symbols.get(closed.symbol)
            features = self._features.get(symbol.pk) if symbol else None
            if symbol and features and closed.timeframe in FRAMES:
                if features.correct(closed.timeframe, closed.row):
                    self.corrected += 1
                self._unsent_bars.add(symbol.pk)


def _closed(rows: list[CandleRow], frame: Timeframe, now_ms: int) -> list[CandleRow]:
    return [row for row in rows if row[0] + frame.ms <= now_ms][-KEPT_BARS:]


def _running(rows: list[CandleRow], frame: Timeframe, now_ms: int) -> CandleRow | None:
    return rows[-1] if rows and rows[-1][0] == frame.floor(now_ms) else None
