"""The only readers of clocks. Doors ask here; services and rules get `now` passed in."""

from __future__ import annotations

import os
import socket
import time
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


@dataclass(frozen=True, slots=True)
class Reading:
    """The wall clock against the monotonic one, which all processes of one start of a machine
    share: two readings of one boot that differ mean that somebody set the wall clock, or that the
    machine slept.
    """

    boot: str
    apart_ms: int


def now() -> datetime:
    """Wall clock, aware, UTC."""
    return datetime.now(tz=UTC)


def now_ms() -> int:
    """Wall clock as whole milliseconds since the epoch."""
    return time.time_ns() // 1_000_000


def mono() -> float:
    """Monotonic seconds: for timeouts and leases inside one process."""
    return time.monotonic()


def from_ms(value: int) -> datetime:
    """Milliseconds since the epoch as an aware UTC datetime."""
    return datetime.fromtimestamp(value / 1000, tz=UTC)


def to_ms(value: datetime) -> int:
    """An aware datetime as milliseconds since the epoch."""
    return round(value.timestamp() * 1000)


def read() -> Reading:
    """Both clocks now."""
    return Reading(_boot(), round(now_ms() - mono() * 1000))


@cache
def _boot() -> str:
    """Where no kernel tells it, a process is compared with itself alone."""
    with suppress(OSError):
        return _BOOT_ID.read_text().strip()
    return f"{socket.gethostname()}-{os.getpid()}"[:64]
