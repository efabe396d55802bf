"""How long after a candle arrives are its indicator values stored and readable?

Six symbols with 1,500 one-minute candles of history and the seven default indicators each;
then 300 candles more, one at a time, as the feed brings them. Each is compared with storing
a bare candle in the same run. Ends with 1 when the 95th percentile is above the bound.

    python -m benchmarks.indicator_latency     # SQLite, and PostgreSQL when DATABASE_URL is set
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from marketdata.bars import Bars
    from marketdata.exchanges.protocol import CandleRow
    from marketdata.models import Symbol

BOUND_MS = 100.0
SYMBOLS, HISTORY, CANDLES = 6, 1500, 300
MINUTE_MS = 60_000


def main() -> int:
    """Measure each store in a process of its own: settings are read once per process."""
    if "--here" in sys.argv:
        return _measure_here()
    command = [sys.executable, "-m", "benchmarks.indicator_latency", "--here"]
    urls = dict.fromkeys(["", os.environ.get("DATABASE_URL", "")])
    return max(
        subprocess.run(command, env={**os.environ, "DATABASE_URL": url}, check=False).returncode
        for url in urls
    )


def _measure_here() -> int:
    os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"
    import django

    django.setup()
    with _scratch_database() as vendor:
        ingest, bare = _run()
    ratio = float(np.median(ingest) / np.median(bare))
    kept = float(np.percentile(ingest, 95)) <= BOUND_MS
    print(f"{vendor}: {len(ingest)} candles of {SYMBOLS} symbols with {HISTORY} candles each")
    print(f"  until the indicators are readable  {_summary(ingest)}")
    print(f"  bare insert of the candle          {_summary(bare)}  ({ratio:.1f} times less)")
    print(f"  p95 <= {BOUND_MS:.0f} ms: {'kept' if kept else 'BROKEN'}")
    return 0 if kept else 1


@contextmanager
def _scratch_database() -> Iterator[str]:
    from django.db import connection

    name = connection.settings_dict["NAME"]
    if connection.vendor == "postgresql":
        connection.settings_dict["TEST"]["NAME"] = f"countersign_bench_{os.getpid()}"
    connection.creation.create_test_db(verbosity=0, autoclobber=True, serialize=False)
    try:
        yield connection.vendor
    finally:
        connection.creation.destroy_test_db(name, verbosity=0)


def _run() -> tuple[list[float], list[float]]:
    from tests.marketdata.bars import random_walk

    markets = [
        (_symbol(number), random_walk(HISTORY + CANDLES, seed=number, bar_ms=MINUTE_MS))
        for number in range(SYMBOLS)
    ]
    for symbol, bars in markets:
        _bring_history(symbol, bars)
    ingest, bare = [], []
    for i in range(CANDLES):
        symbol, bars = markets[i % SYMBOLS]
        rows = _rows(bars, HISTORY + i // SYMBOLS, HISTORY + i // SYMBOLS + 1)
        ingest.append(_ingest_and_read(symbol, rows))
        bare.append(_insert_only(symbol, rows))
    return ingest, bare


def _symbol(number: int) -> Symbol:
    from config import clock
    from marketdata.models import Symbol

    step = Decimal("0.01")
    return Symbol.objects.create(
        exchange="simulated",
        name=f"S{number}/USDT",
        base=f"S{number}",
        quote="USDT",
        price_tick=step,
        qty_step=step,
        updated_at=clock.now(),
    )


def _rows(bars: Bars, start: int, stop: int) -> list[CandleRow]:
    columns = [column.tolist() for column in bars.slice(start, stop).columns()]
    return list(zip(*columns, strict=True))


def _bring_history(symbol: Symbol, bars: Bars) -> None:
    from config import clock
    from marketdata import services
    from marketdata.indicators import DEFAULT_SPECS
    from marketdata.timeframes import Timeframe

    services.subscribe_indicators(symbol=symbol, timeframe=Timeframe.M1, specs=DEFAULT_SPECS)
    services.ingest_candles(
        symbol=symbol,
        timeframe=Timeframe.M1,
        rows=_rows(bars, 0, HISTORY),
        now=clock.now(),
        source="benchmark",
    )


def _ingest_and_read(symbol: Symbol, rows: list[CandleRow]) -> float:
    """Milliseconds from the candle's arrival until each line of each indicator was read back."""
    from config import clock
    from marketdata import indicators, services, store
    from marketdata.models import IndicatorSpec
    from marketdata.timeframes import Timeframe

    specs = list(IndicatorSpec.objects.filter(symbol=symbol, timeframe=Timeframe.M1))
    now = clock.now()
    started = time.perf_counter()
    services.ingest_candles(
        symbol=symbol, timeframe=Timeframe.M1, rows=rows, now=now, source="benchmark"
    )
    found = [
        store.indicator_rows(spec.pk, indicators.lines(spec.name), from_ms=rows[0][0])
        for spec in specs
    ]
    took = time.perf_counter() - started
    assert len(found) == len(indicators.DEFAULT_SPECS)
    assert all(len(values) == 1 for lines in found for values in lines.values())
    return took * 1000


def _insert_only(symbol: Symbol, rows: list[CandleRow]) -> float:
    """Milliseconds of storing and committing the same candle where no indicator is kept."""
    from django.db import transaction

    from marketdata import store
    from marketdata.timeframes import Timeframe

    started = time.perf_counter()
    with transaction.atomic():
        store.insert_candles(symbol.pk, Timeframe.M5, rows)
    return (time.perf_counter() - started) * 1000


def _summary(times: list[float]) -> str:
    p50, p95, worst = np.percentile(times, [50, 95, 100])
    return f"p50 {p50:6.2f} ms  p95 {p95:6.2f} ms  max {worst:6.2f} ms"


if __name__ == "__main__":
    raise SystemExit(main())
