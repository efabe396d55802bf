"""What the product wants from the public side of an exchange. Pure: shapes only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Protocol, TypeAlias, runtime_checkable

from marketdata.timeframes import Timeframe

# Open time in ms since the epoch (UTC), open, high, low, close, volume in the base asset.
CandleRow: TypeAlias = tuple[int, float, float, float, float, float]


@dataclass(frozen=True, slots=True)
class SymbolSpec:
    """A tradable pair as the exchange describes it; the rules are exact decimals."""

    exchange: str
    name: str  # "BTC/USDT"
    base: str
    quote: str
    price_tick: Decimal
    qty_step: Decimal
    min_qty: Decimal
    min_notional: Decimal
    trading: bool
    stops: str = ""  # a marketdata.models.Symbol.Stops


@dataclass(frozen=True, slots=True)
class TickerRow:
    """A quote of one pair. `change_24h` is a fraction, `volume_24h` is in the base asset."""

    symbol: str
    last: float
    bid: float | None
    ask: float | None
    bid_qty: float | None
    ask_qty: float | None
    change_24h: float | None
    volume_24h: float | None
    at_ms: int


@dataclass(frozen=True, slots=True)
class Level:
    """One price of an order book."""

    price: float
    qty: float


@dataclass(frozen=True, slots=True)
class OrderBook:
    """The best levels of both sides, best first."""

    bids: Sequence[Level]
    asks: Sequence[Level]
    at_ms: int


@dataclass(frozen=True, slots=True)
class TradePrint:
    """One public trade; `buy` says that the taker bought. `id` is unique within its symbol."""

    id: str
    price: float
    qty: float
    buy: bool
    at_ms: int


class Exchange(Protocol):
    """Public market data of one exchange.

    Every method raises ExchangeUnavailable when there is no answer that can be understood, and
    SymbolUnknown or ExchangeRefused when the exchange says no. None of them retries.
    """

    @property
    def name(self) -> str:
        """As in the setting EXCHANGES."""
        ...

    @property
    def page_limit(self) -> int:
        """Candles that one call can give."""
        ...

    @property
    def local(self) -> bool:
        """True when asking costs no network, so that it may be asked as often as wanted."""
        ...

    def time_ms(self) -> int:
        """The exchange's clock."""
        ...

    def fetch_symbols(self) -> list[SymbolSpec]:
        """Every spot pair, also those that don't trade now."""
        ...

    def fetch_candles(
        self, symbol: str, timeframe: Timeframe, since_ms: int, limit: int
    ) -> list[CandleRow]:
        """Candles that open in [since_ms, since_ms + limit steps), oldest first.

        The newest may be open still: the caller drops it. Numbers may be rubbish: the caller
        validates. Holes of the exchange are holes here.
        """
        ...

    def fetch_tickers(self, symbols: Sequence[str]) -> list[TickerRow]:
        """The newest quote of each of `symbols`."""
        ...


@runtime_checkable
class PrintSource(Protocol):
    """An exchange that may be asked for its prints and its book, as often as wanted."""

    def fetch_trades(self, symbol: str, since_ms: int, limit: int = 500) -> Sequence[TradePrint]:
        """Public trades at or after `since_ms`, oldest first."""
        ...

    def fetch_order_book(self, symbol: str, depth: int = 20) -> OrderBook:
        """The best `depth` levels of both sides."""
        ...


@runtime_checkable
class RecentTrades(Protocol):
    """An exchange that can be asked what was printed last."""

    def fetch_recent_trades(self, symbol: str) -> list[TradePrint]:
        """As many of the newest public trades as one answer holds, oldest first."""
        ...
