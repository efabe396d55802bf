"""Binance spot, private REST: requests out, bodies in. Pure.

A body of the wrong shape raises ValueError; amounts stay the decimals that were sent.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from trading.brokers.outcomes import Failure
from trading.brokers.protocol import Placement
from trading.brokers.reading import amount, entries, entry, market_id, signed, whole
from trading.brokers.reports import Balance, KeyRights, OrderReport, Reference, ReportedFill
from trading.order_state import OrderStatus as S

METHODS = {
    "place": "privatePostOrder",
    "cancel": "privateDeleteOrder",
    "find": "privateGetOrder",
    "open": "privateGetOpenOrders",
    "open_of": "privateGetOpenOrders",
    "fills": "privateGetMyTrades",
    "balances": "privateGetAccount",
    "rights": "sapiGetAccountApiRestrictions",
    "time": "publicGetTime",
}
ABSENT = frozenset({"-2013", "-2011"})
_STATUSES = {
    "NEW": S.OPEN,
    "PENDING_NEW": S.OPEN,
    "PENDING_CANCEL": S.OPEN,
    "PARTIALLY_FILLED": S.PARTIAL,
    "FILLED": S.FILLED,
    "CANCELED": S.CANCELED,
    "REJECTED": S.REJECTED,
    "EXPIRED": S.EXPIRED,
    "EXPIRED_IN_MATCH": S.EXPIRED,
}


def placement(order: Placement) -> dict[str, Any]:
    """The parameters of a new order."""
    query = {
        "symbol": market_id(order.symbol),
        "side": "BUY" if order.buy else "SELL",
        "quantity": f"{order.qty:f}",
        "newClientOrderId": order.client_order_id,
        "newOrderRespType": "RESULT",
    }
    if order.kind == "LIMIT":
        return {**query, "type": "LIMIT", "timeInForce": "GTC", "price": f"{order.price:f}"}
    if order.kind == "STOP_MARKET":
        return {**query, "type": "STOP_LOSS", "stopPrice": f"{order.price:f}"}
    if order.kind == "STOP_LIMIT":
        sells = {"timeInForce": "GTC", "price": f"{order.limit_price:f}"}
        return {**query, **sells, "type": "STOP_LOSS_LIMIT", "stopPrice": f"{order.price:f}"}
    return {**query, "type": "MARKET"}


def acknowledged(body: Any, order: Placement) -> str:
    """The exchange's id, or "" where the answer doesn't prove that this order was taken."""
    said = entry(body)
    ours = said.get("clientOrderId") == order.client_order_id
    same = said.get("symbol") == market_id(order.symbol)
    return str(whole(said.get("orderId"))) if ours and same else ""


def reference(order: Reference) -> dict[str, Any]:
    """The parameters that name an order of ours."""
    return {"symbol": market_id(order.symbol), "origClientOrderId": order.client_order_id}


def cancellation(order: Reference) -> dict[str, Any]:
    """The parameters of a cancel."""
    return reference(order)


def found(body: Any, order: Reference) -> OrderReport | None:
    """The order that was asked for."""
    said = entry(body)
    if said.get("clientOrderId") != order.client_order_id:
        raise ValueError("another order came back than was asked for")
    return report(said, order.symbol)


def report(said: Mapping[str, Any], symbol: str) -> OrderReport:
    """One order."""
    price = amount(said["price"])
    return OrderReport(
        client_order_id=str(said["clientOrderId"]),
        exchange_order_id=str(whole(said["orderId"])),
        symbol=symbol,
        buy=said["side"] == "BUY",
        qty=amount(said["origQty"]),
        price=price or None,
        filled_qty=amount(said["executedQty"]),
        status=_STATUSES[said["status"]],
        updated_ms=whole(said.get("updateTime") or said.get("time")),
    )


def open_query(cursor: str) -> dict[str, Any]:
    """All symbols at once."""
    return {}


def open_query_of(symbol: str) -> dict[str, Any]:
    """One symbol alone, which costs a thirteenth of all."""
    return {"symbol": market_id(symbol)}


def open_page(body: Any, symbols: Mapping[str, str]) -> tuple[list[OrderReport], str]:
    """(orders, "": there is one page only); of symbols that we don't know by their raw name."""
    return [report(each, symbols.get(each["symbol"], each["symbol"])) for each in entries(body)], ""


def fills_query(symbol: str, since_ms: int, cursor: str) -> dict[str, Any]:
    """A page of up to 1,000, oldest first, from a time on or from the cursor."""
    query: dict[str, Any] = {"symbol": market_id(symbol), "limit": 1000}
    return {**query, "fromId": cursor} if cursor else {**query, "startTime": since_ms}


def fills_page(body: Any, symbol: str) -> tuple[list[ReportedFill], str]:
    """(fills, cursor of the next page or "")."""
    rows = [_fill(each, symbol) for each in entries(body)]
    return rows, str(int(rows[-1].exchange_fill_id) + 1) if len(rows) == 1000 else ""


def _fill(said: Mapping[str, Any], symbol: str) -> ReportedFill:
    return ReportedFill(
        exchange_fill_id=str(whole(said["id"])),
        exchange_order_id=str(whole(said["orderId"])),
        client_order_id="",
        symbol=symbol,
        buy=bool(said["isBuyer"]),
        qty=amount(said["qty"]),
        price=amount(said["price"]),
        fee=signed(said["commission"]),
        fee_asset=str(said["commissionAsset"]),
        maker=bool(said["isMaker"]),
        at_ms=whole(said["time"]),
    )


def balances_query() -> dict[str, Any]:
    return {"omitZeroBalances": "true"}


def balances(body: Any) -> list[Balance]:
    """Assets of which there is any."""
    return [
        Balance(str(each["asset"]), amount(each["free"]), amount(each["locked"]))
        for each in entries(entry(body)["balances"])
        if amount(each["free"]) + amount(each["locked"]) != Decimal(0)
    ]


def rights(body: Any) -> KeyRights:
    said = entry(body)
    return KeyRights(
        trade=said["enableSpotAndMarginTrading"] is True,
        # A word that isn't there is no promise.
        withdraw=said.get("enableWithdrawals") is not False,
        ip_bound=said["ipRestrict"] is True,
    )


def time_ms(body: Any) -> int:
    return whole(entry(body)["serverTime"])


def failure(status: int, body: Any, text: str) -> Failure:
    """What an answer without an acknowledgement says."""
    said = body if isinstance(body, dict) else {}
    code, message = said.get("code"), str(said.get("msg") or text)
    return Failure(status, str(code) if isinstance(code, int) and code < 0 else "", message[:200])
