"""What a simulation costs beside its engine: the way from the database to the stored report.

1M one-minute candles (or --bars N). In one run: the bare load; load, run, metrics and stored
report; the same with all evidence, as a job does it; and a second run, from the dataset's file.
Ends with 1 when a bound is broken.

    python -m benchmarks.simulation_store     # SQLite, and PostgreSQL when DATABASE_URL is set
"""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from marketdata.models import Symbol
    from strategies.models import StrategyVersion
    from trading.models import Simulation

BARS, ROUNDS, AT_ONCE = 1_000_000, 5, 100_000
MINUTE_MS, FIRST_MS = 60_000, 1_577_836_800_000  # 2020-01-01
PARAMS = {"fast": 20, "slow": 50}
MOST_TIMES_LOAD, MOST_BEYOND_S = 3.0, 0.3


def main() -> int:
    """Measure each store in a process of its own: settings are read once per process."""
    if "--here" in sys.argv:
        return _measure_here()
    command = [sys.executable, "-m", "benchmarks.simulation_store", "--here", *sys.argv[1:]]
    urls = dict.fromkeys(["", os.environ.get("DATABASE_URL", "")])
    return max(
        subprocess.run(command, env={**os.environ, "DATABASE_URL": url}, check=False).returncode
        for url in urls
    )


def _measure_here() -> int:
    os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"
    import django

    django.setup()
    from benchmarks.candle_store import _scratch_database

    with _scratch_database() as vendor, tempfile.TemporaryDirectory() as state:
        from django.conf import settings

        settings.STATE_DIR = Path(state)
        return _measure(vendor, _wanted_bars())


def _wanted_bars() -> int:
    return int(sys.argv[sys.argv.index("--bars") + 1]) if "--bars" in sys.argv else BARS


def _measure(vendor: str, bars: int) -> int:
    from marketdata import store
    from trading.simulation import warm

    warm()
    symbol, version = _rows(bars)
    times = {"bare load": _seconds(lambda: store.load_bars(symbol.pk, "1m"))}
    row = _simulation(symbol, version, bars)
    times["engine alone"] = _engine(row)
    times["load, run, metrics, report"] = _seconds(lambda: _short(row), _forget)
    times["second run"] = _seconds(lambda: _short(row))
    times["job with evidence"] = _seconds(lambda: _job(row), _forget, rounds=2)
    times["second job"] = _seconds(lambda: _job(row), rounds=2)
    print(f"{vendor}: {bars:,} candles, the fastest of {ROUNDS}")
    for name, seconds in times.items():
        print(f"  {name:<28}{seconds:>8.2f} s{seconds / times['bare load']:>8.2f} x the bare load")
    return 0 if _kept(times) else 1


def _kept(times: dict[str, float]) -> bool:
    ratio = times["load, run, metrics, report"] / times["bare load"]
    beyond = times["second run"] - times["engine alone"]
    kept = ratio <= MOST_TIMES_LOAD, beyond <= MOST_BEYOND_S
    words = ["kept" if each else "BROKEN" for each in kept]
    print(f"  whole way / bare load: {ratio:.2f}, at most {MOST_TIMES_LOAD}: {words[0]}")
    print(f"  second run beyond the engine: {beyond:.2f} s, at most {MOST_BEYOND_S}: {words[1]}")
    return all(kept)


def _rows(bars: int) -> tuple[Symbol, StrategyVersion]:
    """A random walk in the store, and the version that is simulated on it."""
    from django.db import transaction

    from config import clock
    from marketdata import store
    from strategies.services import sync_strategies
    from tests.marketdata.factories import make_symbol
    from trading import services

    symbol, now = make_symbol(), clock.now()
    sync_strategies(now=now)
    columns = _walk(bars)
    for first in range(0, bars, AT_ONCE):
        part = [column[first : first + AT_ONCE].tolist() for column in columns]
        with transaction.atomic():
            store.insert_candles(symbol.pk, "1m", list(zip(*part, strict=True)))
    return symbol, services.create_version(
        strategy_name="sma_cross", params=PARAMS, note="Benchmark", by=None, now=now
    )


def _walk(bars: int) -> tuple[Any, ...]:
    rng = np.random.default_rng(7)
    close = np.round(20_000 * np.exp(np.cumsum(rng.normal(0, 0.0006, bars))), 2)
    opened = np.concatenate([[20_000.0], close[:-1]])
    high, low = np.maximum(opened, close) + 1, np.minimum(opened, close) - 1
    at_ms = FIRST_MS + np.arange(bars, dtype=np.int64) * MINUTE_MS
    return at_ms, opened, high, low, close, np.full(bars, 50.0)


def _simulation(symbol: Symbol, version: StrategyVersion, bars: int) -> Simulation:
    from config import clock
    from trading import services

    plan = services.Plan([symbol], "1m", FIRST_MS, FIRST_MS + bars * MINUTE_MS)
    return services.start_simulation(
        version=version, baseline=None, plan=plan, by=None, now=clock.now()
    )


def _stage(row: Simulation) -> Any:
    from strategies import queries, registry
    from trading.services.research._stretches import stage_of

    params = queries.params_of(row.version)
    strategy = registry.get(row.version.strategy.name)
    return stage_of(row, strategy, params=[params], fill_at="next_open"), params


def _engine(row: Simulation) -> float:
    """Targets, fills and books alone, on bars that are there."""
    stage, params = _stage(row)
    return _seconds(lambda: stage.run(params, row.from_ms, row.to_ms))


def _short(row: Simulation) -> None:
    """Load, one run with all its metrics, the report of it, on disk."""
    from trading import artifacts, tear_sheet

    stage, params = _stage(row)
    run = stage.run(params, row.from_ms, row.to_ms)
    runs = tear_sheet.Runs(run, run, run, None, run, row.to_ms)
    told = {"side": tear_sheet._side(run, runs), "candles": stage.datasets()}
    content = tear_sheet.to_bytes(told)
    path = artifacts.keep("benchmark", tear_sheet.digest(content), tear_sheet.packed(content))
    path.unlink()


def _job(row: Simulation) -> None:
    from trading import services
    from trading.evidence.found import Trials

    services.make_report(row, Trials())


def _forget() -> None:
    from marketdata import datasets

    for path in datasets.folder().glob("*"):
        path.unlink()


def _seconds(
    work: Callable[[], object], before: Callable[[], object] | None = None, rounds: int = ROUNDS
) -> float:
    """The fastest: what it takes, not what else the machine does."""
    times = []
    for _ in range(rounds):
        if before:
            before()
        gc.collect()
        started = time.perf_counter()
        work()
        times.append(time.perf_counter() - started)
    return min(times)


if __name__ == "__main__":
    sys.exit(main())
