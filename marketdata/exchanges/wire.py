"""The wire formats of Binance and Bybit spot market data. Pure: queries out, bodies in.

ccxt's own parsers make an empty page of `null` and rows of an HTML page, so the bodies are read
here. A body of the wrong shape raises ValueError; a wrong entry becomes a row that validation
refuses (time -1, NaN), so that it ends as a dead letter and not as a hole nobody knows of.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from math import nan
from typing import Any

import orjson

from marketdata.exchanges.protocol import CandleRow, SymbolSpec, TickerRow, TradePrint
from marketdata.timeframes import Timeframe

_NAN = Decimal("NaN")


@dataclass(frozen=True, slots=True)
class Wire:
    """How one exchange is asked (ccxt's method names and their parameters) and understood."""

    options: Mapping[str, Any]
    time_method: str
    symbols_method: str
    candles_method: str
    tickers_method: str
    trades_method: str
    trades_limit: int  # that one answer can hold
    symbols_query: Mapping[str, Any]
    candles_query: Callable[[str, Timeframe, int, int], dict[str, Any]]
    tickers_queries: Callable[[Sequence[str]], list[dict[str, Any]]]
    trades_query: Callable[[str, int], dict[str, Any]]
    time_ms: Callable[[Any], int]
    symbols: Callable[[Any], list[SymbolSpec]]
    candles: Callable[[Any], list[CandleRow]]
    tickers: Callable[[Any, Mapping[str, str]], list[TickerRow]]
    trades: Callable[[Any], list[TradePrint]]


def market_id(name: str) -> str:
    """ "BTC/USDT" as both exchanges spell it on their spot markets."""
    return name.replace("/", "")


def _number(value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        return nan


def _optional(value: Any) -> float | None:
    """A price or quantity that may be absent: both send "" or zero for an empty book."""
    return None if value in (None, "") else _number(value) or None


def _decimal(value: Any) -> Decimal:
    try:
        return Decimal(str(value))
    except InvalidOperation:
        return _NAN


def _whole(value: Any) -> int:
    try:
        return int(value)
    except (TypeError, ValueError):
        return -1


def _dict(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ValueError(f"an object was expected, not {str(value)[:40]!r}")
    return value


def _list(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise ValueError(f"a list was expected, not {str(value)[:40]!r}")
    return value


def _candle(entry: Any) -> CandleRow:
    cells = entry if isinstance(entry, list) and len(entry) >= 6 else [None] * 6
    open_, high, low, close, volume = (_number(cell) for cell in cells[1:6])
    return (_whole(cells[0]), open_, high, low, close, volume)


def _binance_candles_query(
    symbol: str, timeframe: Timeframe, since_ms: int, limit: int
) -> dict[str, Any]:
    return {
        "symbol": market_id(symbol),
        "interval": str(timeframe),
        "startTime": since_ms,
        # Without an end Binance goes on behind a hole, and the hole would look shorter.
        "endTime": since_ms + limit * timeframe.ms - 1,
        "limit": limit,
    }


def _binance_tickers_queries(symbols: Sequence[str]) -> list[dict[str, Any]]:
    ids = [market_id(symbol) for symbol in symbols]
    # Up to 20 weigh 2 of the 6,000 a minute, one more makes it 40.
    parts = (ids[first : first + 20] for first in range(0, len(ids), 20))
    return [{"symbols": orjson.dumps(part).decode()} for part in parts]


def _binance_time(body: Any) -> int:
    return int(_dict(body)["serverTime"])


def _binance_symbols(body: Any) -> list[SymbolSpec]:
    return [_binance_symbol(entry) for entry in map(_dict, _list(_dict(body)["symbols"]))]


def _binance_symbol(entry: Mapping[str, Any]) -> SymbolSpec:
    filters: dict[str, Any] = {}
    for rule in entry.get("filters", []):
        filters |= {f"{rule.get('filterType')}.{key}": value for key, value in rule.items()}
    base, quote = str(entry.get("baseAsset", "")), str(entry.get("quoteAsset", ""))
    minimum = filters.get("NOTIONAL.minNotional", filters.get("MIN_NOTIONAL.minNotional", 0))
    return SymbolSpec(
        exchange="binance",
        name=f"{base}/{quote}",
        base=base,
        quote=quote,
        price_tick=_decimal(filters.get("PRICE_FILTER.tickSize")),
        qty_step=_decimal(filters.get("LOT_SIZE.stepSize")),
        min_qty=_decimal(filters.get("LOT_SIZE.minQty")),
        min_notional=_decimal(minimum),
        trading=entry.get("status") == "TRADING" and entry.get("isSpotTradingAllowed", True),
        stops=_binance_stops(entry.get("orderTypes")),
    )


def _binance_stops(types: Any) -> str:
    """What its stop orders become when they are triggered; "" where it doesn't say."""
    if not isinstance(types, list):
        return ""
    if "STOP_LOSS" in types:
        return "MARKET"
    return "LIMIT" if "STOP_LOSS_LIMIT" in types else "NONE"


def _binance_candles(body: Any) -> list[CandleRow]:
    return [_candle(entry) for entry in _list(body)]


def _binance_tickers(body: Any, names: Mapping[str, str]) -> list[TickerRow]:
    return [
        TickerRow(
            symbol=names[entry["symbol"]],
            last=_number(entry.get("lastPrice")),
            bid=_optional(entry.get("bidPrice")),
            ask=_optional(entry.get("askPrice")),
            bid_qty=_optional(entry.get("bidQty")),
            ask_qty=_optional(entry.get("askQty")),
            change_24h=_number(entry.get("priceChangePercent")) / 100,
            volume_24h=_number(entry.get("volume")),
            at_ms=_whole(entry.get("closeTime")),
        )
        for entry in _known(_list(body), names)
    ]


def _binance_trades_query(symbol: str, limit: int) -> dict[str, Any]:
    return {"symbol": market_id(symbol), "limit": limit}


def _binance_trades(body: Any) -> list[TradePrint]:
    return [
        TradePrint(
            id=str(entry["id"]),
            price=_number(entry.get("price")),
            qty=_number(entry.get("qty")),
            buy=not entry["isBuyerMaker"],
            at_ms=_whole(entry.get("time")),
        )
        for entry in map(_dict, _list(body))
    ]


def _known(entries: Iterable[Any], names: Mapping[str, str]) -> list[dict[str, Any]]:
    return [entry for entry in map(_dict, entries) if entry.get("symbol") in names]


BYBIT_INTERVALS = {
    Timeframe.M1: "1",
    Timeframe.M5: "5",
    Timeframe.M15: "15",
    Timeframe.H1: "60",
    Timeframe.H4: "240",
    Timeframe.D1: "D",
}


def _bybit_candles_query(
    symbol: str, timeframe: Timeframe, since_ms: int, limit: int
) -> dict[str, Any]:
    return {
        "category": "spot",
        "symbol": market_id(symbol),
        "interval": BYBIT_INTERVALS[timeframe],
        "start": since_ms,
        "end": since_ms + limit * timeframe.ms - 1,
        "limit": limit,
    }


def _bybit_tickers_queries(symbols: Sequence[str]) -> list[dict[str, Any]]:
    # One or all: a few single answers are smaller than the whole market.
    if len(symbols) > 3:
        return [{"category": "spot"}]
    return [{"category": "spot", "symbol": market_id(symbol)} for symbol in symbols]


def _bybit_result(body: Any) -> list[Any]:
    return _list(_dict(_dict(body)["result"])["list"])


def _bybit_time(body: Any) -> int:
    return int(_dict(body)["time"])


def _bybit_symbols(body: Any) -> list[SymbolSpec]:
    return [_bybit_symbol(entry) for entry in map(_dict, _bybit_result(body))]


def _bybit_symbol(entry: Mapping[str, Any]) -> SymbolSpec:
    lot = _dict(entry.get("lotSizeFilter", {}))
    base, quote = str(entry.get("baseCoin", "")), str(entry.get("quoteCoin", ""))
    return SymbolSpec(
        exchange="bybit",
        name=f"{base}/{quote}",
        base=base,
        quote=quote,
        price_tick=_decimal(_dict(entry.get("priceFilter", {})).get("tickSize")),
        qty_step=_decimal(lot.get("basePrecision")),
        min_qty=_decimal(lot.get("minOrderQty")),
        min_notional=_decimal(lot.get("minOrderAmt", 0)),
        trading=entry.get("status") == "Trading",
        stops="MARKET",  # of every spot pair; its catalogue doesn't say
    )


def _bybit_candles(body: Any) -> list[CandleRow]:
    # Newest first on the wire.
    return [_candle(entry) for entry in reversed(_bybit_result(body))]


def _bybit_tickers(body: Any, names: Mapping[str, str]) -> list[TickerRow]:
    at_ms = _bybit_time(body)
    return [
        TickerRow(
            symbol=names[entry["symbol"]],
            last=_number(entry.get("lastPrice")),
            bid=_optional(entry.get("bid1Price")),
            ask=_optional(entry.get("ask1Price")),
            bid_qty=_optional(entry.get("bid1Size")),
            ask_qty=_optional(entry.get("ask1Size")),
            change_24h=_number(entry.get("price24hPcnt")),
            volume_24h=_number(entry.get("volume24h")),
            at_ms=at_ms,
        )
        for entry in _known(_bybit_result(body), names)
    ]


def _bybit_trades_query(symbol: str, limit: int) -> dict[str, Any]:
    return {"category": "spot", "symbol": market_id(symbol), "limit": limit}


def _bybit_trades(body: Any) -> list[TradePrint]:
    # Newest first on the wire.
    return [
        TradePrint(
            id=str(entry["execId"]),
            price=_number(entry.get("price")),
            qty=_number(entry.get("size")),
            buy=entry["side"] == "Buy",
            at_ms=_whole(entry.get("time")),
        )
        for entry in map(_dict, reversed(_bybit_result(body)))
    ]


WIRES: Mapping[str, Wire] = {
    "binance": Wire(
        options={
            "defaultType": "spot",
            "fetchMarkets": {"types": ["spot"]},
            "fetchMargins": False,
            "fetchCurrencies": False,
            "maxRetriesOnFailure": 0,
        },
        time_method="public_get_time",
        symbols_method="public_get_exchangeinfo",
        candles_method="public_get_klines",
        tickers_method="public_get_ticker_24hr",
        trades_method="public_get_trades",
        trades_limit=1000,
        symbols_query={},
        candles_query=_binance_candles_query,
        tickers_queries=_binance_tickers_queries,
        trades_query=_binance_trades_query,
        time_ms=_binance_time,
        symbols=_binance_symbols,
        candles=_binance_candles,
        tickers=_binance_tickers,
        trades=_binance_trades,
    ),
    "bybit": Wire(
        options={
            "defaultType": "spot",
            "fetchMarkets": {"types": ["spot"]},
            "fetchCurrencies": False,
            "enableUnifiedMargin": False,
            "enableUnifiedAccount": True,
            "maxRetriesOnFailure": 0,
        },
        time_method="public_get_v5_market_time",
        symbols_method="public_get_v5_market_instruments_info",
        candles_method="public_get_v5_market_kline",
        tickers_method="public_get_v5_market_tickers",
        trades_method="public_get_v5_market_recent_trade",
        trades_limit=60,
        symbols_query={"category": "spot"},
        candles_query=_bybit_candles_query,
        tickers_queries=_bybit_tickers_queries,
        trades_query=_bybit_trades_query,
        time_ms=_bybit_time,
        symbols=_bybit_symbols,
        candles=_bybit_candles,
        tickers=_bybit_tickers,
        trades=_bybit_trades,
    ),
}
