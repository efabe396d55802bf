"""How time and memory grow with bars and symbols, and a whole process from start to end."""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
import time
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

from marketdata.bars import Bars
from speed.clock import Bound, Section, interleaved, ms
from speed.market import bars_of
from speed.process import ROOT, child, peak_mb, resident_mb
from speed.single import FILTERS, rules, simulated, strategy_targets
from trading.simulation import Lane, measure_run, run

SIZES = (10_000, 100_000, 1_000_000, 5_000_000)
LANES = (1, 2, 5, 10)
LANE_BARS = 200_000
PACKAGES = ("approvals", "config", "marketdata", "strategies", "trading")


def growth(path: Path, most: int, rounds: int) -> Section:
    """By bars of one lane, then by lanes."""
    section = Section(
        "4. Growth, targets given", ("", "median ms", "min ms", "ns a bar and lane", "fills")
    )
    everything = bars_of(path)
    tasks, sizes = {}, {}
    for size in (each for each in SIZES if each <= most):
        name = f"1 lane x {size:,} bars"
        tasks[name], sizes[name] = [_lane(everything.slice(0, size))], size
    for count in LANES:
        name = f"{count} lane{'s' * (count > 1)} x {LANE_BARS:,} bars"
        tasks[name], sizes[name] = _lanes(everything, count), count * LANE_BARS
    same = rules()
    times = interleaved({name: partial(run, lanes, same) for name, lanes in tasks.items()}, rounds)
    section.data = dict(times)
    for name, seconds in times.items():
        fills = len(run(tasks[name], same).fills.at_ms)
        each = median(seconds) / sizes[name] * 1e9
        section.rows.append(
            (name, ms(median(seconds)), ms(min(seconds)), f"{each:.1f}", f"{fills:,}")
        )
    return section


def _lane(bars: Bars, symbol: str = "S0/USDT") -> Lane:
    targets, warmup = strategy_targets(bars)
    return Lane(symbol, bars, targets, warmup, FILTERS)


def _lanes(everything: Bars, count: int) -> list[Lane]:
    made = []
    for index in range(count):
        start = index * LANE_BARS % (len(everything) - LANE_BARS + 1)
        part = everything.slice(start, start + LANE_BARS)
        times = everything.open_ms[:LANE_BARS]
        made.append(_lane(Bars(times, *part.columns()[1:]), f"S{index}/USDT"))
    return made


def large(path: Path) -> Section:
    """What dominates time and memory of the longest run."""
    found = child("from speed.growth import stages; stages()", str(path))
    bars = found.pop("bars")
    section = Section(f"   Stages of {bars:,} bars", ("", "ms", "MB more", "peak MB"), data=found)
    for name, (seconds, more, peak) in found.items():
        section.rows.append((name, ms(seconds), f"{more:.0f}", f"{peak:.0f}"))
    return section


def stages() -> None:
    """In a process of its own: seconds and memory of each stage, compiled code loaded before."""
    path = Path(sys.argv[1])
    measure_run(simulated(bars_of(path, 20_000)))
    told: dict[str, Any] = {}
    kept: dict[str, Any] = {}

    def stage(name: str, work: Any) -> None:
        before, started = resident_mb(), time.perf_counter()
        kept[name] = work()
        took = time.perf_counter() - started
        told[name] = (took, resident_mb() - before, peak_mb())

    stage("load", lambda: bars_of(path))
    stage("indicators, targets", lambda: _lane(kept["load"]))
    stage("engine, fills, trades", lambda: run([kept["indicators, targets"]], rules()))
    stage("metrics", lambda: measure_run(kept["engine, fills, trades"]))
    told["bars"] = len(kept["load"])
    print(json.dumps(told))


def whole(path: Path, rounds: int) -> Section:
    """Fresh processes: import, load, simulate, measure; and once without compiled code."""
    code = "from speed.growth import all_of_it; all_of_it()"
    child(code, str(path))
    seconds, peaks = [], []
    for _ in range(rounds):
        started = time.perf_counter()
        peaks.append(child(code, str(path))["peak_mb"])
        seconds.append(time.perf_counter() - started)
    compiling = _compiling(code, path)
    bars = len(bars_of(path))
    section = Section(
        f"5. Whole process, {bars:,} bars: import, load, simulate(), measure_run()",
        ("", "median s", "min s", "peak MB"),
        data={"seconds": seconds, "peak_mb": peaks, "compiling": compiling},
    )
    middle, least = f"{median(seconds):.2f}", f"{min(seconds):.2f}"
    section.add("compiled code on disk", middle, least, f"{max(peaks):.0f}")
    section.add("once, nothing compiled yet", f"{compiling:.2f}", "", "")
    section.bounds = [
        Bound("seconds of the whole process", median(seconds), most=3),
        Bound("MB of the whole process", max(peaks), most=300),
    ]
    return section


def _compiling(code: str, path: Path) -> float:
    """The same where the sources are, and nothing that was compiled from them."""
    with tempfile.TemporaryDirectory() as scratch:
        ignored = shutil.ignore_patterns("__pycache__")
        for name in (*PACKAGES, "benchmarks"):
            shutil.copytree(ROOT / name, Path(scratch) / name, ignore=ignored)
        started = time.perf_counter()
        child(code, str(path), root=Path(scratch))
        return time.perf_counter() - started


def all_of_it() -> None:
    """What one does who wants to know."""
    performance = measure_run(simulated(bars_of(Path(sys.argv[1]))))
    total = performance.value("total_return")
    print(json.dumps({"peak_mb": peak_mb(), "total_return": total}))
