"""What became of an attempt to deliver, and when the next one follows. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

# After the first attempt, the second, ...; when they are used up it has failed.
PAUSES_S = (15, 60, 240, 900, 3600)
BUSY_S = 60  # at least, after a 429
MAX_ATTEMPTS = len(PAUSES_S) + 1
LATEST = timedelta(hours=24)  # older news is no news
_AGAIN_STATUS = frozenset({408, 425, 429, 500, 502, 503, 504})


class Outcome(StrEnum):
    """Stable codes of the ledger."""

    SENT = "SENT"
    UNREACHABLE = "UNREACHABLE"  # no connection, no answer in time, broken off
    TOO_SLOW = "TOO_SLOW"  # it answered, but not within the time of a task
    BUSY = "BUSY"  # 429
    FAILING = "FAILING"  # 5xx and its like: worth another attempt
    REFUSED = "REFUSED"  # any other answer: will be the same next time
    GONE = "GONE"  # a browser's subscription that ended
    ADDRESS_REFUSED = "ADDRESS_REFUSED"  # it leads to a private network
    ADDRESS_BROKEN = "ADDRESS_BROKEN"  # the sealed address does not open, or is no address
    TOO_OLD = "TOO_OLD"  # waited longer than anybody would want to read it
    CRASHED = "CRASHED"  # the attempt's process ended before it could tell


@dataclass(frozen=True, slots=True)
class Attempted:
    """One attempt: code, HTTP or SMTP status where there was one, words without a secret."""

    outcome: Outcome
    status: int | None = None
    detail: str = ""


FINAL = frozenset({Outcome.REFUSED, Outcome.GONE, Outcome.ADDRESS_REFUSED, Outcome.ADDRESS_BROKEN})


def of_status(status: int) -> Outcome:
    """Of an HTTP answer."""
    if 200 <= status < 300:
        return Outcome.SENT
    if status == 429:
        return Outcome.BUSY
    return Outcome.FAILING if status in _AGAIN_STATUS or status >= 500 else Outcome.REFUSED


def pause_after(outcome: Outcome, attempts: int) -> timedelta | None:
    """Until the next attempt, after `attempts` of them; None when there is none."""
    if outcome in FINAL or attempts > len(PAUSES_S):
        return None
    pause_s = PAUSES_S[max(attempts, 1) - 1]
    return timedelta(seconds=max(pause_s, BUSY_S) if outcome is Outcome.BUSY else pause_s)
