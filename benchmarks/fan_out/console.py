"""A whole console on a state directory of its own, with the symbols and the login to measure it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

EXCHANGE, SYMBOLS = "bench", 10
START_S = 150
TICK = os.sysconf("SC_CLK_TCK")


class Console:
    """`manage.py up` with its demo bots at work."""

    def __init__(self, state_dir: str) -> None:
        self.state_dir = Path(state_dir)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = int(probe.getsockname()[1])
        self.environment = {
            "PATH": os.environ["PATH"],
            "HOME": state_dir,
            "STATE_DIR": state_dir,
            "PORT": str(self.port),
            "LOG_LEVEL": "WARNING",
        }
        self.lines: list[str] = []

    def start(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "manage.py", "up"],
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        threading.Thread(target=self._read, daemon=True).start()
        give_up_at = time.monotonic() + START_S
        while not any("Ready" in line for line in self.lines):
            if self._process.poll() is not None or time.monotonic() > give_up_at:
                raise SystemExit("\n".join(self.lines) or "The console did not start.")
            time.sleep(0.1)

    def stop(self) -> None:
        self._process.send_signal(signal.SIGTERM)
        self._process.wait(60)

    def _read(self) -> None:
        assert self._process.stdout
        for line in self._process.stdout:
            self.lines.append(line.rstrip())

    def spawn(self, *arguments: str) -> subprocess.Popen[str]:
        """A process of this package beside the console, on its stores."""
        argv = [sys.executable, "-m", *arguments]
        return subprocess.Popen(
            argv,
            env=self.environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def pid_of(self, name: str) -> int:
        rows = [line.split() for line in (self.state_dir / "up.pids").read_text().splitlines()]
        return next(int(row[0]) for row in rows if row[-1] == name)


@contextmanager
def running(state_dir: str) -> Iterator[Console]:
    console = Console(state_dir)
    try:
        console.start()
        yield console
    finally:
        console.stop()


def cpu_s(pid: int) -> float:
    """Processor seconds of one process until now."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICK


def resident_mb(pid: int) -> float:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    return 0.0


def prepare() -> None:
    """Symbols of an exchange that nobody follows, and a login; prints its token."""
    os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings"
    import django

    django.setup()
    from decimal import Decimal

    from django.contrib.auth.models import User

    from config import clock
    from marketdata.models import Symbol
    from trading import services
    from trading.models import ApiToken

    now = clock.now()
    for number in range(SYMBOLS):
        Symbol.objects.get_or_create(
            exchange=EXCHANGE,
            name=f"B{number}/USDT",
            defaults={
                "base": f"B{number}",
                "quote": "USDT",
                "price_tick": Decimal("0.01"),
                "qty_step": Decimal("0.001"),
                "updated_at": now,
            },
        )
    user = User.objects.get(username="admin")
    scope = ApiToken.Scope.READ
    _, secret = services.create_token(user=user, name="fan-out", scope=scope, days=1, now=now)
    print(secret, flush=True)


if __name__ == "__main__":
    prepare()
