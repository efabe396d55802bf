"""What the page of data quality shows: how fresh and how whole everything is that we were told."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from django import forms
from django.conf import settings
from django.db.models import Count, OuterRef, QuerySet, Subquery

from config import clock
from marketdata import live_features, quotes
from marketdata import queries as marketdata_queries
from marketdata import services as marketdata_services
from marketdata.features import LiveState
from marketdata.models import Candle, Circuit, FeedGap, FeedInterruption, FeedLease, Symbol
from marketdata.quotes import Quote
from marketdata.stream_state import FRESH_S, FeedStream
from marketdata.symbol_pages import SymbolRow, symbol_row
from marketdata.timeframes import Timeframe
from trading.models import ExchangeAccount, Heartbeat

STRIP_HOURS, STRIP_CELLS = 24, 48
STRIP_FRAME = Timeframe.M1
LEDGER = 20  # newest rows of a ledger on the page; the file has more
MOST_LINES = 5_000


class GapFilter(forms.Form):
    """Which gaps the ledger shows; the open ones unless something else is asked for."""

    gaps = forms.ChoiceField(
        required=False,
        choices=[("", "Open"), ("FILLED", "Filled"), ("ABSENT", "Absent"), ("ALL", "Any status")],
        label="which gaps",
    )

    def narrow(self, rows: QuerySet[FeedGap]) -> QuerySet[FeedGap]:
        """The rows that match."""
        self.is_valid()
        wanted = self.cleaned_data.get("gaps") or FeedGap.Status.OPEN
        return rows if wanted == "ALL" else rows.filter(status=wanted)


@dataclass(frozen=True, slots=True)
class ExchangeState:
    """One exchange: its breaker, its streams, its clock as our accounts have read it."""

    name: str
    circuit: Circuit | None
    stream: FeedStream | None
    stream_old: bool  # nobody has renewed it for a while
    accounts: Sequence[ExchangeAccount]

    @property
    def state(self) -> str:
        return self.circuit.state if self.circuit else Circuit.State.CLOSED


@dataclass(frozen=True, slots=True)
class Holder:
    """Who does the feed's work, or stands by; over when the lease has run out."""

    name: str
    expires_at: datetime
    over: bool


@dataclass(frozen=True, slots=True)
class FrameState:
    """How many closed candles of a timeframe are missing at its end; None: none is stored."""

    timeframe: Timeframe
    behind: int | None

    @property
    def late(self) -> bool:
        """One may still be on its way."""
        return self.behind is None or self.behind > 1


@dataclass(frozen=True, slots=True)
class SymbolQuality:
    """A followed symbol: age of its price, its newest candles, what of the last day is missing."""

    price: SymbolRow
    frames: Sequence[FrameState]
    cells: Sequence[float]  # parts missing of each half hour, oldest first
    state: LiveState | None = None

    @property
    def symbol(self) -> Symbol:
        return self.price.symbol

    @property
    def missing(self) -> float:
        """Part of the last day that isn't stored."""
        return sum(self.cells) / len(self.cells)

    @property
    def late(self) -> int:
        """Timeframes that are behind."""
        return sum(frame.late for frame in self.frames)


def exchange_states(now: datetime) -> list[ExchangeState]:
    """Every exchange of the settings, and those that still have a circuit."""
    circuits = {row.exchange: row for row in Circuit.objects.all()}
    streams = {stream.exchange: stream for stream in marketdata_queries.feed_streams()}
    accounts: dict[str, list[ExchangeAccount]] = defaultdict(list)
    for account in ExchangeAccount.objects.filter(removed_at=None).order_by("name"):
        accounts[account.exchange].append(account)
    now_ms = clock.to_ms(now)
    return [
        ExchangeState(
            name=name,
            circuit=circuits.get(name),
            stream=(stream := streams.get(name)),
            stream_old=stream is not None and stream.age_s(now_ms) > FRESH_S,
            accounts=accounts.get(name, ()),
        )
        for name in dict.fromkeys((*settings.ENV.exchanges, *circuits))
    ]


