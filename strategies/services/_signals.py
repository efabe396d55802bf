"""Signals: looked for at each closed candle, stored once, marked when a bot acted on one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import isfinite
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Q

from config import bus
from marketdata import store
from marketdata.bars import Bars, Floats
from marketdata.models import Symbol
from marketdata.timeframes import Timeframe
from strategies import queries, registry, signal_rules
from strategies.errors import VersionUnknown
from strategies.events import SIGNALS_GROUP, signal_data
from strategies.models import Signal, SignalCursor
from strategies.signal_rules import Kinds, Measures, SignalLimits

MOST_CANDLES = 50  # older ones are no news
MOST_SERIES = 50  # told of in one second
GRACE_MS = 10_000  # the feed tells of a candle sooner
ASKED_FOR = timedelta(seconds=10)


def detect_signals(*, symbol_id: int, timeframe: str, now: datetime) -> list[Signal]:
    """What was said at the closes since the last look; those that are new.

    The same candles again give no second row. A series that is looked at for the first time
    begins at its newest candle.
    """
    length_ms = Timeframe(timeframe).ms
    bars = _bars(symbol_id, timeframe)
    if not len(bars):
        return []
    symbol, measures = Symbol.objects.get(pk=symbol_id), signal_rules.measures_of(bars)
    series = _Series(symbol, Timeframe(timeframe), bars, measures, _limits())
    newest_ms = int(bars.open_ms[-1]) + length_ms
    cursor = _cursor(symbol_id, timeframe, newest_ms - length_ms)
    first = int(bars.open_ms.searchsorted(cursor.close_ms - length_ms, side="right"))
    first = max(first, len(bars) - MOST_CANDLES, 1)
    found = [
        series.signal(place, name, str(kinds[place]), lines, now)
        for name, kinds, lines in _rules(bars)
        for place in range(first, len(bars))
        if kinds[place]
    ]
    with transaction.atomic():
        fresh = [signal for signal in found if _store(signal)]
        SignalCursor.objects.filter(pk=cursor.pk, close_ms__lt=newest_ms).update(
            close_ms=newest_ms, asked_at=now
        )
    return fresh


def mark_signal_executed(
    *,
    symbol_id: int,
    timeframe: str,
    candle_close_ms: int,
    strategy: str,
    kind: str,
    price: float,
    details: dict[str, Any],
    now: datetime,
) -> None:
    """A bot's order follows from it. A bot may be sooner than the look for signals, or run
    another version than the active one: then this is where the signal is written.
    """
    signal = Signal(
        symbol_id=symbol_id,
        timeframe=timeframe,
        candle_close_ms=candle_close_ms,
        strategy=strategy,
        kind=kind,
        price=price,
        details=details,
        executed=True,
        created_at=now,
    )
    if _store(signal):
        return
    rows = Signal.objects.filter(
        symbol_id=symbol_id,
        timeframe=timeframe,
        candle_close_ms=candle_close_ms,
        strategy=strategy,
        executed=False,
    )
    rows.update(executed=True)


def claim_due_series(*, now: datetime, now_ms: int) -> list[tuple[int, str]]:
    """Series with a closed candle that nobody has looked at, told of at most every ten seconds.

    The feed tells at once; this finds what was lost.
    """
    due = [
        Q(timeframe=name, close_ms__lt=frame.floor(now_ms - GRACE_MS))
        for name in settings.ENV.signal_timeframes
        for frame in (Timeframe(name),)
    ]
    if not due:
        return []
    wanted = due[0]
    for one in due[1:]:
        wanted |= one
    rows = SignalCursor.objects.filter(wanted, symbol__watched=True)
    rows = rows.filter(Q(asked_at=None) | Q(asked_at__lt=now - ASKED_FOR) | Q(asked_at__gt=now))
    return [
        (row.symbol_id, row.timeframe)
        for row in rows[:MOST_SERIES]
        if SignalCursor.objects.filter(pk=row.pk, asked_at=row.asked_at).update(asked_at=now)
    ]


def _bars(symbol_id: int, timeframe: str) -> Bars:
    active = [strategy.warmup(queries.params_of(version)) for strategy, version in _strategies()]
    many = max([signal_rules.RULE_WARMUP, *active]) + MOST_CANDLES
    return store.bars_of(store.candle_rows(symbol_id, timeframe, limit=many))


def _strategies() -> Iterator[tuple[Any, Any]]:
    """Each strategy with its active version; one that was never seeded has none."""
    for name, strategy in registry.STRATEGIES.items():
        try:
            yield strategy, queries.active_version(name)
        except VersionUnknown:
            continue


def _rules(bars: Bars) -> Iterator[tuple[str, Kinds, dict[str, Floats]]]:
    yield (signal_rules.CROSS, *signal_rules.crossings(bars))
    yield (signal_rules.RSI, *signal_rules.rsi_levels(bars))
    for strategy, version in _strategies():
        kinds, lines = signal_rules.turns(strategy, queries.params_of(version), bars)
        yield strategy.name, kinds, lines


@dataclass(frozen=True, slots=True)
class _Series:
    """The candles of one look, with what every signal among them says."""

    symbol: Symbol
    frame: Timeframe
    bars: Bars
    measures: Measures
    limits: SignalLimits

    def signal(
        self, place: int, name: str, kind: str, lines: dict[str, Floats], now: datetime
    ) -> Signal:
        atr_bps, rvol = float(self.measures.atr_bps[place]), float(self.measures.rvol[place])
        numbers = {line: float(values[place]) for line, values in lines.items()}
        numbers |= {"atr_bps": atr_bps, "rvol": rvol, "volume": float(self.bars.volume[place])}
        return Signal(
            symbol=self.symbol,
            timeframe=str(self.frame),
            candle_close_ms=int(self.bars.open_ms[place]) + self.frame.ms,
            strategy=name,
            kind=kind,
            price=float(self.bars.close[place]),
            details={key: value if isfinite(value) else None for key, value in numbers.items()},
            filtered=signal_rules.filter_of(atr_bps, rvol, self.limits),
            created_at=now,
        )


def _limits() -> SignalLimits:
    env = settings.ENV
    return SignalLimits(env.signal_min_atr_bps, env.signal_max_atr_bps, env.signal_min_rvol)


def _cursor(symbol_id: int, timeframe: str, start_ms: int) -> SignalCursor:
    cursor, _ = SignalCursor.objects.get_or_create(
        symbol_id=symbol_id, timeframe=timeframe, defaults={"close_ms": start_ms}
    )
    return cursor


def _store(signal: Signal) -> bool:
    """Whether it is new; then it is said on the socket once it is committed."""
    row, fresh = Signal.objects.get_or_create(
        symbol_id=signal.symbol_id,
        timeframe=signal.timeframe,
        candle_close_ms=signal.candle_close_ms,
        strategy=signal.strategy,
        defaults={
            name: getattr(signal, name)
            for name in ("kind", "price", "details", "filtered", "executed", "created_at")
        },
    )
    if fresh:
        signal.pk = row.pk
        message = {"type": "signal.message", "data": signal_data(row)}
        bus.publish_on_commit(SIGNALS_GROUP, message)
    return fresh
