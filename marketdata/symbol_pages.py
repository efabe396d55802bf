"""What the pages of symbols show; gathered here so that the views stay doors."""

from __future__ import annotations

from dataclasses import dataclass

from django import forms
from django.conf import settings
from django.db.models import Q, QuerySet

from marketdata import queries, store
from marketdata.indicators import DEFAULT_SPECS, Spec
from marketdata.models import FeedGap, Symbol
from marketdata.quotes import Quote
from marketdata.timeframes import Timeframe

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


def symbol_row(symbol: Symbol, quote: Quote | None, now_ms: int) -> SymbolRow:
    """One symbol without its line."""
    age_s = None if quote is None else quote.age_s(now_ms)
    stale = age_s is None or age_s > settings.ENV.ticker_stale_s
    return SymbolRow(symbol, quote, age_s, stale)


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