def holders(now: datetime) -> dict[str, Holder | None]:
    """Who has the lease, and who stands by."""
    rows = {row.name: row for row in FeedLease.objects.all()}
    holder, standby = rows.get("feed"), rows.get(marketdata_services.standby_of())
    if holder and standby and holder.holder == standby.holder:
        standby = None  # it has taken over
    return {"holder": _holder(holder, now), "standby": _holder(standby, now)}


def heartbeats() -> dict[str, datetime]:
    """When beat and the feed showed life last."""
    return dict(Heartbeat.objects.values_list("process", "at"))


def symbol_qualities(now: datetime) -> list[SymbolQuality]:
    """Followed symbols, the worst first. One query for the newest candles of all."""
    now_ms = clock.to_ms(now)
    symbols = list(marketdata_queries.watched_symbols().annotate(**_newest_opens()))
    ids = [symbol.pk for symbol in symbols]
    live, holes = quotes.get_quotes(ids), _holes(symbols, now_ms)
    rows = [_quality(symbol, live.get(symbol.pk), holes[symbol.pk], now_ms) for symbol in symbols]
    return sorted(rows, key=_worst)


def with_states(rows: Iterable[SymbolQuality]) -> list[SymbolQuality]:
    """The rows with what the feed keeps of each symbol; for those that are shown."""
    shown = list(rows)
    states = live_features.get_states(row.symbol.pk for row in shown)
    return [replace(row, state=states.get(row.symbol.pk)) for row in shown]


def gap_counts() -> dict[str, int]:
    """How many gaps have each status."""
    rows = FeedGap.objects.values("status").annotate(count=Count("pk")).order_by()
    return dict(rows.values_list("status", "count"))


def gap_rows(filter: GapFilter) -> QuerySet[FeedGap]:
    """The ledger, what was found last first."""
    return filter.narrow(FeedGap.objects.select_related("symbol")).order_by("-found_at", "-pk")


def cells_of(holes: Iterable[tuple[int, int]], from_ms: int, to_ms: int, count: int) -> list[float]:
    """The part of each of `count` equal stretches of [from_ms, to_ms) that holes cover, 0 to 1."""
    width = (to_ms - from_ms) / count
    cells = [0.0] * count
    for start, stop in holes:
        first, last = max(start, from_ms), min(stop, to_ms)
        if first >= last:
            continue
        one, other = (int((at - from_ms) / width) for at in (first, last))
        for index in range(one, min(count, other + 1)):
            left = from_ms + index * width
            cells[index] += max(0.0, min(last, left + width) - max(first, left))
    return [min(1.0, cell / width) for cell in cells]


def csv_rows(what: str, now: datetime) -> tuple[list[str], list[list[object]]]:
    """Head and lines of one of the page's tables as a file."""
    columns, rows = _FILES.get(what, _FILES["symbols"])
    return list(columns), [[read(row) for read in columns.values()] for row in rows(now)]


def _newest_opens() -> dict[str, Subquery]:
    # A subquery each is an index look-up; MAX and GROUP BY would read every candle.
    return {
        f"newest_{timeframe}": Subquery(
            Candle.objects.filter(symbol=OuterRef("pk"), timeframe=timeframe)
            .order_by("-open_ms")
            .values("open_ms")[:1]
        )
        for timeframe in Timeframe
    }


