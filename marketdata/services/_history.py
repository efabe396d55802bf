"""What a series lacks up to now: a new symbol's history, or what was missed while away."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType

from config import clock
from marketdata import queries, store
from marketdata.exchanges.protocol import Exchange
from marketdata.models import FeedGap, Symbol
from marketdata.services._backfill import CALL_S, backfill_candles
from marketdata.services._candles import IngestResult, ingest_candles
from marketdata.services._circuits import ask
from marketdata.timeframes import Timeframe

# Candles that a new symbol begins with: enough for the charts and every built-in warm-up.
FEED_HISTORY: Mapping[Timeframe, int] = MappingProxyType(
    {
        Timeframe.M1: 1500,
        Timeframe.M5: 1500,
        Timeframe.M15: 1000,
        Timeframe.H1: 1000,
        Timeframe.H4: 500,
        Timeframe.D1: 120,
    }
)
# A longer absence leaves a hole in the ledger, for a backfill that somebody asks for.
CATCH_UP_CANDLES = 5_000


def catch_up(
    *,
    symbol: Symbol,
    timeframe: Timeframe,
    exchange: Exchange,
    now: datetime,
    deadline: float | None = None,
) -> IngestResult | None:
    """Store the closed candles since the newest stored one; a new series gets its first history.

    None when there is nothing to ask for. One page is fetched plainly, more of them as a
    backfill that can be resumed. Raises what `ask` raises.
    """
    start, end = _lacking(symbol, timeframe, now)
    candles = (end - start) // timeframe.ms
    if candles <= 0:
        return None
    if candles > exchange.page_limit:
        return _long_way(symbol, timeframe, exchange, (start, end), now, deadline)
    rows = ask(
        exchange=exchange,
        call=lambda: exchange.fetch_candles(symbol.name, timeframe, start, candles + 1),
        now=now,
    )
    closed = [row for row in rows if row[0] < end]
    return ingest_candles(
        symbol=symbol, timeframe=timeframe, rows=closed, now=now, source=exchange.name
    )


def _lacking(symbol: Symbol, timeframe: Timeframe, now: datetime) -> tuple[int, int]:
    """[from_ms, to_ms) of the closed candles that should be asked for."""
    end = timeframe.floor(clock.to_ms(now))
    latest = store.latest_open_ms(symbol.pk, timeframe)
    if latest is None:
        return end - FEED_HISTORY[timeframe] * timeframe.ms, end
    return max(latest + timeframe.ms, end - CATCH_UP_CANDLES * timeframe.ms), end


def fill_gaps(*, exchange: Exchange, now: datetime, deadline: float | None = None) -> int:
    """Ask again for the open holes of watched symbols, the newest first; gives how many.

    A hole longer than CATCH_UP_CANDLES waits for a backfill that somebody asks for. What the
    exchange doesn't have either becomes ABSENT.
    """
    deadline = clock.mono() + CALL_S if deadline is None else deadline
    asked = 0
    symbols = queries.watched_symbols(exchange.name)
    rows = queries.gaps(status=FeedGap.Status.OPEN).filter(symbol__in=symbols)
    for gap in rows.select_related("symbol").order_by("-from_ms"):
        timeframe = Timeframe(gap.timeframe)
        short = gap.to_ms - gap.from_ms <= CATCH_UP_CANDLES * timeframe.ms
        if short and clock.mono() < deadline:
            backfill_candles(
                symbol=gap.symbol,
                timeframe=timeframe,
                from_ms=gap.from_ms,
                to_ms=gap.to_ms,
                exchange=exchange,
                now=now,
                deadline=deadline,
            )
            asked += 1
    return asked


def _long_way(
    symbol: Symbol,
    timeframe: Timeframe,
    exchange: Exchange,
    bounds: tuple[int, int],
    now: datetime,
    deadline: float | None,
) -> IngestResult:
    result = backfill_candles(
        symbol=symbol,
        timeframe=timeframe,
        from_ms=bounds[0],
        to_ms=bounds[1],
        exchange=exchange,
        now=now,
        deadline=deadline,
    )
    return IngestResult(inserted=result.inserted, to_ms=result.cursor_ms)
