"""Stored tickers: what is known of a price when the bus is away."""

from __future__ import annotations

from collections.abc import Mapping

from config import clock
from marketdata.models import Ticker
from marketdata.quotes import Quote

FIELDS = ("last", "bid", "ask", "bid_qty", "ask_qty", "change_24h", "volume_24h", "at")


def store_tickers(*, quotes: Mapping[int, Quote]) -> int:
    """Make `quotes` (by symbol id) the stored tickers, in one statement."""
    rows = [
        Ticker(
            symbol_id=symbol_id,
            last=quote.last,
            bid=quote.bid,
            ask=quote.ask,
            bid_qty=quote.bid_qty,
            ask_qty=quote.ask_qty,
            change_24h=quote.change_24h,
            volume_24h=quote.volume_24h,
            at=clock.from_ms(quote.at_ms),
        )
        for symbol_id, quote in quotes.items()
    ]
    Ticker.objects.bulk_create(
        rows, update_conflicts=True, unique_fields=["symbol"], update_fields=FIELDS
    )
    return len(rows)
