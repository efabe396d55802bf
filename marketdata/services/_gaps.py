"""The gap ledger: each hole between stored candles has a row, until it is filled."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from marketdata import store
from marketdata.models import FeedGap, Symbol
from marketdata.timeframes import Timeframe
from marketdata.validation import missing_ranges

OPEN, FILLED, ABSENT = FeedGap.Status.OPEN, FeedGap.Status.FILLED, FeedGap.Status.ABSENT


def note_gaps(
    *, symbol: Symbol, timeframe: Timeframe, from_ms: int, to_ms: int, now: datetime
) -> list[tuple[int, int]]:
    """Bring the ledger up to date around candles just stored in [from_ms, to_ms).

    Looks from the stored candle before to the one after, so that a hole has both its ends.
    Gives the holes [from, to) of that stretch.
    """
    before = store.latest_open_ms(symbol.pk, timeframe, before_ms=from_ms)
    after = store.first_open_ms(symbol.pk, timeframe, from_ms=to_ms)
    start = from_ms if before is None else before + timeframe.ms
    stop = to_ms if after is None else after
    times = store.open_times(symbol.pk, timeframe, start, stop).tolist()
    holes = missing_ranges(times, start, stop, timeframe.ms)
    known = list(_overlapping(symbol, timeframe, start, stop))
    wanted = {
        first: (end, ABSENT if _covered(first, known, ABSENT) else OPEN) for first, end in holes
    }
    _close(known, holes)
    for first, (end, status) in wanted.items():
        _put(symbol, timeframe, first, end, status, now)
    return holes


def mark_absent(
    *, symbol: Symbol, timeframe: Timeframe, from_ms: int, to_ms: int, now: datetime
) -> None:
    """The exchange was asked for [from_ms, to_ms) and has no more than what is stored."""
    for gap in _overlapping(symbol, timeframe, from_ms, to_ms):
        if gap.status == ABSENT:
            continue
        start, stop = max(gap.from_ms, from_ms), min(gap.to_ms, to_ms)
        pieces = ((gap.from_ms, start, OPEN), (start, stop, ABSENT), (stop, gap.to_ms, OPEN))
        for first, end, status in pieces:
            if first < end:
                _put(symbol, timeframe, first, end, status, now)


def _overlapping(
    symbol: Symbol, timeframe: Timeframe, from_ms: int, to_ms: int
) -> Sequence[FeedGap]:
    rows = FeedGap.objects.filter(symbol=symbol, timeframe=timeframe).exclude(status=FILLED)
    return list(rows.filter(from_ms__lt=to_ms, to_ms__gt=from_ms))


def _covered(at: int, gaps: Sequence[FeedGap], status: str) -> bool:
    return any(gap.status == status and gap.from_ms <= at < gap.to_ms for gap in gaps)


def _close(known: Sequence[FeedGap], holes: Sequence[tuple[int, int]]) -> None:
    """Mark what is no hole any more as filled; of a hole filled at its head only the head."""
    starts = {first for first, _ in holes}
    for gap in known:
        if gap.from_ms not in starts:
            left = [first for first in starts if gap.from_ms < first < gap.to_ms]
            gap.to_ms, gap.status = min(left, default=gap.to_ms), FILLED
            gap.save(update_fields=["to_ms", "status"])


def _put(
    symbol: Symbol, timeframe: Timeframe, from_ms: int, to_ms: int, status: str, now: datetime
) -> None:
    FeedGap.objects.update_or_create(
        symbol=symbol,
        timeframe=timeframe,
        from_ms=from_ms,
        defaults={"to_ms": to_ms, "status": status},
        create_defaults={"to_ms": to_ms, "status": status, "found_at": now},
    )
