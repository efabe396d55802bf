"""Reads of market data that more than one door or layer needs."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from django.conf import settings
from django.db.models import Q, QuerySet, Value
from django.db.models.functions import Concat

from marketdata import store, stream_state, viewing
from marketdata.errors import IndicatorNotStored, SymbolUnknown, TimeframeUnknown
from marketdata.exchanges.protocol import CandleRow
from marketdata.models import FeedGap, FeedInterruption, IndicatorSpec, Symbol, Ticker
from marketdata.timeframes import Timeframe
from marketdata.validation import missing_ranges

# How long after its close a candle may take to arrive before its series counts as stale.
ARRIVAL_S = 30

_SEPARATOR = re.compile(r"[-_/]")


@dataclass(frozen=True, slots=True)
class Hole:
    """Candles that are not stored: [from_ms, to_ms) by open time."""

    from_ms: int
    to_ms: int
    candles: int


@dataclass(frozen=True, slots=True)
class Readiness:
    """Whether a strategy has the candles it needs; `reasons` says what is wrong, for people."""

    missing: int
    latest_open_ms: int | None
    stale: bool
    reasons: list[str]

    @property
    def ready(self) -> bool:
        return not self.reasons


def timeframe_of(text: str) -> Timeframe:
    """The timeframe called `text`; refuses TimeframeUnknown."""
    try:
        return Timeframe(text)
    except ValueError:
        known = ", ".join(Timeframe)
        raise TimeframeUnknown(f"No timeframe is called {text}; there are {known}.") from None


def resolve_symbol(text: str) -> Symbol:
    """The symbol meant by "BTC/USDT", "BTCUSDT", "BTC-USDT" or "simulated:BTC/USDT".

    Without an exchange the first of the setting EXCHANGES that has it wins, then any other.
    Refuses SymbolUnknown.
    """
    exchange, _, name = text.strip().rpartition(":")
    found = list(_called(name.upper()))
    if exchange:
        found = [symbol for symbol in found if symbol.exchange == exchange.lower()]
    if not found:
        raise SymbolUnknown(f"No symbol is called {text}.")
    return min(found, key=_preference)


def _called(name: str) -> QuerySet[Symbol]:
    parts = _SEPARATOR.split(name)
    if len(parts) == 2:
        return Symbol.objects.filter(name=f"{parts[0]}/{parts[1]}")
    return Symbol.objects.annotate(joined=Concat("base", Value(""), "quote")).filter(joined=name)


def _preference(symbol: Symbol) -> tuple[int, str]:
    order: tuple[str, ...] = settings.ENV.exchanges
    place = order.index(symbol.exchange) if symbol.exchange in order else len(order)
    return place, symbol.exchange


def watched_symbols(exchange: str | None = None) -> QuerySet[Symbol]:
    """What the feed follows: watched, open for trading, on `exchange` or any of EXCHANGES."""
    names = [exchange] if exchange else settings.ENV.exchanges
    return Symbol.objects.filter(
        watched=True, status=Symbol.Status.TRADING, exchange__in=list(names)
    )


def followed_symbols(exchange: str, now: datetime) -> QuerySet[Symbol]:
    """What the feed follows on `exchange`: watched, or looked at by an open page just now."""
    return Symbol.objects.filter(
        Q(watched=True) | Q(pk__in=viewing.viewed_ids(now)),
        status=Symbol.Status.TRADING,
        exchange=exchange,
    )


def feed_streams() -> list[stream_state.FeedStream]:
    """The newest word of the feed about the streams of each of EXCHANGES that has some."""
    return stream_state.get_streams(settings.ENV.exchanges)


def interruptions(exchange: str | None = None) -> QuerySet[FeedInterruption]:
    """The ledger of what streams did not tell, the newest first."""
    rows = FeedInterruption.objects.all()
    return rows.filter(exchange=exchange) if exchange else rows


def stored_indicator(spec_id: int) -> IndicatorSpec:
    """A kept indicator; refuses IndicatorNotStored."""
    row = IndicatorSpec.objects.filter(pk=spec_id).first()
    if row is None:
        raise IndicatorNotStored(f"There is no stored indicator {spec_id}.")
    return row


def missing_candles(symbol: Symbol, timeframe: Timeframe, from_ms: int, to_ms: int) -> list[Hole]:
    """Holes among the stored candles in [from_ms, to_ms), oldest first."""
    start = -(-from_ms // timeframe.ms) * timeframe.ms
    stop = -(-to_ms // timeframe.ms) * timeframe.ms
    times = store.open_times(symbol.pk, timeframe, start, stop).tolist()
    return [
        Hole(first, after, (after - first) // timeframe.ms)
        for first, after in missing_ranges(times, start, stop, timeframe.ms)
    ]


def gaps(
    symbol: Symbol | None = None, timeframe: Timeframe | None = None, status: str | None = None
) -> QuerySet[FeedGap]:
    """The gap ledger, oldest hole first."""
    rows = FeedGap.objects.order_by("symbol_id", "timeframe", "from_ms")
    given = {"symbol": symbol, "timeframe": timeframe, "status": status}
    return rows.filter(**{key: value for key, value in given.items() if value is not None})


def warmup_state(symbol: Symbol, timeframe: Timeframe, bars_needed: int, now_ms: int) -> Readiness:
    """Are the newest `bars_needed` closed candles stored, whole and fresh at `now_ms`?

    Holes that the exchange itself has (ABSENT in the ledger) don't count as missing.
    """
    newest = timeframe.last_closed_open(now_ms)
    rows = store.candle_rows(symbol.pk, timeframe, to_ms=newest + timeframe.ms, limit=bars_needed)
    times = [row[0] for row in rows]
    latest = times[-1] if times else None
    holes = _unexplained(symbol, timeframe, times)
    missing = bars_needed - len(rows) + holes
    stale = latest is None or _late(latest, newest, timeframe, now_ms)
    reasons = []
    if missing:
        reasons.append(f"{missing} of {bars_needed} {timeframe} candles of {symbol} are missing")
    if stale and latest is not None:
        behind = (newest - latest) // timeframe.ms
        reasons.append(f"the newest {timeframe} candle of {symbol} is {behind} candles old")
    return Readiness(missing, latest, stale, reasons)


def _unexplained(symbol: Symbol, timeframe: Timeframe, times: list[int]) -> int:
    """Candles missing between the stored ones that the exchange may still have."""
    if len(times) < 2 or times[-1] - times[0] == (len(times) - 1) * timeframe.ms:
        return 0
    first, last = times[0], times[-1]
    absent = gaps(symbol, timeframe, FeedGap.Status.ABSENT).filter(to_ms__gt=first)
    explained = sum(
        min(gap.to_ms, last) - max(gap.from_ms, first) for gap in absent.filter(from_ms__lt=last)
    )
    holes = sum(stop - start for start, stop in missing_ranges(times, first, last, timeframe.ms))
    return max(0, holes - explained) // timeframe.ms


def _late(latest: int, newest: int, timeframe: Timeframe, now_ms: int) -> bool:
    if latest >= newest:
        return False
    one_behind = latest == newest - timeframe.ms
    arriving = now_ms - (newest + timeframe.ms) <= ARRIVAL_S * 1000
    return not (one_behind and arriving)


def last_price(symbol_id: int) -> Decimal | None:
    """The stored ticker's last price, however old; None if there never was one."""
    last = Ticker.objects.filter(symbol_id=symbol_id).values_list("last", flat=True).first()
    return None if last is None else Decimal(repr(last))


def has_stale_indicators() -> bool:
    """Whether values wait to be computed."""
    return IndicatorSpec.objects.exclude(stale_from_ms=None).exists()


def chart_candles(
    symbol_id: int,
    timeframe: Timeframe,
    *,
    merge_ms: int | None,
    from_ms: int | None,
    to_ms: int | None,
    limit: int,
) -> list[CandleRow]:
    """The newest `limit` candles of a range, or wider ones where `merge_ms` is wider than one."""
    if merge_ms is None or merge_ms <= timeframe.ms:
        return store.candle_rows(symbol_id, timeframe, from_ms=from_ms, to_ms=to_ms, limit=limit)
    return store.merged_candle_rows(
        symbol_id, timeframe, width_ms=merge_ms, from_ms=from_ms, to_ms=to_ms, limit=limit
    )
