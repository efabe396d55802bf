"""What every broker promises."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Protocol

from trading.costs import Filters


class Outcome(StrEnum):
    """What is known after a call; anything that isn't proven is UNKNOWN."""

    ACKED = "ACKED"
    REJECTED = "REJECTED"  # a definitive refusal by the exchange
    NOT_SENT = "NOT_SENT"  # it provably never arrived
    UNKNOWN = "UNKNOWN"


@dataclass(frozen=True, slots=True)
class Placement:
    """An order as it goes out; the client order id is ours and comes first."""

    client_order_id: str
    symbol: str
    buy: bool
    kind: str
    qty: Decimal
    price: Decimal | None
    filters: Filters
    sent_ms: int = 0  # when it was claimed: the timestamp of the request


@dataclass(frozen=True, slots=True)
class Ack:
    """The broker's answer; `code` is stable when rejected."""

    outcome: Outcome
    exchange_order_id: str = ""
    code: str = ""


class Broker(Protocol):
    """Place once, look up by our own id, cancel. None of them retries."""

    def place(self, placement: Placement) -> Ack:
        """Hand one order over."""
        ...

    def find(self, client_order_id: str) -> Ack:
        """What became of an order that has no answer: ACKED, NOT_SENT or still UNKNOWN."""
        ...

    def cancel(self, client_order_id: str) -> Ack:
        """Ask to cancel; ACKED when it will fill no more."""
        ...
