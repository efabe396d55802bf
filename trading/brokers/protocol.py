"""What every broker promises."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Protocol

from trading.brokers.reports import Balance, Lookup, OrderReport, Reference, ReportedFill
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
    limit_price: Decimal | None = None  # of a STOP_LIMIT, whose `price` is its trigger


@dataclass(frozen=True, slots=True)
class Ack:
    """The broker's answer; `code` is stable when rejected."""

    outcome: Outcome
    exchange_order_id: str = ""
    code: str = ""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long an order may still turn up after its claim, and how often absence must be told."""

    settle_s: float = 0.0  # until then the request may still be accepted
    again_s: float = 0.0  # between two answers that it isn't there
    give_up_s: float = 0.0  # without any answer a person must look; 0 is never


class Broker(Protocol):
    """Place once, look up by our own id, cancel. None of them retries."""

    patience: Patience

    def place(self, placement: Placement) -> Ack:
        """Hand one order over."""
        ...

    def find(self, order: Reference) -> Lookup:
        """What became of an order, by our own id."""
        ...

    def cancel(self, order: Reference) -> Ack:
        """Ask to cancel; ACKED when it will fill no more, else a look-up tells."""
        ...

    def open_orders(self, symbols: Mapping[str, str]) -> list[OrderReport]:
        """All working orders of an account, ours and others'. Raises AccountUnreachable."""
        ...

    def open_orders_of(self, symbols: Mapping[str, str]) -> list[OrderReport]:
        """Those of these symbols at least, at the least cost. Raises AccountUnreachable."""
        ...

    def fills(self, symbol: str, since_ms: int) -> list[ReportedFill]:
        """Fills of a symbol since a time, oldest first. Raises AccountUnreachable."""
        ...


class AccountBroker(Broker, Protocol):
    """A broker that holds money of ours."""

    def balances(self) -> list[Balance]:
        """Assets of which there is any. Raises AccountUnreachable."""
        ...
