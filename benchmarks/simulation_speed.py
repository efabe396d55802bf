"""How fast is the simulation engine: beside a bare numba loop, and beside other backtesters?

    python benchmarks/simulation_speed.py                       # what needs no peers
    python benchmarks/simulation_speed.py --peers DIR --install # makes their environments, once
    python benchmarks/simulation_speed.py --peers DIR --json out.json

SMA(20) over EMA(50), long-flat, next open, 0.1 % fee, equity kept, over seeded minutes. Bounds
stand below each table as ok or MISSED. Ends with 1 only for a wrong result, not for a slow one.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from speed.clock import Section
from speed.market import candle_file

PARTS = ("single", "peers", "sweep", "growth", "whole")


def main() -> int:
    """Print the tables; 1 when engines that must agree don't."""
    asked = _asked()
    if asked.install:
        from speed.peers import install

        install(asked.peers)
    print(_machine())
    sections = []
    for section in _sections(asked):
        print(section, flush=True)
        sections.append(section)
        if asked.json:
            asked.json.write_text(json.dumps(_told(sections), indent=1))
    missed = sum(not bound.kept for section in sections for bound in section.bounds)
    wrong = sum(len(section.wrong) for section in sections)
    print(f"\n{_load()}; {missed} bounds missed, {wrong} wrong results")
    return 1 if wrong else 0


def _asked() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--bars", type=int, default=1_000_000)
    parser.add_argument("--most-bars", type=int, default=5_000_000, help="of the growth table")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--pairs", type=int, default=1_000)
    parser.add_argument("--sweep-bars", type=int, default=100_000)
    parser.add_argument("--peers", type=Path, help="directory with an environment for each peer")
    parser.add_argument("--peer-bars", type=int, default=100_000, help="for the slow peers")
    parser.add_argument("--peer", action="append", default=[], help="only this one; repeatable")
    parser.add_argument("--install", action="store_true", help="make those environments")
    parser.add_argument("--only", choices=PARTS, action="append", default=[])
    parser.add_argument("--candles", type=Path, help="directory that keeps the candles")
    parser.add_argument("--json", type=Path, help="file for all times")
    asked = parser.parse_args()
    if asked.install and not asked.peers:
        parser.error("--install needs --peers DIR")
    asked.candles = asked.candles or Path(tempfile.gettempdir()) / "countersign-candles"
    return asked


def _sections(asked: argparse.Namespace) -> Iterator[Section]:
    from speed.growth import growth, large, whole
    from speed.market import bars_of
    from speed.peers import peers, swept
    from speed.single import single
    from speed.sweeps import sweeps

    parts, path = asked.only or PARTS, candle_file(asked.candles, asked.bars)
    few = max(asked.rounds // 5, 1)
    if "single" in parts:
        yield single(bars_of(path), asked.rounds)
    if "peers" in parts and asked.peers:
        wanted, few_bars = set(asked.peer), min(asked.peer_bars, asked.bars)
        yield peers(path, asked.peers, asked.bars, few_bars, wanted, few)
    if "sweep" in parts:
        yield sweeps(path, asked.sweep_bars, asked.pairs, few)
        if asked.peers:
            yield swept(path, asked.peers, asked.sweep_bars)
    if "growth" in parts:
        longest = candle_file(asked.candles, asked.most_bars)
        yield growth(longest, asked.most_bars, few)
        yield large(longest)
    if "whole" in parts:
        yield whole(path, few)


def _told(sections: list[Section]) -> dict[str, object]:
    return {
        "machine": _machine(),
        "load": _load(),
        "sections": [
            {
                "title": section.title,
                "rows": [section.header, *section.rows],
                "bounds": [str(bound) for bound in section.bounds],
                "wrong": section.wrong,
                "times": section.data,
            }
            for section in sections
        ],
    }


def _machine() -> str:
    import numba
    import numpy

    versions = f"Python {platform.python_version()}, numpy {numpy.__version__}"
    return f"{os.cpu_count()} cores, {versions}, numba {numba.__version__}; {_load()}"


def _load() -> str:
    return "load average " + ", ".join(f"{each:.1f}" for each in os.getloadavg())


if __name__ == "__main__":
    raise SystemExit(main())