def _holes(symbols: Sequence[Symbol], now_ms: int) -> Mapping[int, list[tuple[int, int]]]:
    """Missing minutes of the last day: of the ledger, and after the newest stored one."""
    from_ms = now_ms - STRIP_HOURS * 3_600_000
    found: dict[int, list[tuple[int, int]]] = defaultdict(list)
    gaps = FeedGap.objects.filter(timeframe=STRIP_FRAME, to_ms__gt=from_ms)
    open_still = gaps.exclude(status=FeedGap.Status.FILLED)
    for symbol_id, start, stop in open_still.values_list("symbol_id", "from_ms", "to_ms"):
        found[symbol_id].append((start, stop))
    end = STRIP_FRAME.floor(now_ms) - STRIP_FRAME.ms  # the newest one may be on its way
    for symbol in symbols:
        newest = getattr(symbol, f"newest_{STRIP_FRAME}")
        found[symbol.pk].append((from_ms if newest is None else newest + STRIP_FRAME.ms, end))
    return found


def _quality(
    symbol: Symbol, quote: Quote | None, holes: Iterable[tuple[int, int]], now_ms: int
) -> SymbolQuality:
    cells = cells_of(holes, now_ms - STRIP_HOURS * 3_600_000, now_ms, STRIP_CELLS)
    frames = [_frame(symbol, timeframe, now_ms) for timeframe in Timeframe]
    return SymbolQuality(symbol_row(symbol, quote, now_ms), frames, cells)


def _frame(symbol: Symbol, timeframe: Timeframe, now_ms: int) -> FrameState:
    newest: int | None = getattr(symbol, f"newest_{timeframe}")
    if newest is None:
        return FrameState(timeframe, None)
    return FrameState(
        timeframe, max(0, (timeframe.last_closed_open(now_ms) - newest) // timeframe.ms)
    )


def _worst(row: SymbolQuality) -> tuple[bool, int, float, str]:
    return not row.price.stale, -row.late, -row.missing, str(row.symbol)


def _holder(row: FeedLease | None, now: datetime) -> Holder | None:
    return Holder(row.holder, row.expires_at, row.expires_at <= now) if row else None


def _behind(timeframe: Timeframe) -> Callable[[SymbolQuality], object]:
    return lambda row: next(one.behind for one in row.frames if one.timeframe == timeframe)


Columns = Mapping[str, Callable[[Any], object]]

_SYMBOLS: Columns = {
    "symbol": lambda row: str(row.symbol),
    "price_age_s": lambda row: row.price.age_s,
    "stale": lambda row: row.price.stale,
    **{f"behind_{timeframe}": _behind(timeframe) for timeframe in Timeframe},
    "missing_24h": lambda row: round(row.missing, 6),
    "trades_cached": lambda row: row.state and row.state.trades_cached,
    "duplicates": lambda row: row.state and row.state.duplicates,
    "refused": lambda row: row.state and row.state.refused,
}
_GAPS: Columns = {
    "symbol": lambda row: str(row.symbol),
    "timeframe": lambda row: row.timeframe,
    "from": lambda row: clock.from_ms(row.from_ms).isoformat(),
    "to": lambda row: clock.from_ms(row.to_ms).isoformat(),
    "status": lambda row: row.status,
    "found_at": lambda row: row.found_at.isoformat(),
}
_INTERRUPTIONS: Columns = {
    "exchange": lambda row: row.exchange,
    "cause": lambda row: row.cause,
    "outcome": lambda row: row.outcome,
    "began_at": lambda row: row.began_at.isoformat(),
    "ended_at": lambda row: row.ended_at and row.ended_at.isoformat(),
    "symbols": lambda row: "; ".join(row.symbols),
    "prints_missed": lambda row: row.prints_missed,
    "prints_filled": lambda row: row.prints_filled,
    "detail": lambda row: row.detail,
}
_FILES: Mapping[str, tuple[Columns, Callable[[datetime], Iterable[Any]]]] = {
    "symbols": (_SYMBOLS, lambda now: with_states(symbol_qualities(now))),
    "gaps": (_GAPS, lambda now: gap_rows(GapFilter({"gaps": "ALL"}))[:MOST_LINES]),
    "interruptions": (_INTERRUPTIONS, lambda now: FeedInterruption.objects.all()[:MOST_LINES]),
}
