"""What would go over the wire, without a key and without sending. Pure."""

from __future__ import annotations

from typing import Any

from trading.brokers.live import WIRES
from trading.brokers.protocol import Placement

ROUTES = {"binance": "POST /api/v3/order", "bybit": "POST /v5/order/create"}


def request_of(exchange: str, placement: Placement) -> tuple[str, dict[str, Any]]:
    """(route, parameters) of a placement, before it is stamped and signed."""
    return ROUTES[exchange], WIRES[exchange].placement(placement)
