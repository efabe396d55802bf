"""What the streams of 200 symbols cost, and how soon they are back.

python -m benchmarks.market_streams [speed|memory|reconnect|takeover ...]
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from statistics import median

import orjson

PARTS = ("speed", "memory", "reconnect", "takeover")
SYMBOLS, SECONDS, ROUNDS = 200, 6, 3
RATES = {"trades": 1000, "mixed": 2000}


def main() -> None:
    for part in sys.argv[1:] or PARTS:
        print(f"-- {part}", flush=True)
        if part == "speed":
            _speed()
        else:
            subprocess.run([sys.executable, "-m", f"benchmarks.streams.{part}"], check=True)


def _speed() -> None:
    """Rounds in turn, so that whatever else the machine does, it does to all of them."""
    with _source("trades") as address:
        found: dict[str, list[float]] = {"bare": [], "ccxt.pro": [], "ours": []}
        for _ in range(ROUNDS):
            for way, costs in found.items():
                costs.append(_cost(way, address))
    floor = median(found["bare"])
    for way, costs in found.items():
        ratio = median(cost / base for cost, base in zip(costs, found["bare"], strict=True))
        print(f"trades alone, {way:<9} {median(costs):6.1f} ms CPU for 1,000; {ratio:.1f} x bare")
    with _source("mixed") as address:
        mixed = median(_cost("ours", address) for _ in range(ROUNDS))
    print(
        f"all kinds,    ours      {mixed:6.1f} ms CPU for 1,000; {mixed / floor:.1f} x bare trades"
    )


@contextmanager
def _source(kind: str) -> Iterator[str]:
    argv = [sys.executable, "-m", "benchmarks.streams.source", str(RATES[kind]), str(SYMBOLS), kind]
    process = subprocess.Popen(argv, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield f"ws://127.0.0.1:{int(process.stdout.readline())}"
    finally:
        process.kill()
        process.wait()


def _cost(way: str, address: str) -> float:
    """ms of CPU for 1,000 messages."""
    argv = ["benchmarks.streams.reading", way, address, str(SYMBOLS), str(SECONDS)]
    told = orjson.loads(subprocess.check_output([sys.executable, "-m", *argv], timeout=60))
    print(f"   {way:<9} {told['messages']:6} messages, {told['cpu_s']:.2f} s, {told['mb']:.0f} MB")
    return float(told["cpu_s"] / told["messages"] * 1e6)


if __name__ == "__main__":
    main()
