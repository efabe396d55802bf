"""The paper broker: takes orders as an exchange would; `trading.paper_market` fills them."""

from __future__ import annotations

from collections.abc import Mapping

from trading.brokers.protocol import Ack, Outcome, Patience, Placement
from trading.brokers.reports import Lookup, OrderReport, Presence, Reference, ReportedFill
from trading.risk import Denial


class PaperBroker:
    """Its book is our own table of orders: what was claimed has arrived."""

    patience = Patience()

    def place(self, placement: Placement) -> Ack:
        """Acknowledge, or reject what the exchange's filters forbid."""
        code = _refusal(placement)
        if code:
            return Ack(Outcome.REJECTED, code=code)
        return Ack(Outcome.ACKED, exchange_order_id=f"paper-{placement.client_order_id}")

    def find(self, order: Reference) -> Lookup:
        """A claimed paper order is on the book."""
        return Lookup(Presence.FOUND)

    def cancel(self, order: Reference) -> Ack:
        """Always in time: the matching runs under the same lock."""
        return Ack(Outcome.ACKED, exchange_order_id=f"paper-{order.client_order_id}")

    def open_orders(self, symbols: Mapping[str, str]) -> list[OrderReport]:
        """Nobody has to be asked: what works is in our own table."""
        return []

    def open_orders_of(self, symbols: Mapping[str, str]) -> list[OrderReport]:
        return []

    def fills(self, symbol: str, since_ms: int) -> list[ReportedFill]:
        """The matching books its fills itself."""
        return []


def _refusal(placement: Placement) -> str:
    filters = placement.filters
    if placement.qty < filters.min_qty or placement.qty <= 0:
        return Denial.BELOW_MIN_QTY
    if placement.qty % filters.qty_step:
        return Denial.QTY_NOT_ON_STEP
    if placement.price is None:
        return ""
    if placement.price <= 0 or placement.price % filters.price_tick:
        return Denial.PRICE_NOT_ON_TICK
    if placement.qty * placement.price < filters.min_notional:
        return Denial.BELOW_MIN_NOTIONAL
    return ""
