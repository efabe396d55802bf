"""From a price's stamp to a browser: how long, for how many, at what cost, and beside what?

A whole console (embedded bus, SQLite, demo bots at work) with 10 symbols more, whose ticks a
process publishes through the feed's own code in its rounds of 100 ms, each stamped with the
millisecond of its move. Clients in processes of their own take frames and compare stamp and clock;
the exchange's own wire is not in it. In turn the same clients listen to a plain relay, which reads
the same channel and writes every payload to every socket as it is. Meanwhile /health is asked ten
times a second and the API read. Ends with 1 when a 95th percentile at 200 clients is above its
bound.

    python -m benchmarks.fan_out [--clients 50,200,400] [--seconds 12] [--rate 5]
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
import numpy as np
import orjson

from benchmarks.fan_out.console import EXCHANGE, SYMBOLS, Console, cpu_s, resident_mb, running

TICK_BOUND_MS, HEALTH_BOUND_MS, JUDGED_AT = 250.0, 20.0, 200
SWARMS = 2  # processes that the clients share
DEAF = 20  # clients that never read, in the last phase
READS = ("bots", "tickers", "portfolio", "orders")
HEALTH_PAUSE_S, READ_PAUSE_S = 0.1, 0.2
WARM_S = 30.0  # a console that has just started loads what it needs for its first requests
PATH = "/ws/ticks?symbols=" + ",".join(f"{EXCHANGE}:B{number}/USDT" for number in range(SYMBOLS))


@dataclass
class Asked:
    """Milliseconds of what was asked beside the sockets."""

    health: list[float] = field(default_factory=list)
    reads: list[float] = field(default_factory=list)


@dataclass(frozen=True)
class Phase:
    """One measured stretch."""

    name: str
    clients: int
    port: int
    pids: dict[str, int]
    deaf: int = 0


def main() -> int:
    """One console, each number of clients there and at the relay, then some that don't read."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--clients", default="50,200,400")
    parser.add_argument("--seconds", type=float, default=12.0)
    parser.add_argument("--rate", type=float, default=5.0)
    asked = parser.parse_args()
    counts = [int(number) for number in asked.clients.split(",")]
    with tempfile.TemporaryDirectory(prefix="fan-out-") as folder, running(folder) as console:
        token = _prepared(console)
        with _source(console, asked.rate), _relay(console) as relay:
            _say(f"{SYMBOLS} symbols, {asked.rate:g} moves of each a second, demo bots at work")
            with _askers(console, token, Asked()):
                time.sleep(WARM_S)
            pids = {name: console.pid_of(name) for name in ("web", "feed", "bus")}
            phases = [
                phase
                for count in counts
                for phase in (
                    Phase("console", count, console.port, pids),
                    Phase("relay", count, relay.port, {"relay": relay.pid, "bus": pids["bus"]}),
                )
            ]
            judged = JUDGED_AT if JUDGED_AT in counts else counts[-1]
            phases.append(Phase("deaf beside", judged, console.port, pids, deaf=DEAF))
            return max([_measure(console, one, token, asked.seconds, judged) for one in phases])


def _prepared(console: Console) -> str:
    with console.spawn("benchmarks.fan_out.console") as process:
        answer, _ = process.communicate(timeout=60)
    return answer.strip().splitlines()[-1]


@contextmanager
def _source(console: Console, rate: float) -> Iterator[None]:
    process = console.spawn("benchmarks.fan_out.source", "ticks", str(rate))
    try:
        yield
    finally:
        process.terminate()
        process.wait()


@dataclass(frozen=True)
class Relay:
    port: int
    pid: int


@contextmanager
def _relay(console: Console) -> Iterator[Relay]:
    process = console.spawn("benchmarks.fan_out.source", "relay")
    try:
        assert process.stdout
        yield Relay(int(process.stdout.readline()), process.pid)
    finally:
        process.terminate()
        process.wait()


