"""Rows that tests of market data begin with; each call says only what its test is about."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from math import sin

from marketdata.exchanges.protocol import CandleRow, SymbolSpec, TickerRow
from marketdata.models import Symbol
from marketdata.quotes import Quote
from marketdata.timeframes import Timeframe

# A Wednesday, 12:00:30 UTC: every timeframe but the minute is in the middle of a candle.
NOW = datetime(2025, 6, 18, 12, 0, 30, tzinfo=UTC)
NOW_MS = int(NOW.timestamp() * 1000)
MINUTE = 60_000


def make_symbol(
    name: str = "BTC/USDT",
    *,
    exchange: str = "simulated",
    watched: bool = False,
    status: str = Symbol.Status.TRADING,
) -> Symbol:
    base, quote = name.split("/")
    return Symbol.objects.create(
        exchange=exchange,
        name=name,
        base=base,
        quote=quote,
        price_tick=Decimal("0.01"),
        qty_step=Decimal("0.00001"),
        min_qty=Decimal("0.00001"),
        min_notional=Decimal(5),
        watched=watched,
        status=status,
        updated_at=NOW,
    )


def make_spec(
    name: str = "BTC/USDT",
    *,
    price_tick: str = "0.01",
    qty_step: str = "0.00001",
    trading: bool = True,
) -> SymbolSpec:
    base, quote = name.split("/")
    return SymbolSpec(
        exchange="fake",
        name=name,
        base=base,
        quote=quote,
        price_tick=Decimal(price_tick),
        qty_step=Decimal(qty_step),
        min_qty=Decimal("0.00001"),
        min_notional=Decimal(5),
        trading=trading,
    )


def make_candle(open_ms: int, close: float = 100.0) -> CandleRow:
    return (open_ms, close - 1, close + 2, close - 2, close, 5.0)


def make_candles(
    count: int, *, timeframe: Timeframe = Timeframe.M1, end_ms: int = NOW_MS
) -> list[CandleRow]:
    """The newest `count` candles that are closed at `end_ms`, in a gentle wave."""
    last = timeframe.last_closed_open(end_ms)
    first = last - (count - 1) * timeframe.ms
    times = range(first, last + 1, timeframe.ms)
    return [make_candle(at, 100 + round(10 * sin(at / MINUTE / 9), 2)) for at in times]


def make_ticker(symbol: str = "BTC/USDT", last: float = 100.0, at_ms: int = NOW_MS) -> TickerRow:
    return TickerRow(symbol, last, last - 0.5, last + 0.5, 1.0, 2.0, 0.01, 500.0, at_ms)


def make_quote(last: float = 100.0, at_ms: int = NOW_MS) -> Quote:
    return Quote(last, last - 0.5, last + 0.5, 1.0, 2.0, at_ms, 0.01, 500.0)


class FakeExchange:
    """An exchange whose answers a test hands over; it counts the questions."""

    name = "fake"
    local = False

    def __init__(
        self,
        candles: Sequence[CandleRow] = (),
        *,
        specs: Sequence[SymbolSpec] = (),
        tickers: Sequence[TickerRow] = (),
        page_limit: int = 100,
        now_ms: int = NOW_MS,
    ) -> None:
        self.candles = list(candles)
        self.specs = list(specs)
        self.tickers = list(tickers)
        self.page_limit = page_limit
        self.now_ms = now_ms
        self.asked: list[int] = []
        self.errors: list[Exception] = []

    def time_ms(self) -> int:
        return self.now_ms

    def fetch_symbols(self) -> list[SymbolSpec]:
        self._fail()
        return self.specs

    def fetch_candles(
        self, symbol: str, timeframe: Timeframe, since_ms: int, limit: int
    ) -> list[CandleRow]:
        self.asked.append(since_ms)
        self._fail()
        end = since_ms + min(limit, self.page_limit) * timeframe.ms
        grid = (row for row in self.candles if row[0] % timeframe.ms == 0)
        return [row for row in grid if since_ms <= row[0] < end]

    def fetch_tickers(self, symbols: Sequence[str]) -> list[TickerRow]:
        self._fail()
        return [row for row in self.tickers if row.symbol in symbols]

    def _fail(self) -> None:
        if self.errors:
            raise self.errors.pop(0)
