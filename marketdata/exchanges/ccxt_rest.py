"""Public REST of Binance and Bybit spot through ccxt: its limits, its error tables, our parsers."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from config.refusals import Refusal
from marketdata.errors import ExchangeRefused, ExchangeUnavailable, SymbolUnknown
from marketdata.exchanges.gate import AddressGate
from marketdata.exchanges.protocol import CandleRow, SymbolSpec, TickerRow, TradePrint
from marketdata.exchanges.wire import WIRES, market_id
from marketdata.timeframes import Timeframe

T = TypeVar("T")

# How long to be quiet when an exchange limits us without saying for how long.
LIMITED_S = 10.0
BANNED_S = 120.0


class CcxtExchange:
    """Follows the protocol of `exchanges.protocol` for "binance" and "bybit".

    `base_url` replaces the exchange's own address. One request at a time, paced by ccxt;
    nothing is retried here.
    """

    page_limit = 1000
    local = False

    def __init__(
        self,
        name: str,
        *,
        base_url: str = "",
        timeout_s: float = 10,
        gate: AddressGate | None = None,
    ) -> None:
        import ccxt

        self.name = name
        self._gate = gate
        self._ccxt = ccxt
        self._wire = WIRES[name]
        self._client: Any = getattr(ccxt, name)(
            {
                "enableRateLimit": True,
                "timeout": int(timeout_s * 1000),
                "options": dict(self._wire.options),
            }
        )
        if base_url:
            self._point_at(base_url.rstrip("/"))
        self._lock = threading.Lock()  # a ccxt client is not safe for two threads

    def _point_at(self, base_url: str) -> None:
        suffix = "/api/v3" if self.name == "binance" else ""
        self._client.urls["api"]["public"] = base_url + suffix

    def time_ms(self) -> int:
        return self._ask(self._wire.time_method, {}, self._wire.time_ms)

    def fetch_symbols(self) -> list[SymbolSpec]:
        query = dict(self._wire.symbols_query)
        return self._ask(self._wire.symbols_method, query, self._wire.symbols)

    def fetch_candles(
        self, symbol: str, timeframe: Timeframe, since_ms: int, limit: int
    ) -> list[CandleRow]:
        limit = min(limit, self.page_limit)
        query = self._wire.candles_query(symbol, timeframe, since_ms, limit)
        return self._ask(self._wire.candles_method, query, self._wire.candles)

    def fetch_tickers(self, symbols: Sequence[str]) -> list[TickerRow]:
        names = {market_id(symbol): symbol for symbol in symbols}
        rows: list[TickerRow] = []
        for query in self._wire.tickers_queries(symbols) if symbols else []:
            rows += self._ask(
                self._wire.tickers_method, query, lambda body: self._wire.tickers(body, names)
            )
        return rows

    def fetch_recent_trades(self, symbol: str) -> list[TradePrint]:
        query = self._wire.trades_query(symbol, self._wire.trades_limit)
        return self._ask(self._wire.trades_method, query, self._wire.trades)

    def _ask(self, method: str, query: Mapping[str, Any], understand: Callable[[Any], T]) -> T:
        if self._gate and (closed_s := self._gate.closed_s()):
            text = f"{self.name} wants no request for {closed_s:.0f} s."
            raise ExchangeUnavailable(text, retry_after_s=closed_s)
        try:
            with self._lock:
                body = getattr(self._client, method)(query)
                headers = self._client.last_response_headers
            if self._gate:
                self._gate.answered(headers)
            return understand(body)
        except self._ccxt.BaseError as error:
            raise self._refusal(error) from error
        # ccxt itself stumbles over bodies that are not what its error tables expect.
        except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
            raise ExchangeUnavailable(
                f"{self.name} gave an answer that can't be understood: {str(error)[:120]}"
            ) from error

    def _refusal(self, error: Exception) -> Refusal:
        ccxt, text = self._ccxt, " ".join(str(error).split())[:160]
        if isinstance(error, ccxt.BadSymbol):
            return SymbolUnknown(f"{self.name} does not know the symbol: {text}")
        if isinstance(error, ccxt.DDoSProtection | ccxt.RateLimitExceeded):
            wanted_s = self._retry_after(error)
            if self._gate:
                self._gate.silenced(wanted_s)
            return ExchangeUnavailable(
                f"{self.name} wants fewer requests: {text}", retry_after_s=wanted_s
            )
        if isinstance(error, ccxt.BadRequest | ccxt.AuthenticationError | ccxt.NotSupported):
            return ExchangeRefused(f"{self.name} refused: {text}")
        return ExchangeUnavailable(f"{self.name} is not reachable: {text}")

    def _retry_after(self, error: Exception) -> float:
        said = (self._client.last_response_headers or {}).get("Retry-After", "")
        if said.isdigit():
            return float(said)
        # 418 is a ban, which gets longer with each request.
        return BANNED_S if " 418 " in str(error) else LIMITED_S
