"""What must be true after every step: the truth at the exchange against our books.

I1 at most one order at the exchange for a decision; I2 the exchange has no order unknown to us;
I3 what was sent had been claimed; I4 no claim after a stop; I5 fills add up; I6 an end is written
only when the exchange has the same end and we have all its fills; I7 no verdict is ever overturned;
I8 only allowed steps; I9 at the end, after time and sweeps, nothing is open that shouldn't be.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.db import connection

from tests.exchange import orders as theirs
from tests.scenarios.model_exchange import ModelExchange
from trading.order_state import LIVE, NEXT, TERMINAL, WORKING, contradicts
from trading.order_state import OrderStatus as S

ZERO = Decimal(0)
UNCLAIMED = (S.NEW, S.DENIED)
_WATCHED = ("order.claimed", "system.emergency_stopped", "system.resumed")


@dataclass(frozen=True, slots=True)
class OrderRow:
    pk: int
    intent_id: int
    symbol_id: int
    client_order_id: str
    status: str
    qty: Decimal
    filled_qty: Decimal
    unwanted: bool
    epoch: int


@dataclass(frozen=True, slots=True)
class FillRow:
    order_id: int
    symbol_id: int
    exchange_fill_id: str
    side: str
    qty: Decimal
    base_fee: Decimal


@dataclass(frozen=True, slots=True)
class Books:
    """Both sides at one moment; ours without the models, whose making takes most of the time."""

    exchange: ModelExchange
    decisions: Mapping[int, str]  # decision of each intent
    orders: Sequence[OrderRow]
    fills: Sequence[FillRow]
    held: Mapping[int, Decimal]  # by symbol
    steps: Mapping[int, Sequence[tuple[str, str]]]
    told: Sequence[tuple[str, str]]  # (action, subject) of the audit log, in its order

    @classmethod
    def read(cls, exchange: ModelExchange, decisions: Mapping[int, str], since: int) -> Books:
        steps: dict[int, list[tuple[str, str]]] = {}
        for order_id, old, new in _rows(_STEPS):
            steps.setdefault(order_id, []).append((old, new))
        return cls(
            exchange=exchange,
            decisions=decisions,
            orders=[
                OrderRow(*_typed(row, {5: Decimal, 6: Decimal, 7: bool})) for row in _rows(_ORDERS)
            ],
            fills=[FillRow(*_typed(row, {4: Decimal, 5: Decimal})) for row in _rows(_FILLS)],
            held={row[0]: Decimal(row[1]) for row in _rows(_POSITIONS)},
            steps=steps,
            told=[(row[0], row[1]) for row in _rows(_TOLD, since, *_WATCHED)],
        )

    def theirs(self, order: OrderRow) -> list[theirs.Order]:
        return [
            one for one in self.exchange.orders if one.wanted.client_id == order.client_order_id
        ]

    def claimed(self, order: OrderRow) -> bool:
        return any(new == S.SUBMITTING for _, new in self.steps.get(order.pk, ()))


_ORDERS = """
    SELECT o.id, o.intent_id, o.symbol_id, o.client_order_id, o.status, o.qty, o.filled_qty,
        o.pending_cancel_at IS NOT NULL, i.epoch
    FROM trading_order o JOIN trading_orderintent i ON i.id = o.intent_id ORDER BY o.id
"""
_FILLS = """
    SELECT f.order_id, f.symbol_id, f.exchange_fill_id, f.side, f.qty,
        CASE WHEN f.fee_asset = s.base THEN f.fee ELSE '0' END
    FROM trading_fill f JOIN marketdata_symbol s ON s.id = f.symbol_id ORDER BY f.id
"""
_POSITIONS = "SELECT symbol_id, qty FROM trading_position"
_STEPS = "SELECT order_id, from_status, to_status FROM trading_ordertransition ORDER BY id"
_TOLD = """
    SELECT action, subject FROM trading_auditevent
    WHERE seq > %s AND action IN (%s, %s, %s) ORDER BY seq
