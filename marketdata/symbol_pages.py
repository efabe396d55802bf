"""What the pages of symbols show; gathered here so that the views stay doors."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from django import forms
from django.conf import settings
from django.db.models import Q, QuerySet

from marketdata import queries, quotes, store
from marketdata.indicators import DEFAULT_SPECS, Spec
from marketdata.models import FeedGap, Symbol
from marketdata.quotes import Quote
from marketdata.timeframes import Timeframe

SPARK_TIMEFRAME, SPARK_CANDLES = Timeframe.M15, 96
CHOSEN = ("sma", "ema", "rsi")


class SymbolFilter(forms.Form):
    """Which symbols a list shows; the followed ones unless `all` is asked for."""

    search = forms.CharField(required=False, max_length=40)
    exchange = forms.CharField(required=False, max_length=20)
    show = forms.ChoiceField(
        required=False, choices=[("", "Watched"), ("all", "All symbols")], label="which symbols"
    )

    def narrow(self, rows: QuerySet[Symbol]) -> QuerySet[Symbol]:
        """The rows that match; a field that is wrong narrows nothing."""
        self.is_valid()
        given = self.cleaned_data
        if search := given.get("search", "").strip().upper():
            joined = search.replace("-", "/")
            rows = rows.filter(Q(name__contains=joined) | Q(base__contains=search))
        if exchange := given.get("exchange"):
            rows = rows.filter(exchange=exchange)
        return rows if given.get("show") == "all" else rows.filter(watched=True)

    def given(self) -> dict[str, str]:
        """The fields that hold something."""
        self.is_valid()
        return {name: value for name, value in self.cleaned_data.items() if value}

    @property
    def exchanges(self) -> list[str]:
        """Those that have symbols."""
        rows = Symbol.objects.order_by("exchange").values_list("exchange", flat=True)
        return list(rows.distinct())


@dataclass(frozen=True, slots=True)
class SymbolRow:
    """A symbol with its newest price; what is unknown is None."""

    symbol: Symbol
    quote: Quote | None
    age_s: float | None
    stale: bool
    spark: Sequence[float] = ()

    @property
    def spread_bps(self) -> float | None:
        """Of the middle of bid and ask."""
        quote = self.quote
        if quote is None or not quote.bid or not quote.ask:
            return None
        return (quote.ask - quote.bid) / (quote.ask + quote.bid) * 2 * 10_000

    @property
    def turnover(self) -> float | None:
        """Of 24 hours, in the quote asset, so that symbols compare."""
        if self.quote is None or self.quote.volume_24h is None:
            return None
        return self.quote.volume_24h * self.quote.last


@dataclass(frozen=True, slots=True)
class SeriesState:
    """What is stored of one timeframe of a symbol."""

    timeframe: Timeframe
    first_ms: int | None
    latest_ms: int | None
    behind: int  # closed candles after the newest stored one
    open_gaps: int


_KEYS: dict[str, Callable[[SymbolRow], Any]] = {
    "price": lambda row: row.quote.last if row.quote else None,
    "change": lambda row: row.quote.change_24h if row.quote else None,
    "volume": lambda row: row.turnover,
    "age": lambda row: row.age_s,
}


def symbol_rows(filter: SymbolFilter, sort: str, now_ms: int) -> list[SymbolRow]:
    """The filtered symbols with their quotes; `sort` is a key, "-" before it turns it round."""
    symbols = list(filter.narrow(Symbol.objects.all()))
    live = quotes.get_quotes(symbol.pk for symbol in symbols)
    rows = [symbol_row(symbol, live.get(symbol.pk), now_ms) for symbol in symbols]
    key = _KEYS.get(sort.removeprefix("-"))
    if key is None:
        return rows[::-1] if sort == "-name" else rows
    known = [row for row in rows if key(row) is not None]
    unknown = [row for row in rows if key(row) is None]
    return sorted(known, key=key, reverse=sort.startswith("-")) + unknown


def symbol_row(symbol: Symbol, quote: Quote | None, now_ms: int) -> SymbolRow:
    """One symbol without its line."""
    age_s = None if quote is None else quote.age_s(now_ms)
    stale = age_s is None or age_s > settings.ENV.ticker_stale_s
    return SymbolRow(symbol, quote, age_s, stale)


def with_sparks(rows: Sequence[SymbolRow]) -> list[SymbolRow]:
    """The rows with a day of closing prices each: one query per row, so for one page only."""
    return [replace(row, spark=_closes(row.symbol)) for row in rows]


def series_states(symbol: Symbol, now_ms: int) -> list[SeriesState]:
    """Each timeframe with what is stored of it."""
    gaps = list(
        queries.gaps(symbol=symbol, status=FeedGap.Status.OPEN).values_list("timeframe", flat=True)
    )
    return [_series_state(symbol, timeframe, gaps, now_ms) for timeframe in Timeframe]


def first_timeframe(symbol: Symbol) -> Timeframe:
    """The timeframe that a chart begins with: one that has candles, five minutes at best."""
    order = sorted(Timeframe, key=lambda one: one != Timeframe.M5)
    stored = (one for one in order if store.latest_open_ms(symbol.pk, one) is not None)
    return next(stored, Timeframe.M5)


def default_indicators() -> list[Spec]:
    """Those that a chart begins with."""
    return [spec for spec in DEFAULT_SPECS if spec.name in CHOSEN]


def _series_state(
    symbol: Symbol, timeframe: Timeframe, gaps: list[str], now_ms: int
) -> SeriesState:
    latest = store.latest_open_ms(symbol.pk, timeframe)
    newest = timeframe.last_closed_open(now_ms)
    return SeriesState(
        timeframe=timeframe,
        first_ms=store.first_open_ms(symbol.pk, timeframe),
        latest_ms=latest,
        behind=0 if latest is None else max(0, (newest - latest) // timeframe.ms),
        open_gaps=gaps.count(timeframe),
    )


def _closes(symbol: Symbol) -> list[float]:
    rows = store.candle_rows(symbol.pk, SPARK_TIMEFRAME, limit=SPARK_CANDLES)
    return [row[4] for row in rows]
