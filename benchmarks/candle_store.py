"""How fast do candles go into the store and out of it, compared with the ORM in the same run?

100,000 one-minute candles go in new, again unchanged, and all changed; then they come out as
bars, and 5,000 of them as JSON. Ends with 1 when the store is not faster by its bound.

    python -m benchmarks.candle_store     # SQLite, and PostgreSQL when DATABASE_URL is set
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np
import orjson

if TYPE_CHECKING:
    from marketdata.exchanges.protocol import CandleRow
    from marketdata.models import Candle

CANDLES, PAGE, ROUNDS = 100_000, 5_000, 3
MINUTE_MS = 60_000
# How many times faster than the ORM at least; far below what is usual, for busy machines.
BOUNDS = {"new": 2.0, "changed": 2.0, "bars": 2.0, "JSON": 1.5}


def main() -> int:
    """Measure each store in a process of its own: settings are read once per process."""
    if "--here" in sys.argv:
        return _measure_here()
    command = [sys.executable, "-m", "benchmarks.candle_store", "--here"]
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
        ours, theirs, unchanged = _measure()
    print(f"{vendor}: {CANDLES:,} candles, medians of {ROUNDS}")
    kept = [_report(what, ours[what], theirs[what]) for what in BOUNDS]
    print(f"  {'unchanged':<9}{CANDLES / unchanged:>12,.0f} rows/s")
    return 0 if all(kept) else 1


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


def _measure() -> tuple[dict[str, float], dict[str, float], float]:
    """Seconds of the store, of the ORM, and of an import that changes nothing."""
    from marketdata import store
    from marketdata.models import Candle
    from tests.marketdata.factories import make_symbol

    symbol = make_symbol()
    rows, other = _rows(1.0), _rows(2.0)

    turns = iter([other, rows] * ROUNDS)

    def empty() -> None:
        Candle.objects.all().delete()

    def stored() -> object:
        return store.insert_candles(symbol.pk, "1m", rows)

    theirs = {
        "new": _seconds(lambda: Candle.objects.bulk_create(_objects(symbol.pk, rows)), empty),
        "changed": _seconds(lambda: _upsert(_objects(symbol.pk, next(turns)))),
        "bars": _seconds(lambda: _bars_by_orm(symbol.pk)),
        "JSON": _seconds(lambda: _json_by_orm(symbol.pk)),
    }
    ours = {"new": _seconds(stored, empty)}
    unchanged = _seconds(stored)
    ours |= {
        "changed": _seconds(lambda: store.insert_candles(symbol.pk, "1m", next(turns))),
        "bars": _seconds(lambda: store.load_bars(symbol.pk, "1m")),
        "JSON": _seconds(lambda: store.candle_rows_json(symbol.pk, "1m", limit=PAGE)),
    }
    return ours, theirs, unchanged


def _rows(seed: float) -> list[CandleRow]:
    close = 100 + np.cumsum(np.sin(np.arange(CANDLES) * seed))
    times = (np.arange(CANDLES) * MINUTE_MS).tolist()
    columns = [(close + shift).tolist() for shift in (-1, 2, -2, 0, seed)]
    return list(zip(times, *columns, strict=True))


def _objects(symbol_id: int, rows: list[CandleRow]) -> list[Candle]:
    from marketdata.models import Candle

    names = ("open_ms", "open", "high", "low", "close", "volume")
    return [
        Candle(symbol_id=symbol_id, timeframe="1m", **dict(zip(names, row, strict=True)))
        for row in rows
    ]


def _upsert(objects: list[Candle]) -> None:
    from marketdata.models import Candle

    Candle.objects.bulk_create(
        objects,
        update_conflicts=True,
        unique_fields=["symbol", "timeframe", "open_ms"],
        update_fields=["open", "high", "low", "close", "volume"],
    )


def _bars_by_orm(symbol_id: int) -> object:
    from marketdata.models import Candle

    candles = Candle.objects.filter(symbol_id=symbol_id, timeframe="1m").order_by("open_ms")
    return np.array([(row.open_ms, row.open, row.high, row.low, row.close) for row in candles])


def _json_by_orm(symbol_id: int) -> bytes:
    from marketdata.models import Candle

    candles = Candle.objects.filter(symbol_id=symbol_id, timeframe="1m").order_by("-open_ms")
    fields = ("open_ms", "open", "high", "low", "close", "volume")
    return orjson.dumps([[getattr(row, name) for name in fields] for row in candles[:PAGE]])


def _seconds(work: Callable[[], object], before: Callable[[], object] | None = None) -> float:
    """The median; each round in a transaction of its own, as services do it."""
    from django.db import transaction

    times = []
    for _ in range(ROUNDS):
        if before:
            before()
        started = time.perf_counter()
        with transaction.atomic():
            work()
        times.append(time.perf_counter() - started)
    return sorted(times)[len(times) // 2]


def _report(what: str, ours: float, theirs: float) -> bool:
    rows = PAGE if what == "JSON" else CANDLES
    ratio = theirs / ours
    kept = ratio >= BOUNDS[what]
    print(
        f"  {what:<9}{rows / ours:>12,.0f} rows/s  ORM {rows / theirs:>10,.0f}  "
        f"{ratio:4.1f} times faster, {BOUNDS[what]} wanted: {'kept' if kept else 'BROKEN'}"
    )
    return kept


if __name__ == "__main__":
    sys.exit(main())