def _measure(console: Console, phase: Phase, token: str, seconds: float, judged: int) -> int:
    """Open, wait until all is quiet, count, report; 1 when a bound is broken."""
    swarms = [_swarm(console, phase, token, number) for number in range(SWARMS)]
    for swarm in swarms:
        assert swarm.stdout
        if swarm.stdout.readline().strip() != "open":
            raise SystemExit(f"{phase.name}: not all clients got in")
    time.sleep(2)
    asked = Asked()
    with _askers(console, token, asked if phase.name != "relay" else None):
        time.sleep(1)
        before, began = {name: cpu_s(pid) for name, pid in phase.pids.items()}, time.monotonic()
        _tell(swarms)
        time.sleep(seconds)
        _tell(swarms)
        took = time.monotonic() - began
        used = {name: (cpu_s(pid) - before[name]) / took for name, pid in phase.pids.items()}
    heard = [orjson.loads(swarm.communicate()[0]) for swarm in swarms]
    return _report(phase, heard, asked, used, took, phase.clients >= judged)


def _swarm(console: Console, phase: Phase, token: str, number: int) -> subprocess.Popen[str]:
    many = phase.clients // SWARMS + (number < phase.clients % SWARMS)
    deaf = phase.deaf if number == 0 else 0
    arguments = (str(phase.port), PATH, token, str(many + deaf), str(deaf))
    return console.spawn("benchmarks.fan_out.frames", *arguments)


def _tell(swarms: list[subprocess.Popen[str]]) -> None:
    for swarm in swarms:
        assert swarm.stdin
        swarm.stdin.write("\n")
        swarm.stdin.flush()


@contextmanager
def _askers(console: Console, token: str, asked: Asked | None) -> Iterator[None]:
    """Health and reads, each over a kept connection, for as long as the block runs."""
    over = threading.Event()

    def ask(paths: tuple[str, ...], times: list[float], pause_s: float) -> None:
        headers = {"Authorization": f"Bearer {token}"}
        address = f"http://127.0.0.1:{console.port}"
        with httpx.Client(base_url=address, headers=headers, timeout=30) as client:
            number = 0
            while not over.wait(pause_s):
                began = time.perf_counter()
                client.get(paths[number % len(paths)]).raise_for_status()
                times.append((time.perf_counter() - began) * 1000)
                number += 1

    reads = tuple(f"/api/v1/{path}" for path in READS)
    threads = []
    if asked is not None:
        work: tuple[tuple[tuple[str, ...], list[float], float], ...] = (
            (("/health", "/db-health"), asked.health, HEALTH_PAUSE_S),
            (reads, asked.reads, READ_PAUSE_S),
        )
        threads = [threading.Thread(target=ask, args=one, daemon=True) for one in work]
    for thread in threads:
        thread.start()
    yield
    over.set()
    for thread in threads:
        thread.join()


def _report(
    phase: Phase,
    heard: list[dict[str, Any]],
    asked: Asked,
    used: dict[str, float],
    took: float,
    judged: bool,
) -> int:
    ages = [age for one in heard for age in one["ages"]]
    if not ages:
        raise SystemExit(f"{phase.name}: nobody heard anything")
    frames, size = (sum(one[name] for one in heard) for name in ("frames", "size"))
    p50, p95, p99 = np.percentile(ages, [50, 95, 99])
    cost = ", ".join(
        f"{name} {share:.0%} of a core {resident_mb(phase.pids[name]):.0f} MB"
        for name, share in used.items()
    )
    deaf = f" + {phase.deaf} that don't read" if phase.deaf else ""
    _say(
        f"{phase.name:12} {phase.clients:4}{deaf}: tick p50 {p50:.0f}, p95 {p95:.0f},"
        f" p99 {p99:.0f}, max {max(ages):.0f} ms; {frames / took:.0f} frames/s"
        f" of {size / frames:.0f} bytes, {len(ages) / took:.0f} ticks/s; {cost}"
    )
    broken = phase.name != "relay" and judged and phase.clients <= JUDGED_AT and p95 > TICK_BOUND_MS
    if asked.health:
        broken |= _report_asked(asked) and judged and phase.clients <= JUDGED_AT
    if closed := sum(one["closed"] for one in heard):
        _say(f"{'':12} {closed} sockets were closed")
    return int(broken)


def _report_asked(asked: Asked) -> bool:
    for name, times in (("health", asked.health), ("API reads", asked.reads)):
        p50, p95, p99 = np.percentile(times, [50, 95, 99])
        _say(f"{'':12} {name}: p50 {p50:.1f}, p95 {p95:.1f}, p99 {p99:.1f} ms ({len(times)})")
    return bool(np.percentile(asked.health, 95) > HEALTH_BOUND_MS)


def _say(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    sys.exit(main())
