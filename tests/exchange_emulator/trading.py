"""The few calls that ccxt spells differently for each venue."""

from __future__ import annotations

import inspect
from typing import Any

PAIR = "BTC/USDT"


def by_client_id(client: Any, client_id: str) -> dict[str, str]:
    """Parameters that name an order by our id."""
    return {"origClientOrderId" if client.id == "binance" else "orderLinkId": client_id}


def find(client: Any, client_id: str) -> Any:
    """The order with this client id, or None if the venue says that there is none."""
    import ccxt

    params = by_client_id(client, client_id)
    if client.id == "bybit":
        return next(iter(client.fetch_open_orders(PAIR, None, None, params)), None)
    try:
        return client.fetch_order(None, PAIR, params)
    except ccxt.OrderNotFound:
        return None


def limit_buy(client: Any, client_id: str, *, qty: float = 0.01, price: float = 41_000) -> Any:
    return client.create_order(PAIR, "limit", "buy", qty, price, {"clientOrderId": client_id})


def market(client: Any, client_id: str, side: str = "buy", *, qty: float = 0.01) -> Any:
    return client.create_order(PAIR, "market", side, qty, None, {"clientOrderId": client_id})


def cancel(client: Any, client_id: str, **params: Any) -> Any:
    return client.cancel_order(None, PAIR, by_client_id(client, client_id) | params)


async def settled(value: Any) -> Any:
    """The result of a call, of the sync client or of the async one."""
    return await value if inspect.isawaitable(value) else value
