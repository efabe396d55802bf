"""What the peers' scripts share: the arguments, the candles, the clock and the answer in JSON.

Each script runs with the Python of its own environment, which has numpy and the peer.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

CASH, FEE, FAST, SLOW = 10_000.0, 0.001, 20, 50


@dataclass(frozen=True)
class Market:
    """float64[bars] each; no signal counts before bar `warmup`, counted from one."""

    open_ms: Any
    open: Any
    high: Any
    low: Any
    close: Any
    volume: Any
    warmup: int
    asked: argparse.Namespace

    def frame(self, *names: str) -> Any:
        """OHLCV as a DataFrame by time in UTC, under these column names."""
        import pandas as pd

        columns = (self.open, self.high, self.low, self.close, self.volume)
        index = pd.to_datetime(
            self.open_ms.astype(np.int64), unit="ms"
        )  # naive: of aware times every peer makes objects
        return pd.DataFrame(dict(zip(names, columns, strict=True)), index=index)


def market() -> Market:
    """The candles that the command line asks for."""
    parser = argparse.ArgumentParser()
    parser.add_argument("candles")
    parser.add_argument("--bars", type=int, required=True)
    parser.add_argument("--warmup", type=int, default=1)
    parser.add_argument("--repeat", type=int, default=1)
    parser.add_argument("--engine", default="")
    parser.add_argument("--pairs", type=int, default=0)
    asked = parser.parse_args()
    rows = np.load(asked.candles, mmap_mode="r")[:, : asked.bars]
    return Market(*(np.array(row) for row in rows), warmup=asked.warmup, asked=asked)


def report(
    package: str, asked: argparse.Namespace, run: Callable[[], tuple[int, float]], *, warm: bool
) -> None:
    """Time `run`, which gives closed trades and final equity; `warm`: once before, uncounted."""
    if warm:
        run()
    seconds, cpu = [], []
    for _ in range(asked.repeat):
        started, used = time.perf_counter(), time.process_time()
        trades, equity = run()
        cpu.append(time.process_time() - used)
        seconds.append(time.perf_counter() - started)
    answer = {
        "version": version(package),
        "bars": asked.bars,
        "seconds": seconds,
        "cpu": cpu,
        "trades": int(trades),
        "equity": float(equity),
        "peak_mb": _peak_mb(),
    }
    print(json.dumps(answer))


def _peak_mb() -> float:
    # Not ru_maxrss: that counts the memory of whoever started this program.
    status = Path("/proc/self/status")
    if not status.exists():
        import resource

        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    found = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
    return int(found.split()[1]) / 1024
