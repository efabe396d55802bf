"""The faults that concern one order and not its connection: it hides, or it fills too early."""

from __future__ import annotations

from tests.exchange.faults import Spoil
from tests.exchange.matching import Engine
from tests.exchange.orders import Order, Wanted


def place(engine: Engine, wanted: Wanted, spoil: Spoil | None) -> Order:
    """Place an order, and hide it from queries if the fault says so."""
    order = engine.place(wanted)
    if spoil is not None:
        order.hidden_queries = spoil.hide_queries
        order.hidden_until_ms = engine.clock() + int(spoil.hide_s * 1000) if spoil.hide_s else 0
    return order


def race(engine: Engine, order: Order, spoil: Spoil | None) -> None:
    """Fill an order just before the cancel that asks for it, if the fault says so."""
    if spoil is not None and spoil.fill_first and order.is_open:
        engine.fill(order)
