"""The peers: their versions, their environments, and one run of each in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from marketdata.bars import Bars
from speed.clock import Bound, Section, ms
from speed.market import bars_of
from speed.process import ROOT
from speed.single import counted, simulated, strategy_targets
from speed.sweeps import final_equity, ours, pairs, warmups

SCRIPTS = ROOT / "benchmarks" / "peers"
LONGEST_S = 3_600
CLOSE = 0.03  # of trades: peers close what is open at the end, or size their orders otherwise
HEADER = (
    *("", "version", "bars", "median s", "cpu s", "trades", "ours", "final equity", "MB"),
    *("ours cpu ms", "ours faster"),
)
SWEPT = 100  # pairs that fit in vectorbt's memory


@dataclass(frozen=True)
class Peer:
    """One row: `quick` peers get all the bars, several times."""

    name: str
    packages: tuple[str, ...]
    script: str
    quick: bool = False
    engine: str = ""
    faster: float | None = None  # how many times faster ours shall be

    @property
    def place(self) -> str:
        """Directory of its environment; both engines of vectorbt share one."""
        return self.name.split(" ")[0]


NUMPY = ("numpy==2.4.6", "pandas==3.1.1")
VECTORBT = ("vectorbt[rust]==1.2.0", "numba==0.68.1", *NUMPY)
PEERS = (
    Peer("vectorbt numba", VECTORBT, "run_vectorbt.py", True, "numba", 6),
    Peer("vectorbt rust", VECTORBT, "run_vectorbt.py", True, "rust", 6),
    Peer("backtesting", ("backtesting==0.6.6", *NUMPY), "run_backtesting.py", faster=300),
    Peer("backtrader", ("backtrader==1.9.78.123", *NUMPY), "run_backtrader.py"),
    Peer(
        "nautilus_trader",
        ("nautilus_trader==1.221.0", "numpy==2.4.6", "pandas==2.3.3"),
        "run_nautilus_trader.py",
        faster=2_000,
    ),
    Peer("freqtrade", ("freqtrade==2026.9", *NUMPY), "run_freqtrade.py", faster=2_000),
    Peer("jesse", ("jesse==3.5.3", "numpy==1.26.4"), "run_jesse.py"),
)


def python_of(peer: Peer, home: Path) -> Path:
    """Its interpreter, there or not."""
    return home / peer.place / "bin" / "python"


def install(home: Path) -> None:
    """An environment for each peer that has none yet."""
    home.mkdir(parents=True, exist_ok=True)
    for peer in PEERS:
        python = python_of(peer, home)
        if python.exists():
            continue
        print(f"installing {peer.place} ...", flush=True)
        subprocess.run([sys.executable, "-m", "venv", str(home / peer.place)], check=True)
        subprocess.run([str(python), "-m", "pip", "install", "-q", *peer.packages], check=True)


def peers(path: Path, home: Path, most: int, few: int, wanted: set[str], rounds: int) -> Section:
    """Each installed peer beside ours; the slow ones over `few` bars, once."""
    section = Section(
        "2. Peers, each with its own Python; ours is simulate() from bars over the same bars",
        HEADER,
    )
    for peer in PEERS:
        if wanted and peer.name not in wanted and peer.place not in wanted:
            continue
        if not python_of(peer, home).exists():
            section.notes.append(f"{peer.name}: not installed below {home}, left out.")
            continue
        size = most if peer.quick else few
        _beside(section, peer, home, path, bars_of(path, size), rounds if peer.quick else 1)
    return section


def _beside(section: Section, peer: Peer, home: Path, path: Path, bars: Bars, rounds: int) -> None:
    mine = _times(lambda: simulated(bars), clock=time.process_time)
    warmup = strategy_targets(bars)[1]
    told = _run(peer, home, path, "--bars", len(bars), "--warmup", warmup, "--repeat", rounds)
    mine += _times(lambda: simulated(bars), clock=time.process_time)
    if "failed" in told:
        section.notes.append(f"{peer.name} failed: {told['failed']}")
        return
    trades, _ = counted(simulated(bars))
    # Of processor time: a run of seconds waits for whatever else runs, one of milliseconds doesn't.
    seconds, faster = told["seconds"], median(told["cpu"]) / median(mine)
    section.data[peer.name] = {**told, "ours": mine, "faster": faster}
    took = f"{median(seconds):.3f}", f"{median(told['cpu']):.3f}"
    made = f"{told['trades']:,}", f"{trades:,}", f"{told['equity']:,.2f}"
    beside = f"{told['peak_mb']:.0f}", ms(median(mine)), f"{faster:,.0f}"
    section.add(peer.name, told["version"], f"{len(bars):,}", *took, *made, *beside)
    if abs(told["trades"] / trades - 1) > CLOSE:
        section.notes.append(f"{peer.name}: {told['trades']} trades, ours {trades}; look why.")
    if peer.faster:
        section.bounds.append(Bound(f"times faster than {peer.name}", faster, least=peer.faster))


def swept(path: Path, home: Path, size: int) -> Section:
    """vectorbt's sweep at a size that fits in memory, beside ours of the same size."""
    section = Section(
        f"   Sweep of {SWEPT} pairs x {size:,} bars beside vectorbt's, which keeps all runs",
        ("", "median s", "MB", "trades", "first equity", "ours s", "first equity", "ours faster"),
    )
    for peer in PEERS:
        if peer.place == "vectorbt" and python_of(peer, home).exists():
            _sweep_beside(section, peer, home, path, bars_of(path, size))
    return section


def _sweep_beside(section: Section, peer: Peer, home: Path, path: Path, bars: Bars) -> None:
    mine = _times(lambda: ours(bars, pairs(SWEPT), final_equity), 3)
    first = ours(bars, pairs(1), final_equity)[0]
    asked = ("--bars", len(bars), "--warmup", warmups(pairs(1))[0], "--repeat", 2)
    told = _run(peer, home, path, *asked, "--pairs", SWEPT)
    if "failed" in told:
        section.notes.append(f"{peer.name} failed: {told['failed']}")
        return
    took = median(told["seconds"])
    faster = took / median(mine)
    section.data[peer.name] = {**told, "ours": mine, "faster": faster}
    its = f"{took:.2f}", f"{told['peak_mb']:.0f}", f"{told['trades']:,}", f"{told['equity']:,.2f}"
    section.add(peer.name, *its, f"{median(mine):.3f}", f"{first:,.2f}", f"{faster:.0f}")
    section.bounds.append(Bound(f"sweep faster than {peer.name}", faster, least=100))


def _run(peer: Peer, home: Path, path: Path, *arguments: object) -> dict[str, Any]:
    command = [str(python_of(peer, home)), str(SCRIPTS / peer.script), str(path)]
    command += [*map(str, arguments), "--engine", peer.engine]
    # Some write logs and caches to where they are started.
    work = home / "work"
    work.mkdir(exist_ok=True)
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, cwd=work, timeout=LONGEST_S, check=False
        )
        told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    except subprocess.TimeoutExpired:
        return {"failed": f"not done after {LONGEST_S} s"}
    except (ValueError, IndexError):
        return {"failed": (done.stderr.splitlines() or ["it said nothing"])[-1]}
    return told


def _times(
    task: Callable[[], object],
    rounds: int = 5,
    clock: Callable[[], float] = time.perf_counter,
) -> list[float]:
    task()
    seconds = []
    for _ in range(rounds):
        started = clock()
        task()
        seconds.append(clock() - started)
    return seconds