"""


def _typed(row: tuple[Any, ...], types: Mapping[int, Callable[[Any], Any]]) -> Iterator[Any]:
    for place, value in enumerate(row):
        yield types[place](value) if place in types else value


def _rows(statement: str, *given: Any) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, given)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
    return rows


def problems(books: Books) -> Iterator[str]:
    """Sentences that begin with the name of the invariant that they break."""
    yield from _one_each(books)
    yield from _known(books)
    yield from _no_claim_after_a_stop(books)
    yield from _adds_up(books)
    for order in books.orders:
        yield from _end_is_true(books, order)
        yield from _steps_are_allowed(books, order)


def problems_at_the_end(books: Books, epoch: int) -> Iterator[str]:
    """After time has passed, faults have stopped and sweeps have run."""
    yield from problems(books)
    for order in books.orders:
        if order.status in LIVE - WORKING:
            yield f"I9 order {order.pk} is still {order.status}"
        for one in books.theirs(order):
            if one.filled != order.filled_qty:
                yield f"I9 order {order.pk} drifts: {order.filled_qty} is not {one.filled}"
            if one.is_open is not (order.status in WORKING):
                yield f"I9 order {order.pk} is {order.status} here and {one.status} there"
            if one.is_open and (order.epoch < epoch or order.unwanted):
                yield f"I9 order {order.pk} was to be canceled and works on"
    yield from (f"I9 {each}" for each in books.exchange.emulator.problems())


def _one_each(books: Books) -> Iterator[str]:
    decided = {
        order.client_order_id: books.decisions.get(order.intent_id, "") for order in books.orders
    }
    for client_id, times in Counter(books.exchange.sent).items():
        if times > 1:
            yield f"I1 {client_id} was sent {times} times"
    at_exchange = Counter(decided.get(one.wanted.client_id, "") for one in books.exchange.orders)
    for decision, count in at_exchange.items():
        if decision and count > 1:
            yield f"I1 decision {decision} has {count} orders"


def _known(books: Books) -> Iterator[str]:
    ours = {order.client_order_id: order for order in books.orders}
    for one in books.exchange.orders:
        order = ours.get(one.wanted.client_id)
        if order is None or order.status in UNCLAIMED:
            yield f"I2 the exchange has {one.wanted.client_id}, unknown here"
    for client_id in books.exchange.sent:
        if client_id not in ours or not books.claimed(ours[client_id]):
            yield f"I3 {client_id} was sent and never claimed"


def _no_claim_after_a_stop(books: Books) -> Iterator[str]:
    halted = False
    for action, subject in books.told:
        if action == "order.claimed" and halted:
            yield f"I4 {subject} was claimed after a stop"
        halted = action == "system.emergency_stopped" or (halted and action == "order.claimed")


def _adds_up(books: Books) -> Iterator[str]:
    held: dict[int, Decimal] = {}
    true_ids = {
        (fill.client_id, str(fill.trade_id)) for fill in books.exchange.emulator.ledger.fills
    }
    for order in books.orders:
        fills = [fill for fill in books.fills if fill.order_id == order.pk]
        filled = sum((fill.qty for fill in fills), ZERO)
        if filled != order.filled_qty or filled > order.qty:
            yield f"I5 order {order.pk} of {order.qty} says {order.filled_qty}, its fills {filled}"
        for fill in fills:
            if (order.client_order_id, fill.exchange_fill_id) not in true_ids:
                yield f"I5 order {order.pk} has a fill that never was"
            sign = 1 if fill.side == "BUY" else -1
            added = sign * fill.qty - fill.base_fee
            held[fill.symbol_id] = held.get(fill.symbol_id, ZERO) + added
    for symbol_id, qty in books.held.items():
        if qty != held.get(symbol_id, ZERO):
            yield f"I5 the position is {qty}, its fills {held.get(symbol_id)}"


def _end_is_true(books: Books, order: OrderRow) -> Iterator[str]:
    found = books.theirs(order)
    if order.status == S.NOT_SENT and found:
        yield f"I7 order {order.pk} is NOT_SENT, and the exchange has it"
    if order.status not in TERMINAL - {S.NOT_SENT, S.DENIED}:
        return
    for one in found:
        if one.is_open or one.filled != order.filled_qty:
            there = f"{one.status} with {one.filled}"
            yield f"I6 order {order.pk} is {order.status} with {order.filled_qty}, there {there}"
    if order.status == S.FILLED and not found:
        yield f"I6 order {order.pk} is FILLED, and the exchange has none"


def _steps_are_allowed(books: Books, order: OrderRow) -> Iterator[str]:
    at = S.NEW
    for step in books.steps.get(order.pk, ()):
        old, new = S(step[0]), S(step[1])
        if old != at or new not in NEXT[old]:
            yield f"I8 order {order.pk} went from {at} ({old}) to {new}"
        if contradicts(old, new):
            yield f"I7 order {order.pk} went from {old} to {new}"
        at = new
    if at != order.status:
        yield f"I8 order {order.pk} is {order.status} without a step from {at}"
