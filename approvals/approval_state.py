"""Which step an approval may take next, what it is bound to, how much of its life is over. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from marketdata.canonical import canonical_json

PENDING, APPROVED, USED = "PENDING", "APPROVED", "USED"
REJECTED, EXPIRED = "REJECTED", "EXPIRED"
WITHDRAWN, SUPERSEDED = "WITHDRAWN", "SUPERSEDED"

ENDS = frozenset({EXPIRED, WITHDRAWN, SUPERSEDED})
NEXT: dict[str, frozenset[str]] = {
    PENDING: frozenset({APPROVED, REJECTED}) | ENDS,
    APPROVED: frozenset({USED}) | ENDS,
    USED: frozenset(),
    REJECTED: frozenset(),
    EXPIRED: frozenset(),
    WITHDRAWN: frozenset(),
    SUPERSEDED: frozenset(),
}
OPEN = frozenset({PENDING, APPROVED})
MARKS = (50, 80)  # per cent of its life at which people are reminded


def digest_of(subject: Mapping[str, Any]) -> str:
    """sha256 over the canonical JSON of what is to be approved."""
    return hashlib.sha256(canonical_json(subject).encode()).hexdigest()


def mark_reached(*, begun: datetime, due: datetime, now: datetime) -> int:
    """The highest of `MARKS` that has gone by; 0 before the first."""
    life = (due - begun).total_seconds()
    share = 100 * (now - begun).total_seconds() / life if life > 0 else 100
    return max((mark for mark in MARKS if share >= mark), default=0)
