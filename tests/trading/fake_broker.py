"""A broker that answers as told."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from trading.brokers import (
    Ack,
    Lookup,
    OrderReport,
    Outcome,
    Patience,
    Placement,
    Presence,
    Reference,
    ReportedFill,
)
from trading.models import Order

PRESENCES = {
    Outcome.ACKED: Presence.FOUND,
    Outcome.NOT_SENT: Presence.ABSENT,
    Outcome.UNKNOWN: Presence.UNANSWERED,
}


class FakeBroker:
    """A broker that answers as told and remembers what it was asked."""

    def __init__(
        self,
        place: Ack | Exception | Any = None,
        *,
        find: Ack | Exception | None = None,
        cancel: Ack | Exception | None = None,
    ) -> None:
        acked = Ack(Outcome.ACKED, exchange_order_id="x-1")
        self.answers = {
            "place": acked if place is None else place,
            "find": find or acked,
            "cancel": cancel or acked,
        }
        self.placed: list[Placement] = []
        self.found: list[str] = []
        self.canceled: list[str] = []

    patience = Patience()

    def __call__(self, order: Order) -> FakeBroker:
        return self

    def place(self, placement: Placement) -> Ack:
        self.placed.append(placement)
        return self._answer("place")

    def find(self, order: Reference) -> Lookup:
        self.found.append(order.client_order_id)
        return Lookup(PRESENCES[self._answer("find").outcome])

    def cancel(self, order: Reference) -> Ack:
        self.canceled.append(order.client_order_id)
        return self._answer("cancel")

    def open_orders(self, symbols: Mapping[str, str]) -> list[OrderReport]:
        return []

    def open_orders_of(self, symbols: Mapping[str, str]) -> list[OrderReport]:
        return []

    def fills(self, symbol: str, since_ms: int) -> list[ReportedFill]:
        return []

    def _answer(self, call: str) -> Ack:
        answer = self.answers[call]
        if isinstance(answer, Exception):
            raise answer
        return answer
