"""The only readers of clocks. Doors ask here; services and rules get `now` passed in."""

from __future__ import annotations

import time
from datetime import UTC, datetime


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
