"""When a failing exchange is asked again. Pure: the state is a row, the dice are passed in."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

FAILURES_TO_OPEN = 3
FIRST_PAUSE_S = 2.0
LONGEST_PAUSE_S = 300.0
# A probe that died with its process must not keep the circuit half-open for ever.
PROBE_S = 60.0


@dataclass(frozen=True, slots=True)
class Failure:
    """The circuit after one more failure."""

    failures: int
    opens: bool
    pause_s: float


def pause_s(failures: int, jitter: float) -> float:
    """Exponential from the failure that opens the circuit on, capped; `jitter` in [0, 1).

    Chance makes it half to one and a half times as long, so that processes don't ask in step.
    """
    doublings = min(max(0, failures - FAILURES_TO_OPEN), 16)
    return min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2.0**doublings * (0.5 + jitter))


def after_failure(
    failures: int, *, half_open: bool, retry_after_s: float | None, jitter: float
) -> Failure:
    """One failure more. A failed probe and an exchange that wants a pause open at once."""
    count = failures + 1
    opens = half_open or retry_after_s is not None or count >= FAILURES_TO_OPEN
    # Asking earlier than an exchange allows turns its 429 into a ban: no cap on its own wish.
    return Failure(count, opens, max(pause_s(count, jitter), retry_after_s or 0.0))


def probe_due(retry_at: datetime | None, now: datetime) -> bool:
    """May one call find out whether an open (or abandoned half-open) circuit can close?"""
    return retry_at is None or retry_at <= now


def probe_until(now: datetime) -> datetime:
    """Until when a probe that doesn't report back keeps others waiting."""
    return now + timedelta(seconds=PROBE_S)
