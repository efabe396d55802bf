"""What a quote makes of the running minute, and the message that carries both. Pure."""

from __future__ import annotations

from typing import Any

from config import clock
from config.rendering import instant
from marketdata.exchanges.protocol import CandleRow
from marketdata.quotes import Quote
from marketdata.timeframes import Timeframe


def forming_bar(bar: CandleRow | None, price: float, at_ms: int) -> CandleRow:
    """The running one-minute candle after a print of `price` at `at_ms`.

    Its volume is what the exchange said last: quotes don't tell how much was traded.
    """
    open_ms = Timeframe.M1.floor(at_ms)
    if bar is None or bar[0] < open_ms:
        return (open_ms, price, price, price, price, 0.0)
    if bar[0] > open_ms:  # a late quote of the minute before
        return bar
    _, open_, high, low, _, volume = bar
    return (open_ms, open_, max(high, price), min(low, price), price, volume)


def tick_message(
    symbol_id: int, exchange: str, name: str, quote: Quote, bar: CandleRow
) -> dict[str, Any]:
    """The channel message of one tick, as consumers of `ticks` and `ticks.<id>` get it."""
    return {
        "type": "tick.message",
        "data": {
            "symbol": name,
            "exchange": exchange,
            "symbol_id": symbol_id,
            "price": quote.last,
            "bid": quote.bid,
            "ask": quote.ask,
            "change_24h": quote.change_24h,
            "volume_24h": quote.volume_24h,
            "ts": instant(clock.from_ms(quote.at_ms)),
            "at_ms": quote.at_ms,
            "bar": {
                "time": bar[0] // 1000,
                "open": bar[1],
                "high": bar[2],
                "low": bar[3],
                "close": bar[4],
                "volume": bar[5],
            },
        },
    }
