"""History from an exchange, page by page, so that a kill at any moment loses nothing."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from config import clock
from marketdata.exchanges import CandleRow, Exchange, exchange_for
from marketdata.models import Backfill, Symbol
from marketdata.services._candles import IngestResult, ingest_candles
from marketdata.services._circuits import ask
from marketdata.services._gaps import mark_absent
from marketdata.timeframes import Timeframe

Progress = Callable[[int, str], None]

# With one more answer to wait for, a call stays below the time limit of a task.
CALL_S = 8.0
# Exchanges write their newest candles late: a hole there is no hole yet.
SETTLED_MS = 300_000


@dataclass(frozen=True, slots=True)
class BackfillResult:
    """How far one call came; `done` is False when its time was up and it should be called again."""

    done: bool
    cursor_ms: int
    pages: int
    inserted: int
    rejected: int

    def __bool__(self) -> bool:
        return self.done


@dataclass(slots=True)
class _Run:
    """One call at work."""

    row: Backfill
    symbol: Symbol
    timeframe: Timeframe
    exchange: Exchange
    now: datetime
    end_ms: int
    asked_from_ms: int  # everything since was asked for and came without rubbish
    pages: int = 0
    inserted: int = 0
    rejected: int = 0

    @property
    def done(self) -> bool:
        return self.row.cursor_ms >= self.end_ms


def backfill_candles(
    *,
    symbol: Symbol,
    timeframe: Timeframe,
    from_ms: int,
    to_ms: int,
    now: datetime,
    exchange: Exchange | None = None,
    progress: Progress | None = None,
    deadline: float | None = None,
) -> BackfillResult:
    """Store the closed candles that open in [from_ms, to_ms) and the holes the exchange has.

    Goes on where an earlier call with the same bounds stopped; one that came to its end is begun
    anew. Returns with `done=False` at `deadline` (of clock.mono(); in 8 s unless given). Raises
    ExchangeUnavailable when the exchange stays silent; what is stored by then stays.
    """
    until = clock.mono() + CALL_S if deadline is None else deadline
    run = _begin(symbol, timeframe, (from_ms, to_ms), exchange, now)
    while not run.done and clock.mono() < until:
        _page(run, until)
        if progress:
            progress(_percent(run), f"{symbol} {timeframe}: {run.inserted} candles")
    return BackfillResult(
        done=run.done,
        cursor_ms=run.row.cursor_ms,
        pages=run.pages,
        inserted=run.inserted,
        rejected=run.rejected,
    )


def _begin(
    symbol: Symbol,
    timeframe: Timeframe,
    bounds: tuple[int, int],
    exchange: Exchange | None,
    now: datetime,
) -> _Run:
    first, end = (-(-bound // timeframe.ms) * timeframe.ms for bound in bounds)
    row, _ = Backfill.objects.get_or_create(
        symbol=symbol,
        timeframe=timeframe,
        from_ms=first,
        to_ms=end,
        defaults={"cursor_ms": first, "updated_at": now},
    )
    if row.done:  # asked for once more: exchanges fill some of their holes later
        row.cursor_ms, row.done = first, False
        row.save(update_fields=["cursor_ms", "done"])
    return _Run(
        row=row,
        symbol=symbol,
        timeframe=timeframe,
        exchange=exchange or exchange_for(symbol.exchange),
        now=now,
        end_ms=min(end, timeframe.floor(clock.to_ms(now))),
        asked_from_ms=row.cursor_ms,
    )


def _percent(run: _Run) -> int:
    return 100 * (run.row.cursor_ms - run.row.from_ms) // max(1, run.end_ms - run.row.from_ms)


def _page(run: _Run, deadline: float) -> None:
    cursor, step = run.row.cursor_ms, run.timeframe.ms
    limit = min(run.exchange.page_limit, (run.end_ms - cursor) // step)
    left_s = deadline - clock.mono()
    rows = ask(
        exchange=run.exchange,
        call=lambda: run.exchange.fetch_candles(run.symbol.name, run.timeframe, cursor, limit),
        now=run.now,
        give_up_s=30.0 if math.isinf(left_s) else max(1.0, left_s),
    )
    page_end = cursor + limit * step
    rows = [row for row in rows if row[0] < page_end]
    with transaction.atomic():
        result = ingest_candles(
            symbol=run.symbol,
            timeframe=run.timeframe,
            rows=rows,
            now=run.now,
            source=run.exchange.name,
        )
        _note_absent(run, rows, result, page_end)
        # Guarded: of two workers on one range the slower one goes on from where the other is.
        Backfill.objects.filter(pk=run.row.pk, cursor_ms=cursor).update(
            cursor_ms=page_end, done=page_end >= run.row.to_ms, updated_at=run.now
        )
    run.row.refresh_from_db(fields=["cursor_ms", "done"])
    run.pages += 1
    run.inserted += result.inserted
    run.rejected += result.rejected


def _note_absent(run: _Run, rows: Sequence[CandleRow], result: IngestResult, page_end: int) -> None:
    """The holes of this page are the exchange's own, unless it sent rubbish."""
    if result.bad:
        run.asked_from_ms = page_end
        return
    known_until = page_end
    if page_end > clock.to_ms(run.now) - SETTLED_MS:
        known_until = rows[-1][0] if rows else run.row.cursor_ms
    mark_absent(
        symbol=run.symbol,
        timeframe=run.timeframe,
        from_ms=run.asked_from_ms,
        to_ms=known_until,
        now=run.now,
    )
