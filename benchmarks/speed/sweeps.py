"""Many parameter pairs over the same bars."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from marketdata.bars import Bars
from speed import bare
from speed.clock import Bound, Section, interleaved, ms, ratio
from speed.market import SEED, bars_of
from speed.process import child, peak_mb
from speed.single import CASH, FILTERS, NEAR, rules
from strategies import registry
from trading.simulation import Rules, Run, lane_of, score_run, sweep

BARE, OURS, SCORED = "bare loop, all cores", "ours, final equity", "ours, score_run()"
ALONE = "ours, final equity, 1 core"
SIZES = (100, 1_000, 4_000)


def pairs(count: int) -> list[tuple[int, int]]:
    """SMA and EMA windows, drawn from 40 x 100: few pairs already need most of the windows."""
    drawn = np.random.default_rng(SEED).permutation(SIZES[-1])[:count]
    return [(5 + int(each) // 100, 50 + int(each) % 100) for each in drawn]


def warmups(asked: list[tuple[int, int]]) -> Any:
    """int64[pairs]: the bar, counted from one, at which the first target counts."""
    strategy = registry.get("sma_cross")
    valid = [strategy.validated({"fast": fast, "slow": slow}) for fast, slow in asked]
    return np.array([strategy.warmup(params) for params in valid])


def ours(
    bars: Bars, asked: list[tuple[int, int]], look: Any, cores: int | None = None
) -> list[Any]:
    """What `look` saw of each pair."""
    strategy = registry.get("sma_cross")
    same = rules()

    def course(params: Any) -> tuple[list[Any], Rules]:
        return [lane_of("BTC/USDT", bars, strategy, params, filters=FILTERS)], same

    many = [strategy.validated({"fast": fast, "slow": slow}) for fast, slow in asked]
    return [seen for _, seen in sweep(many, course, look, cores=cores)]


def final_equity(done: Run) -> float:
    """The least that one wants to know."""
    return float(done.equity[-1])


def sweeps(path: Path, size: int, count: int, rounds: int) -> Section:
    """The bare loop and ours in turn; then the memory of ours."""
    tasks = _tasks(bars_of(path, size), pairs(count))
    times = interleaved(tasks, rounds)
    section = Section(
        f"3. Sweep, {count:,} pairs x {size:,} bars, {os.cpu_count()} cores",
        ("", "median ms", "min ms", "to bare loop", "ns a bar and pair"),
        data=dict(times),
        bounds=[Bound("sweep to the bare loop", ratio(times, OURS, BARE), most=2)],
    )
    for name, seconds in times.items():
        each = median(seconds) / size / count * 1e9
        share = f"{ratio(times, name, BARE):.2f}"
        section.add(name, ms(median(seconds)), ms(min(seconds)), share, f"{each:.2f}")
    expected, got = np.array(tasks[BARE]()), np.array(tasks[OURS]())
    # Who lost nearly all of it trades lots of a cent: rounding weighs more there.
    alive = expected > float(CASH) / 100
    apart = float(np.max(np.abs(got / expected - 1)[alive], initial=0))
    section.notes.append(f"Final equities of {alive.sum():,} pairs differ by at most {apart:.1e}.")
    if apart > NEAR:
        section.wrong.append("the bare sweep and ours end with other equities")
    _memory(section, path, size)
    return section


def _tasks(bars: Bars, asked: list[tuple[int, int]]) -> dict[str, Callable[[], Any]]:
    early = warmups(asked)
    return {
        BARE: lambda: bare.swept(bars, asked, early),
        OURS: lambda: ours(bars, asked, final_equity),
        ALONE: lambda: ours(bars, asked, final_equity, 1),
        SCORED: lambda: ours(bars, asked, score_run),
    }


def _memory(section: Section, path: Path, size: int) -> None:
    peaks = {count: _peak(path, size, count) for count in SIZES}
    section.data["peak_mb"] = peaks
    said = ", ".join(f"{count:,}: {peak:.0f} MB" for count, peak in peaks.items())
    section.notes.append(f"Peak memory of a process by pairs: {said}.")
    grown = peaks[SIZES[-1]] / peaks[SIZES[1]]
    section.bounds.append(Bound("memory of 4,000 pairs to that of 1,000", grown, most=1.1))


def _peak(path: Path, size: int, count: int) -> float:
    asked = json.dumps([str(path), size, count])
    return float(child("from speed.sweeps import here; here()", asked)["peak_mb"])


def here() -> None:
    """In a process of its own: sweep, then say the most memory it took."""
    path, size, count = json.loads(sys.argv[1])
    ours(bars_of(Path(path), size), pairs(count), final_equity)
    print(json.dumps({"peak_mb": peak_mb()}))
