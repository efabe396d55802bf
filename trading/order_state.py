"""States of an order and the only ways between them. Pure: no database, no clock."""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum


class OrderStatus(StrEnum):
    """Where an order is; UNKNOWN is a normal state that only a lookup resolves."""

    NEW = "NEW"
    DENIED = "DENIED"  # by our rules: never on the wire
    SUBMITTING = "SUBMITTING"  # claimed: may be on the wire
    OPEN = "OPEN"
    PARTIAL = "PARTIAL"
    FILLED = "FILLED"
    CANCELED = "CANCELED"
    EXPIRED = "EXPIRED"
    REJECTED = "REJECTED"  # by the exchange
    NOT_SENT = "NOT_SENT"  # proven absent
    UNKNOWN = "UNKNOWN"
    NEEDS_HUMAN = "NEEDS_HUMAN"


S = OrderStatus

NEXT: dict[OrderStatus, frozenset[OrderStatus]] = {
    S.NEW: frozenset({S.DENIED, S.SUBMITTING, S.CANCELED}),
    S.SUBMITTING: frozenset({S.OPEN, S.PARTIAL, S.FILLED, S.REJECTED, S.NOT_SENT, S.UNKNOWN}),
    S.UNKNOWN: frozenset(
        {S.OPEN, S.PARTIAL, S.FILLED, S.CANCELED, S.EXPIRED, S.REJECTED, S.NOT_SENT, S.NEEDS_HUMAN}
    ),
    S.NEEDS_HUMAN: frozenset(
        {S.OPEN, S.PARTIAL, S.FILLED, S.CANCELED, S.EXPIRED, S.REJECTED, S.NOT_SENT}
    ),
    S.OPEN: frozenset({S.PARTIAL, S.FILLED, S.CANCELED, S.EXPIRED, S.REJECTED}),
    S.PARTIAL: frozenset({S.PARTIAL, S.FILLED, S.CANCELED, S.EXPIRED}),
    # Late evidence: a fill overtook our cancel, or the exchange had it after all.
    S.CANCELED: frozenset({S.PARTIAL, S.FILLED}),
    S.NOT_SENT: frozenset({S.OPEN, S.PARTIAL, S.FILLED}),
    S.REJECTED: frozenset({S.OPEN, S.PARTIAL, S.FILLED}),
    S.EXPIRED: frozenset({S.PARTIAL, S.FILLED}),
    S.FILLED: frozenset(),
    S.DENIED: frozenset(),
}

TERMINAL = frozenset({S.DENIED, S.FILLED, S.CANCELED, S.EXPIRED, S.REJECTED, S.NOT_SENT})
WORKING = frozenset({S.OPEN, S.PARTIAL})
UNRESOLVED = frozenset({S.SUBMITTING, S.UNKNOWN, S.NEEDS_HUMAN})
LIVE = frozenset({S.NEW}) | UNRESOLVED | WORKING

# A verdict that later evidence turned over: audited as `verdict.contradicted`.
_CONTRADICTIONS = frozenset({S.CANCELED, S.NOT_SENT, S.REJECTED, S.EXPIRED})


class TransitionNotAllowed(Exception):
    """A step that isn't in `NEXT`: a bug, never a user's mistake."""


def check_transition(old: OrderStatus, new: OrderStatus) -> None:
    """Raise TransitionNotAllowed unless `old` -> `new` is one of the allowed steps."""
    if new not in NEXT[old]:
        raise TransitionNotAllowed(f"{old} -> {new}")


def contradicts(old: OrderStatus, new: OrderStatus) -> bool:
    """Whether `new` overturns a verdict that was already given."""
    return old in _CONTRADICTIONS and new not in _CONTRADICTIONS


def after_fill(*, filled: Decimal, qty: Decimal) -> OrderStatus:
    """Status of a working order whose fills add up to `filled` of `qty`."""
    return S.FILLED if filled >= qty else S.PARTIAL
