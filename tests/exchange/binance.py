"""Binance spot REST (api/v3), public side."""

from __future__ import annotations

import json
from typing import Any

from tests.exchange.market import Market, Pair
from tests.exchange.routes import Query, Refused, Route

STEPS = {"1m": 1, "5m": 5, "15m": 15, "1h": 60, "4h": 240, "1d": 1440}
UNKNOWN = {"code": -1121, "msg": "Invalid symbol."}


def routes(market: Market) -> dict[str, Route]:
    """Path -> what answers it."""
    return {
        "GET /api/v3/time": lambda query: {"serverTime": market.now_ms},
        "GET /api/v3/exchangeInfo": lambda query: _exchange_info(market),
        "GET /api/v3/klines": lambda query: _klines(market, query),
        "GET /api/v3/ticker/24hr": lambda query: _tickers(market, query),
    }


def _pair(market: Market, market_id: str) -> Pair:
    pair = market.pair(market_id)
    if pair is None:
        raise Refused(400, UNKNOWN)
    return pair


def _exchange_info(market: Market) -> dict[str, Any]:
    return {
        "timezone": "UTC",
        "serverTime": market.now_ms,
        "rateLimits": [],
        "exchangeFilters": [],
        "symbols": [_symbol(pair) for pair in market.pairs],
    }


def _symbol(pair: Pair) -> dict[str, Any]:
    return {
        "symbol": pair.id,
        "status": "TRADING" if pair.trading else "BREAK",
        "baseAsset": pair.base,
        "quoteAsset": pair.quote,
        "isSpotTradingAllowed": True,
        "filters": [
            {"filterType": "PRICE_FILTER", "minPrice": pair.tick, "tickSize": pair.tick},
            {"filterType": "LOT_SIZE", "minQty": pair.min_qty, "stepSize": pair.step},
            {"filterType": "NOTIONAL", "minNotional": pair.min_notional},
        ],
    }


def _klines(market: Market, query: Query) -> list[list[Any]]:
    _pair(market, query["symbol"])
    step = STEPS[query["interval"]] * 60_000
    start = int(query["startTime"]) if "startTime" in query else None
    end = int(query["endTime"]) if "endTime" in query else None
    rows = market.klines(step, start, end, int(query.get("limit", 500)))
    return [[int(row[0]), *row[1:], int(row[0]) + step - 1, "0", 1, "0", "0", "0"] for row in rows]


def _tickers(market: Market, query: Query) -> list[dict[str, Any]]:
    return [_ticker(market, _pair(market, one)) for one in json.loads(query["symbols"])]


def _ticker(market: Market, pair: Pair) -> dict[str, Any]:
    return {
        "symbol": pair.id,
        "priceChangePercent": "-1.250",
        "lastPrice": pair.last,
        "bidPrice": pair.bid,
        "bidQty": "0.50000",
        "askPrice": pair.ask,
        "askQty": "0.75000",
        "volume": "21234.50000",
        "closeTime": market.now_ms,
    }
