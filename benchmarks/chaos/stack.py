"""The real console, as `manage.py up` starts it, on a state directory and stores of its own."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import IO, Any

import orjson

from benchmarks.chaos.ports import free_port
from benchmarks.chaos.stores import Postgres, Redis, wait_for
from config import processes
from config.state import bus_socket

ROOT = Path(__file__).resolve().parents[2]
PASSWORDS = {"admin": "Chaos-Admin-1", "operator": "Chaos-Operator-1"}
SYMBOLS = ("BTC/USDT", "ETH/USDT", "BNB/USDT")
START_S = 180.0


class Stack:
    """Processes by name: supervisor, web, worker, beat, feed, simulations, and bus if embedded."""

    def __init__(self, folder: Path, exchange_url: str, *, full: bool) -> None:
        self.state_dir = folder / "state"
        self.state_dir.mkdir()
        self.port = free_port()
        self.postgres = Postgres(folder) if full else None
        self.redis = Redis(folder) if full else None
        self.log = (folder / "stack.log").open("a", buffering=1)
        self._extra: list[subprocess.Popen[bytes]] = []
        self.killed_s = 0.0  # when the newest kill was, on the monotonic clock
        self.env = _environment(self.state_dir, self.port, exchange_url)
        if self.postgres and self.redis:
            self.env |= {"DATABASE_URL": self.postgres.url, "REDIS_URL": self.redis.url}

    @property
    def bus_url(self) -> str:
        return self.redis.url if self.redis else f"unix://{bus_socket(self.state_dir)}"

    def start(self) -> float:
        """`manage.py up`, until it says that it is ready; how many seconds that took."""
        began, ready = time.monotonic(), threading.Event()
        self.supervisor = subprocess.Popen(
            [sys.executable, "manage.py", "up"],
            cwd=ROOT,
            env=self.env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
        )
        assert self.supervisor.stdout is not None
        reading = (self.supervisor.stdout, ready)
        threading.Thread(target=self._read, args=reading, daemon=True).start()
        wait_for(
            lambda: ready.is_set() or self.supervisor.poll() is not None, "the console", START_S
        )
        if not ready.is_set():
            raise RuntimeError(f"the console ended at its start; see {self.log.name}")
        return time.monotonic() - began

    def _read(self, output: IO[str], ready: threading.Event) -> None:
        with output:
            for line in output:
                self.log.write(line)
                if "Ready after" in line:
                    ready.set()

    def pid_of(self, name: str) -> int:
        """0 while it isn't there."""
        if name == "supervisor":
            return self.supervisor.pid
        with contextlib.suppress(OSError):
            for line in (self.state_dir / "up.pids").read_text().splitlines():
                pid, *_, found = line.split()
                if found == name:
                    return int(pid)
        return 0

    def signal(self, name: str, number: signal.Signals) -> bool:
        """Send a signal to one process; False if there was none to send it to."""
        pid = self.pid_of(name)
        if not pid:
            return False
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)
            return True
        return False

    def children_of(self, name: str) -> list[int]:
        """A worker's pool."""
        pid = self.pid_of(name)
        with contextlib.suppress(OSError):
            listed = Path(f"/proc/{pid}/task/{pid}/children").read_text()
            return [int(child) for child in listed.split()]
        return []

    def kill(self, name: str) -> None:
        """SIGKILL; whoever keeps it alive starts it again. Waits until it is there to kill."""
        wait_for(lambda: self.signal(name, signal.SIGKILL), f"{name} to kill", 30)
        self.killed_s = time.monotonic()
        if name == "supervisor":
            self.supervisor.wait()
            self.start()

    def second(self, name: str) -> subprocess.Popen[bytes]:
        """One more worker, beat or feed beside the one that is there."""
        argv = {
            "worker": processes.worker(concurrency=2),
            "beat": processes.beat(),
            "feed": processes.feed(),
        }[name]
        self.log.flush()
        extra = subprocess.Popen(
            argv, cwd=ROOT, env=self.env, stdout=self.log, stderr=self.log, start_new_session=True
        )
        self._extra.append(extra)
        return extra

    def script(self, module: str, *arguments: str) -> Any:
        """Run one of our scripts beside the console; what it printed as JSON."""
        answered = subprocess.run(
            [sys.executable, "-m", module, *arguments],
            cwd=ROOT,
            env=self.env,
            stdout=subprocess.PIPE,
            stderr=self.log,
            check=True,
        )
        return orjson.loads(answered.stdout.splitlines()[-1])

    def end(self) -> None:
        """Stop everything that was started here, by its number."""
        for extra in self._extra:
            end_session(extra)
        if hasattr(self, "supervisor"):
            if self.supervisor.poll() is None:
                self.supervisor.terminate()
                with contextlib.suppress(subprocess.TimeoutExpired):
                    self.supervisor.wait(60)
            end_session(self.supervisor)
            for pid in self._left():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        for store in (self.redis, self.postgres):
            if store is not None:
                store.stop()
        self.log.close()

    def _left(self) -> list[int]:
        """Whatever still runs with our state directory in its environment."""
        mark, found = f"STATE_DIR={self.state_dir}\0".encode(), []
        for entry in Path("/proc").iterdir():
            with contextlib.suppress(OSError):
                if entry.name.isdigit() and mark in (entry / "environ").read_bytes():
                    found.append(int(entry.name))
        return found


def end_session(process: subprocess.Popen[Any]) -> None:
    """Kill a process that leads a session, with its children."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _environment(state_dir: Path, port: int, exchange_url: str) -> dict[str, str]:
    """Nothing of the caller's settings: a run means the same everywhere."""
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(state_dir),
        "PYTHONPATH": str(ROOT),
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "STATE_DIR": str(state_dir),
        "PORT": str(port),
        "EXCHANGES": "binance",
        "SYMBOLS": ",".join(SYMBOLS),
        "BINANCE_MARKET_DATA_BASE_URL": exchange_url,
        "BINANCE_BASE_URL": exchange_url,
        "TRADING_LIVE_MODE": "true",
        "LIVE_PAPER_DAYS": "0",
        "LIVE_PAPER_TRADES": "0",
        "SEED_DEMO": "false",
        "SECRET_KEY": "of-a-console-that-lives-for-minutes-on-loopback-only",
        **{f"AUTH_{who.upper()}_PASSWORD": word for who, word in PASSWORDS.items()},
    }
