"""Bybit v5 REST, public side of spot."""

from __future__ import annotations

from typing import Any

from tests.exchange.market import Market, Pair
from tests.exchange.routes import Query, Refused, Route

STEPS = {"1": 1, "5": 5, "15": 15, "60": 60, "240": 240, "D": 1440}


def routes(market: Market) -> dict[str, Route]:
    """Path -> what answers it."""
    return {
        "GET /v5/market/time": lambda query: _ok(market, {"timeSecond": "0", "timeNano": "0"}),
        "GET /v5/market/instruments-info": lambda query: _list(
            market, [_symbol(pair) for pair in market.pairs]
        ),
        "GET /v5/market/kline": lambda query: _klines(market, query),
        "GET /v5/market/tickers": lambda query: _tickers(market, query),
        "GET /v5/market/recent-trade": lambda query: _recent_trades(market, query),
        "GET /v5/market/orderbook": lambda query: _book(market, _pair(market, query["symbol"])),
    }


def _ok(market: Market, result: dict[str, Any]) -> dict[str, Any]:
    return {"retCode": 0, "retMsg": "OK", "result": result, "time": market.now_ms}


def _list(market: Market, rows: list[Any]) -> dict[str, Any]:
    return _ok(market, {"category": "spot", "list": rows})


def _pair(market: Market, market_id: str) -> Pair:
    pair = market.pair(market_id)
    if pair is None:
        body = {"retCode": 10001, "retMsg": "Not supported symbols", "result": {}}
        raise Refused(200, body | {"time": market.now_ms})
    return pair


def _symbol(pair: Pair) -> dict[str, Any]:
    return {
        "symbol": pair.id,
        "baseCoin": pair.base,
        "quoteCoin": pair.quote,
        "status": "Trading" if pair.trading else "PreLaunch",
        "lotSizeFilter": {
            "basePrecision": pair.step,
            "quotePrecision": "0.0000001",
            "minOrderQty": pair.min_qty,
            "maxOrderQty": pair.max_qty,
            "minOrderAmt": pair.min_notional,
        },
        "priceFilter": {"tickSize": pair.tick},
    }


def _klines(market: Market, query: Query) -> dict[str, Any]:
    pair = _pair(market, query["symbol"])
    step = STEPS[query["interval"]] * 60_000
    start = int(query["start"]) if "start" in query else None
    end = int(query["end"]) if "end" in query else None
    rows = market.klines(pair, step, start, end, int(query.get("limit", 200)))
    return _list(market, [[*row, "0"] for row in reversed(rows)])


def _tickers(market: Market, query: Query) -> dict[str, Any]:
    wanted = query.get("symbol")
    pairs = [_pair(market, wanted)] if wanted else market.pairs
    return _list(market, [_ticker(pair) for pair in pairs])


def _ticker(pair: Pair) -> dict[str, Any]:
    return {
        "symbol": pair.id,
        "lastPrice": pair.last,
        "bid1Price": pair.bid,
        "bid1Size": pair.bid_size,
        "ask1Price": pair.ask,
        "ask1Size": pair.ask_size,
        "price24hPcnt": "-0.0125",
        "volume24h": "21234.5",
    }


def _book(market: Market, pair: Pair) -> dict[str, Any]:
    bids, asks = [[pair.bid, pair.bid_size]], [[pair.ask, pair.ask_size]]
    return _ok(market, {"s": pair.id, "b": bids, "a": asks, "ts": market.now_ms, "u": 1})


def _recent_trades(market: Market, query: Query) -> dict[str, Any]:
    """Newest first, 60 at most, as there."""
    printed = list(market.prints.get(_pair(market, query["symbol"]).id, ()))
    many = min(60, int(query.get("limit", 60)))
    rows = [
        {
            "execId": f"22900000000{one.id:08d}",
            "symbol": query["symbol"],
            "price": f"{one.price:.2f}",
            "size": f"{one.qty:.5f}",
            "side": "Buy" if one.buy else "Sell",
            "time": str(one.at_ms),
            "isBlockTrade": False,
        }
        for one in reversed(printed[-many:])
    ]
    return _list(market, rows)
