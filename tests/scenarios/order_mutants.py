"""Mistakes that order paths make, planted one at a time: the order machine must find each of them.

A mutant is a subclass of the machine: it patches a service, changes what the exchange promises, or
makes another key of a decision.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

import pytest

from tests.scenarios.model_exchange import PATIENCE
from tests.scenarios.order_machine import OrderMachine
from trading import services
from trading.brokers import Lookup, OrderReport, Outcome, Presence
from trading.models import Fill, Order
from trading.order_state import WORKING
from trading.order_state import OrderStatus as S
from trading.services import _fills, _orders, _resolve
from trading.services._gate import claim_denial
from trading.services.accounts._brokers import broker_for

Patch = pytest.MonkeyPatch


@dataclass(frozen=True, slots=True)
class Mutant:
    """One planted mistake."""

    name: str
    plant: Callable[[Patch], None] = lambda patch: None
    exchange: dict[str, Any] = field(default_factory=dict)
    key_of: Callable[[int, int], str] | None = None

    def machine(self, **more: Any) -> type[OrderMachine]:
        """A machine with the mistake in it."""
        body: dict[str, Any] = {
            "mutate": staticmethod(self.plant),
            "exchange_made": self.exchange,
            **more,
        }
        if self.key_of is not None:
            body["key_of"] = staticmethod(self.key_of)
        return type("Mutant", (OrderMachine,), body)


def _fills_counted_twice(patch: Patch) -> None:
    real, count = _fills._book, itertools.count()

    def book(order: Order, bot: Any, report: Any, now: datetime) -> Fill | None:
        fresh = replace(report, exchange_fill_id=f"{report.exchange_fill_id}#{next(count)}")
        return real(order, bot, fresh, now)

    patch.setattr(_fills, "_book", book)


def _timeout_is_failed(patch: Patch) -> None:
    patch.setitem(_orders._VERDICTS, Outcome.UNKNOWN, S.REJECTED)


def _sent_before_the_record(patch: Patch) -> None:
    def submit(*, order_id: int, now: datetime, broker_for: Any = broker_for) -> Order:
        order = Order.objects.select_related(*_orders.WITH).get(pk=order_id)
        broker = broker_for(order)
        if order.status != S.NEW:
            return order
        order.sent_at = now
        ack = _orders._asked(lambda: broker.place(_orders.placement_of(order)))
        if not _orders._claim(order, now):
            order.refresh_from_db()
            return order
        return _orders.settle(order, ack, now)

    _replace_submit(patch, submit)


def _halt_checked_too_early(patch: Patch) -> None:
    real, checked = _orders.submit_order, claim_denial

    def submit(*, order_id: int, now: datetime, broker_for: Any = broker_for) -> Order:
        order = Order.objects.select_related(*_orders.WITH).get(pk=order_id)
        if order.status == S.NEW and (denial := checked(epoch=order.intent.epoch)):
            _orders._deny(order, denial, now)
            return order
        return real(order_id=order_id, now=now, broker_for=broker_for)

    patch.setattr(_orders, "claim_denial", lambda *, epoch: None)
    _replace_submit(patch, submit)


def _replace_submit(patch: Patch, submit: Callable[..., Order]) -> None:
    patch.setattr(services, "submit_order", submit)
    patch.setattr(_resolve, "submit_order", submit)


def _cancel_believed(patch: Patch) -> None:
    real = _orders._ask_cancel

    def ask(order: Order, now: datetime, broker_for: Any) -> bool:
        real(order, now, broker_for)
        return True

    patch.setattr(_orders, "_ask_cancel", ask)


def _cancel_believed_if_seen(patch: Patch) -> None:
    """It was canceled indeed; what had filled before is never asked for."""

    def ask(order: Order, now: datetime, broker_for: Any) -> bool:
        broker = broker_for(order)
        broker.cancel(_orders.reference(order))
        seen = broker.find(_orders.reference(order)).report
        return seen is not None and seen.status == S.CANCELED

    patch.setattr(_orders, "_ask_cancel", ask)


def _end_believed_before_fills(patch: Patch) -> None:
    def settle(order: Order, report: OrderReport, fills: Any, now: datetime) -> bool:
        if report.status in _resolve.ENDED and order.status in WORKING:
            return _orders.move(order, report.status, cause="reported", now=now)
        return real(order, report, fills, now)

    real = _resolve.settle_report
    patch.setattr(_resolve, "settle_report", settle)


def _no_answer_is_absent(patch: Patch) -> None:
    real = _resolve.look_up

    def look_up(broker: Any, order: Order) -> Lookup:
        found = real(broker, order)
        silent = found.presence is Presence.UNANSWERED
        return Lookup(Presence.ABSENT) if silent else found

    patch.setattr(_resolve, "look_up", look_up)


def _request_stamped_when_sent(patch: Patch) -> None:
    patch.setattr(_orders, "_sent_ms", lambda order: 2**60)


MUTANTS = (
    Mutant("no decision key", key_of=lambda n, attempt: f"machine:{n}:{attempt}"),
    Mutant("fills not de-duplicated", _fills_counted_twice),
    Mutant("timeout = failed", _timeout_is_failed),
    Mutant("no settle window", exchange={"patience": replace(PATIENCE, settle_s=0)}),
    Mutant("sent before the record", _sent_before_the_record),
    Mutant("halt checked before the claim only", _halt_checked_too_early),
    Mutant("CANCELED assumed on cancel", _cancel_believed),
    Mutant("cancel believed, late fills dropped", _cancel_believed_if_seen),
    Mutant("no second absence", exchange={"patience": replace(PATIENCE, again_s=0)}),
    Mutant("end believed before fills are booked", _end_believed_before_fills),
    Mutant("exchange slower than the settle window", exchange={"window_ms": 60_000}),
    Mutant("no answer is absent", _no_answer_is_absent),
    Mutant("request stamped when it is sent", _request_stamped_when_sent),
)
