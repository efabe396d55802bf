"""Binance spot REST (api/v3), public side."""

from __future__ import annotations

import json
from typing import Any

from tests.exchange.market import Market, Pair
from tests.exchange.routes import Query, Refused, Route

STEPS = {"1m": 1, "5m": 5, "15m": 15, "1h": 60, "4h": 240, "1d": 1440}
ORDER_TYPES = [
    "LIMIT",
    "LIMIT_MAKER",
    "MARKET",
    "STOP_LOSS",
    "STOP_LOSS_LIMIT",
    "TAKE_PROFIT",
    "TAKE_PROFIT_LIMIT",
]
AT_MARKET = {"STOP_LOSS", "TAKE_PROFIT"}
UNKNOWN = {"code": -1121, "msg": "Invalid symbol."}


def routes(market: Market) -> dict[str, Route]:
    """Path -> what answers it."""
    return {
        "GET /api/v3/time": lambda query: {"serverTime": market.now_ms},
        "GET /api/v3/exchangeInfo": lambda query: _exchange_info(market),
        "GET /api/v3/klines": lambda query: _klines(market, query),
        "GET /api/v3/ticker/24hr": lambda query: _tickers(market, query),
        "GET /api/v3/trades": lambda query: _trades(market, query),
        "GET /api/v3/depth": lambda query: _depth(_pair(market, query["symbol"])),
        "GET /sapi/v1/system/status": lambda query: {"status": 0, "msg": "normal"},
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
        "baseAssetPrecision": 8,
        "quoteAssetPrecision": 8,
        "orderTypes": [one for one in ORDER_TYPES if pair.market_stops or one not in AT_MARKET],
        "isSpotTradingAllowed": True,
        "filters": [
            _filter(
                "PRICE_FILTER", minPrice=pair.tick, maxPrice=pair.max_price, tickSize=pair.tick
            ),
            _filter("LOT_SIZE", minQty=pair.min_qty, maxQty=pair.max_qty, stepSize=pair.step),
            _filter("NOTIONAL", minNotional=pair.min_notional, applyMinToMarket=True),
            _filter("MAX_NUM_ALGO_ORDERS", maxNumAlgoOrders=pair.max_stops),
        ],
    }


def _filter(name: str, **values: Any) -> dict[str, Any]:
    return {"filterType": name, **values}


def _klines(market: Market, query: Query) -> list[list[Any]]:
    pair = _pair(market, query["symbol"])
    step = STEPS[query["interval"]] * 60_000
    start = int(query["startTime"]) if "startTime" in query else None
    end = int(query["endTime"]) if "endTime" in query else None
    rows = market.klines(pair, step, start, end, int(query.get("limit", 500)))
    return [[int(row[0]), *row[1:], int(row[0]) + step - 1, "0", 1, "0", "0", "0"] for row in rows]


def _tickers(market: Market, query: Query) -> Any:
    if "symbol" in query:
        return _ticker(market, _pair(market, query["symbol"]))
    return [_ticker(market, _pair(market, one)) for one in json.loads(query["symbols"])]


def _ticker(market: Market, pair: Pair) -> dict[str, Any]:
    return {
        "symbol": pair.id,
        "priceChangePercent": "-1.250",
        "lastPrice": pair.last,
        "bidPrice": pair.bid,
        "bidQty": pair.bid_size,
        "askPrice": pair.ask,
        "askQty": pair.ask_size,
        "volume": "21234.50000",
        "closeTime": market.now_ms,
    }


def _depth(pair: Pair) -> dict[str, Any]:
    bids, asks = [[pair.bid, pair.bid_size]], [[pair.ask, pair.ask_size]]
    return {"lastUpdateId": 1, "bids": bids, "asks": asks}


def _trades(market: Market, query: Query) -> list[dict[str, Any]]:
    printed = list(market.prints.get(_pair(market, query["symbol"]).id, ()))
    return [
        {
            "id": one.id,
            "price": f"{one.price:.2f}",
            "qty": f"{one.qty:.5f}",
            "quoteQty": "0",
            "time": one.at_ms,
            "isBuyerMaker": not one.buy,
            "isBestMatch": True,
        }
        for one in printed[-int(query.get("limit", 500)) :]
    ]
