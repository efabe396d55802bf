"""Indicator values: subscribed per symbol and timeframe, computed when candles are stored."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np
from django.db import transaction
from django.db.models import Q

from marketdata import indicators, store
from marketdata.bars import Bars
from marketdata.models import IndicatorSpec, Symbol
from marketdata.timeframes import Timeframe

# Rows that are held at once; a long history is written in several steps.
BATCH_ROWS = 50_000


def subscribe_indicators(
    *, symbol: Symbol, timeframe: Timeframe, specs: Iterable[indicators.Spec]
) -> int:
    """Keep `specs` up to date from now on; `refresh_stale_indicators` computes the past.

    Cheap enough for any process. Subscribing again changes nothing. Gives how many were new.
    """
    first = store.first_open_ms(symbol.pk, timeframe)
    made = [
        IndicatorSpec.objects.get_or_create(
            symbol=symbol,
            timeframe=timeframe,
            name=spec.name,
            params_hash=spec.params_hash,
            defaults={"params": dict(spec.params), "stale_from_ms": first},
        )[1]
        for spec in specs
    ]
    return sum(made)


def mark_indicators_stale(*, symbol: Symbol, timeframe: Timeframe, from_ms: int) -> None:
    """Leave the values from `from_ms` on to another process that may compute."""
    rows = IndicatorSpec.objects.filter(symbol=symbol, timeframe=timeframe)
    rows.filter(Q(stale_from_ms=None) | Q(stale_from_ms__gt=from_ms)).update(stale_from_ms=from_ms)


def refresh_stale_indicators(
    *, symbol: Symbol | None = None, timeframe: Timeframe | None = None
) -> int:
    """Compute what was subscribed or marked stale, everywhere or in one series; values stored."""
    rows = IndicatorSpec.objects.exclude(stale_from_ms=None).select_related("symbol")
    if symbol is not None:
        rows = rows.filter(symbol=symbol, timeframe=timeframe)
    return sum(_refresh_stale(row) for row in rows)


def refresh_indicators(
    *,
    symbol: Symbol,
    timeframe: Timeframe,
    from_ms: int,
    to_ms: int,
    progress: Callable[[int, str], None] | None = None,
) -> int:
    """Recompute what the candles in [from_ms, to_ms) have a part in; gives the values stored.

    Reads as far back as the slowest indicator remembers, and goes on behind `to_ms` as far as
    it remembers them: the same values as from the whole history.
    """
    rows = list(IndicatorSpec.objects.filter(symbol=symbol, timeframe=timeframe))
    if not rows:
        return 0
    return _compute(rows, timeframe, from_ms, to_ms, progress)


def _refresh_stale(spec: IndicatorSpec) -> int:
    timeframe, from_ms = Timeframe(spec.timeframe), spec.stale_from_ms or 0
    latest = store.latest_open_ms(spec.symbol_id, timeframe)
    with transaction.atomic():
        stored = 0
        if latest is not None:
            stored = _compute([spec], timeframe, from_ms, latest + timeframe.ms, None)
        # Guarded: marked again from further back meanwhile, it stays stale.
        mine = IndicatorSpec.objects.filter(pk=spec.pk, stale_from_ms=spec.stale_from_ms)
        mine.update(stale_from_ms=None)
    return stored


def _compute(
    rows: Sequence[IndicatorSpec],
    timeframe: Timeframe,
    from_ms: int,
    to_ms: int,
    progress: Callable[[int, str], None] | None,
) -> int:
    symbol_id = rows[0].symbol_id
    specs = [indicators.Spec(row.name, row.params_hash, row.params) for row in rows]
    memory = indicators.tail_needed(specs, bar_ms=timeframe.ms)
    reach = to_ms + memory * timeframe.ms
    earlier = store.candle_rows(symbol_id, timeframe, to_ms=from_ms, limit=memory)
    bars = store.bars_of(
        earlier + store.candle_rows(symbol_id, timeframe, from_ms=from_ms, to_ms=reach)
    )
    return _store_values(rows, bars, len(earlier), progress)


def _store_values(
    specs: Sequence[IndicatorSpec],
    bars: Bars,
    start: int,
    progress: Callable[[int, str], None] | None,
) -> int:
    stored = 0
    batch: list[store.ValueRow] = []
    for number, spec in enumerate(specs, start=1):
        batch += _values(spec, bars, start)
        if len(batch) >= BATCH_ROWS or number == len(specs):
            store.insert_indicator_values(batch)
            stored += len(batch)
            batch = []
        if progress:
            progress(100 * number // len(specs), f"{spec.name} computed")
    return stored


def _values(spec: IndicatorSpec, bars: Bars, start: int) -> list[store.ValueRow]:
    """The defined values of every line from bar `start` on."""
    rows: list[store.ValueRow] = []
    times = bars.open_ms[start:]
    for line, values in indicators.compute(spec.name, spec.params, bars).items():
        defined = np.isfinite(values[start:])
        numbers = values[start:][defined].tolist()
        rows += [
            (spec.pk, line, at, value)
            for at, value in zip(times[defined].tolist(), numbers, strict=True)
        ]
    return rows
