"""The paper broker: takes orders as an exchange would; `trading.paper_market` fills them."""

from __future__ import annotations

from trading.brokers.protocol import Ack, Outcome, Placement
from trading.risk import Denial


class PaperBroker:
    """Its book is our own table of orders: what was claimed has arrived."""

    def place(self, placement: Placement) -> Ack:
        """Acknowledge, or reject what the exchange's filters forbid."""
        code = _refusal(placement)
        if code:
            return Ack(Outcome.REJECTED, code=code)
        return Ack(Outcome.ACKED, exchange_order_id=f"paper-{placement.client_order_id}")

    def find(self, client_order_id: str) -> Ack:
        """A claimed paper order is on the book."""
        return Ack(Outcome.ACKED, exchange_order_id=f"paper-{client_order_id}")

    def cancel(self, client_order_id: str) -> Ack:
        """Always in time: the matching runs under the same lock."""
        return Ack(Outcome.ACKED, exchange_order_id=f"paper-{client_order_id}")


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
