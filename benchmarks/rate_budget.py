"""What does one call cost against the shared request budget, and does it hold between processes?

An embedded bus of its own, on a unix socket. Ends with 1 when processes together took more than
there was.

    python -m benchmarks.rate_budget
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

ROUNDS, PROCESSES, EACH = 5_000, 3, 4_000


def main() -> int:
    """Time each part, then let processes compete."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
    if "--compete" in sys.argv:
        return _compete(sys.argv[-1])
    from config.embedded_bus import serving_bus

    with tempfile.TemporaryDirectory() as folder:
        socket = Path(folder) / "bus.sock"
        with serving_bus(socket=socket, data_dir=Path(folder)):
            return _measure(f"unix://{socket}")


def _measure(url: str) -> int:
    import redis

    from config.rate_budget import Priority, RateBudget, Window

    client = redis.Redis.from_url(url)
    budget, alone = RateBudget(redis=client), RateBudget(redis=_Away())
    weight = Window("bench:weight", 60_000, 10**9)
    orders = [(weight, 1), (Window("bench:orders", 10_000, 10**9), 1)]
    orders.append((Window("bench:orders", 86_400_000, 10**9), 1))
    gates = ["bench"]
    _row("a bare PING", client.ping)
    _row("a read: one window", lambda: budget.take(gates, [(weight, 4)], Priority.READ))
    _row("an order: three windows", lambda: budget.take(gates, orders, Priority.ENTRY))
    _row("what an answer says", lambda: budget.note([(weight, 1)]))
    _row("without a bus", lambda: alone.take(gates, orders, Priority.ENTRY))
    return _contest(url)


class _Away:
    def register_script(self, script: str) -> object:
        raise ConnectionError("away")


def _row(name: str, call: Callable[[], object]) -> None:
    took = []
    for _ in range(ROUNDS):
        began = time.perf_counter_ns()
        call()
        took.append((time.perf_counter_ns() - began) / 1000)
    p50, p95 = np.percentile(took, [50, 95])
    print(f"  {name:<26} p50 {p50:7.1f} us   p95 {p95:7.1f} us")


def _contest(url: str) -> int:
    command = [sys.executable, "-m", "benchmarks.rate_budget", "--compete", url]
    began = time.perf_counter()
    racers = [
        subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(PROCESSES)
    ]
    granted = [int(racer.communicate()[0]) for racer in racers]
    took, most = time.perf_counter() - began, int(6_000 * 0.9)
    print(
        f"  {PROCESSES} processes wanted {PROCESSES * EACH:,} and got {sum(granted):,} of {most:,}"
    )
    print(f"  shares {granted}, {took:.1f} s with their start")
    return 0 if sum(granted) == most else 1


def _compete(url: str) -> int:
    import redis

    from config.rate_budget import Priority, RateBudget, Window

    budget = RateBudget(redis=redis.Redis.from_url(url))
    window = Window("bench:contest", 600_000, 6_000)
    wanted = [(window, 1)]
    print(sum(budget.take([], wanted, Priority.CANCEL).granted for _ in range(EACH)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
