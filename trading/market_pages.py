"""What the watchlist shows of each symbol: price, features, posture, findings, bots."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Max

from config import clock
from marketdata import live_features, quotes, sparks
from marketdata.features import LiveState
from marketdata.features.bar_series import FrameFeatures
from marketdata.models import Symbol
from marketdata.symbol_pages import SymbolFilter, SymbolRow, symbol_row
from marketdata.timeframes import Timeframe
from strategies.models import Finding, Posture
from trading.models import Bot

FRAME = Timeframe.M5
NEW = timedelta(hours=24)  # an older finding is no news
REMEMBERED = ("sort", "exchange", "show")  # a search is not: it would hide what is looked for next

# What a phone offers, which shows no heads to sort by.
SORTS = (
    ("name", "By name"),
    ("-change", "24 h, best first"),
    ("change", "24 h, worst first"),
    ("-volume", "Turnover"),
    ("-rvol", "Volume, × usual"),
    ("-momentum", "Momentum"),
    ("-posture", "Likeliest to rise"),
    ("-finding", "Newest finding"),
    ("-bots", "Bots on it"),
    ("-age", "Oldest price"),
)

_NO_FEATURES = FrameFeatures(None, None, None, None, 0, None)


@dataclass(frozen=True, slots=True)
class BotOn:
    """A bot that trades a symbol."""

    pk: int
    name: str
    status: str
    live: bool


@dataclass(frozen=True, slots=True)
class MarketRow:
    """A symbol as the watchlist shows it; what is unknown is None."""

    price: SymbolRow
    features: FrameFeatures = _NO_FEATURES
    posture: Posture | None = None
    finding: Finding | None = None
    bots: Sequence[BotOn] = ()
    spark: Sequence[float] = ()

    @property
    def symbol(self) -> Symbol:
        return self.price.symbol

    @property
    def running(self) -> int:
        """Of the bots on it."""
        return sum(bot.status == Bot.Status.RUNNING for bot in self.bots)

    @property
    def live(self) -> bool:
        """Whether one of them spends real money."""
        return any(bot.live for bot in self.bots)


_KEYS: dict[str, Callable[[MarketRow], Any]] = {
    "exchange": lambda row: row.symbol.exchange,
    "price": lambda row: row.price.quote.last if row.price.quote else None,
    "change": lambda row: row.price.quote.change_24h if row.price.quote else None,
    "spread": lambda row: row.price.spread_bps,
    "volume": lambda row: row.price.turnover,
    "rvol": lambda row: row.features.rvol,
    "momentum": lambda row: row.features.mom_bps,
    "posture": lambda row: row.posture.p_up if row.posture else None,
    "finding": lambda row: row.finding.last_at if row.finding else None,
    "bots": lambda row: (row.running, len(row.bots)),
    "age": lambda row: row.price.age_s,
}


def market_rows(filter: SymbolFilter, sort: str, now: datetime) -> list[MarketRow]:
    """The filtered symbols; `sort` is a key, "-" before it turns it round. Unknown comes last.

    A handful of queries and two of the bus, however many symbols there are.
    """
    symbols = list(filter.narrow(Symbol.objects.all()))
    ids = [symbol.pk for symbol in symbols]
    now_ms = clock.to_ms(now)
    live = quotes.get_quotes(ids)
    states = live_features.get_states(ids)
    postures = {row.pk: row for row in Posture.objects.defer("details")}
    findings = newest_findings(now)
    bots = _bots_on()
    rows = [
        MarketRow(
            price=symbol_row(symbol, live.get(symbol.pk), now_ms),
            features=_fresh(states.get(symbol.pk), now_ms),
            posture=postures.get(symbol.pk),
            finding=findings.get(symbol.pk),
            bots=bots.get(symbol.pk, ()),
        )
        for symbol in symbols
    ]
    return _sorted(rows, sort)


def with_sparks(rows: Sequence[MarketRow], now: datetime) -> list[MarketRow]:
    """The rows with a day of closing prices each."""
    closes = sparks.day_closes([row.symbol.pk for row in rows], clock.to_ms(now))
    return [replace(row, spark=closes[row.symbol.pk]) for row in rows]


def newest_findings(now: datetime) -> dict[int, Finding]:
    """The newest finding of the last day, by symbol."""
    fresh = Finding.objects.filter(at__gte=now - NEW).order_by()
    newest = fresh.values("symbol").annotate(newest=Max("pk")).values("newest")
    rows = Finding.objects.filter(pk__in=list(newest.values_list("newest", flat=True)))
    return {row.symbol_id: row for row in rows.defer("details")}


def csv_rows(rows: Sequence[MarketRow]) -> tuple[list[str], list[list[object]]]:
    """Head and lines of the list as a file."""
    return list(_COLUMNS), [[read(row) for read in _COLUMNS.values()] for row in rows]


def _sorted(rows: list[MarketRow], sort: str) -> list[MarketRow]:
    key = _KEYS.get(sort.removeprefix("-"))
    if key is None:
        return rows[::-1] if sort == "-name" else rows
    known = [row for row in rows if key(row) is not None]
    unknown = [row for row in rows if key(row) is None]
    return sorted(known, key=key, reverse=sort.startswith("-")) + unknown


def _fresh(state: LiveState | None, now_ms: int) -> FrameFeatures:
    """Features that the feed wrote within the last minute; a dead feed's are no features."""
    if state is None or now_ms - state.at_ms > live_features.FRESH_MS:
        return _NO_FEATURES
    return state.frames.get(FRAME, _NO_FEATURES)


def _bots_on() -> Mapping[int, list[BotOn]]:
    found: dict[int, list[BotOn]] = defaultdict(list)
    rows = Bot.objects.filter(source=Bot.Source.LIVE_FEED).order_by("name")
    for row in rows.values_list("symbols", "pk", "name", "status", "paper_mode"):
        symbol_id, pk, name, status, paper = row
        found[symbol_id].append(BotOn(pk, name, status, live=not paper))
    return found


_COLUMNS: dict[str, Callable[[MarketRow], object]] = {
    "exchange": lambda row: row.symbol.exchange,
    "symbol": lambda row: row.symbol.name,
    "watched": lambda row: row.symbol.watched,
    "last": lambda row: row.price.quote and row.price.quote.last,
    "bid": lambda row: row.price.quote and row.price.quote.bid,
    "ask": lambda row: row.price.quote and row.price.quote.ask,
    "spread_bps": lambda row: row.price.spread_bps,
    "change_24h": lambda row: row.price.quote and row.price.quote.change_24h,
    "turnover_24h": lambda row: row.price.turnover,
    "turnover_unit": lambda row: row.symbol.quote,
    "age_s": lambda row: row.price.age_s,
    "rvol_5m": lambda row: row.features.rvol,
    "momentum_5m_bps": lambda row: row.features.mom_bps,
    "posture": lambda row: row.posture and row.posture.view,
    "p_up": lambda row: row.posture and row.posture.p_up,
    "finding": lambda row: row.finding and row.finding.label,
    "finding_score": lambda row: row.finding and row.finding.score,
    "finding_at": lambda row: row.finding and row.finding.last_at.isoformat(),
    "bots": lambda row: "; ".join(bot.name for bot in row.bots),
}
