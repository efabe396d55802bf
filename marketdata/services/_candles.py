"""Candles: the one way in, from the feed, a backfill, a file or a dead letter."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

import structlog
from django.db import transaction

from config import bus, clock
from marketdata import store
from marketdata.errors import DeadLetterInvalid
from marketdata.exchanges.protocol import CandleRow
from marketdata.models import DeadLetter, Symbol
from marketdata.queries import timeframe_of
from marketdata.services._gaps import note_gaps
from marketdata.services._indicators import mark_indicators_stale, refresh_indicators
from marketdata.services._letters import set_aside
from marketdata.timeframes import Timeframe
from marketdata.validation import BadRow, Checked, check_candles

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class IngestResult:
    """What became of the rows given; `holes` are [from_ms, to_ms) around the new ones."""

    inserted: int = 0
    unchanged: int = 0
    changed: int = 0
    duplicates: int = 0
    bad: list[BadRow] = field(default_factory=list)
    holes: list[tuple[int, int]] = field(default_factory=list)
    values: int = 0
    from_ms: int | None = None  # [from_ms, to_ms) holds what is new or changed
    to_ms: int | None = None

    @property
    def rejected(self) -> int:
        return len(self.bad)


def ingest_candles(
    *,
    symbol: Symbol,
    timeframe: Timeframe,
    rows: Sequence[CandleRow],
    now: datetime,
    source: str,
) -> IngestResult:
    """Store the closed, sane ones of `rows`, with gaps, indicator values and dead letters.

    All or nothing, and the same rows again change nothing. A row that differs from what is
    stored replaces it (exchanges correct candles) and is counted and logged. After the commit
    `candle.closed` is published for the newest candle, if it is new and closed just now.
    """
    checked = check_candles(rows, timeframe, clock.to_ms(now))
    return store_checked(
        symbol=symbol, timeframe=timeframe, checked=checked, now=now, source=source
    )


def store_checked(
    *,
    symbol: Symbol,
    timeframe: Timeframe,
    checked: Checked,
    now: datetime,
    source: str,
    progress: Callable[[int, str], None] | None = None,
    compute: bool = True,
) -> IngestResult:
    """`ingest_candles` for rows that have been through `check_candles` already.

    Without `compute` the indicators are left to `refresh_stale_indicators`.
    """
    with transaction.atomic():
        newest = store.latest_open_ms(symbol.pk, timeframe)
        stored = store.insert_candles(symbol.pk, timeframe, checked.good)
        if checked.bad:
            _set_bad_aside(symbol, timeframe, checked.bad, source, now)
        result = IngestResult(
            inserted=stored.inserted,
            unchanged=stored.unchanged,
            changed=stored.changed,
            duplicates=checked.duplicates,
            bad=checked.bad,
        )
        if stored.from_ms is not None and stored.to_ms is not None:
            stretch = (stored.from_ms, stored.to_ms)
            result = replace(
                result, **_follow_up(symbol, timeframe, stretch, now, progress, compute)
            )
            if newest is None or stored.to_ms > newest + timeframe.ms:
                _publish_closed(symbol, timeframe, checked.good[-1], now)
    if stored.changed:
        log.warning("candles.corrected", symbol=str(symbol), candles=stored.changed)
    return result


def _follow_up(
    symbol: Symbol,
    timeframe: Timeframe,
    stretch: tuple[int, int],
    now: datetime,
    progress: Callable[[int, str], None] | None,
    compute: bool,
) -> dict[str, Any]:
    """What new or changed candles in that stretch bring with them."""
    from_ms, to_ms = stretch
    holes = note_gaps(symbol=symbol, timeframe=timeframe, from_ms=from_ms, to_ms=to_ms, now=now)
    values = 0
    if compute:
        values = refresh_indicators(
            symbol=symbol, timeframe=timeframe, from_ms=from_ms, to_ms=to_ms, progress=progress
        )
    else:
        mark_indicators_stale(symbol=symbol, timeframe=timeframe, from_ms=from_ms)
    return {"holes": holes, "values": values, "from_ms": from_ms, "to_ms": to_ms}


def retry_dead_letter(*, letter_id: int, now: datetime) -> DeadLetter:
    """Try once more to store what was set aside: it may have been early rather than wrong.

    Refuses DeadLetterInvalid while it still can't be stored. A quote or a symbol's description
    is only ticked off, because the exchange sends newer ones by itself.
    """
    with transaction.atomic():
        letter = DeadLetter.objects.select_for_update().get(pk=letter_id)
        if letter.status == DeadLetter.Status.OPEN:
            if letter.kind == "candle":
                _store_again(letter, now)
            letter.status = DeadLetter.Status.RETRIED
            letter.save(update_fields=["status"])
    return letter


def discard_dead_letter(*, letter_id: int) -> DeadLetter:
    """Nobody needs what it holds. The letter stays, so that the same one isn't kept anew.

    Refuses DeadLetterInvalid when it was dealt with already.
    """
    open_still = DeadLetter.objects.filter(pk=letter_id, status=DeadLetter.Status.OPEN)
    dropped = open_still.update(status=DeadLetter.Status.DROPPED)
    letter = DeadLetter.objects.get(pk=letter_id)
    if not dropped and letter.status != DeadLetter.Status.DROPPED:
        raise DeadLetterInvalid("It was stored already: there is nothing to discard.")
    return letter


def _store_again(letter: DeadLetter, now: datetime) -> None:
    payload = letter.payload
    symbol = Symbol.objects.filter(pk=payload.get("symbol_id")).first()
    if symbol is None:
        raise DeadLetterInvalid("The symbol of this candle is not known any more.")
    try:
        at, open_, high, low, close, volume = payload["row"]
        row = (int(at), float(open_), float(high), float(low), float(close), float(volume))
    except (TypeError, ValueError):
        raise DeadLetterInvalid(f"Still not a candle: {letter.reason}.") from None
    timeframe = timeframe_of(payload["timeframe"])
    checked = check_candles([row], timeframe, clock.to_ms(now))
    if checked.bad:
        raise DeadLetterInvalid(f"Still not a candle: {checked.bad[0].reason}.")
    # A person's page asks for this: computing is for processes that have the libraries.
    store_checked(
        symbol=symbol,
        timeframe=timeframe,
        checked=checked,
        now=now,
        source=letter.source,
        compute=False,
    )


def _set_bad_aside(
    symbol: Symbol, timeframe: Timeframe, bad: Sequence[BadRow], source: str, now: datetime
) -> None:
    letters = [(_payload(symbol, timeframe, one), one.reason) for one in bad]
    set_aside(kind="candle", source=source, letters=letters, now=now)
    log.warning("candles.rejected", symbol=f"{symbol} {timeframe}", source=source, rows=len(bad))


def _payload(symbol: Symbol, timeframe: Timeframe, bad: BadRow) -> dict[str, Any]:
    return {
        "symbol_id": symbol.pk,
        "symbol": str(symbol),
        "timeframe": str(timeframe),
        "row": list(bad.row),
    }


def _publish_closed(symbol: Symbol, timeframe: Timeframe, row: CandleRow, now: datetime) -> None:
    """History is no news: only a candle that closed just now is announced."""
    open_ms, open_, high, low, close, volume = row
    if open_ms < timeframe.last_closed_open(clock.to_ms(now)) - timeframe.ms:
        return
    data = {
        "symbol": symbol.name,
        "exchange": symbol.exchange,
        "symbol_id": symbol.pk,
        "timeframe": str(timeframe),
        "open_ms": open_ms,
        "time": open_ms // 1000,
        "open": open_,
        "high": high,
        "low": low,
        "close": close,
        "volume": volume,
    }
    bus.publish_on_commit(
        bus.EVENTS_GROUP, {"type": "event.message", "event": "candle.closed", "data": data}
    )
