"""Bybit v5 spot, private REST: requests out, bodies in. Pure.

A body of the wrong shape raises ValueError; amounts stay the decimals that were sent.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from trading.brokers.outcomes import Failure
from trading.brokers.protocol import Placement
from trading.brokers.reading import amount, entries, entry, market_id, optional, signed, whole
from trading.brokers.reports import Balance, KeyRights, OrderReport, Reference, ReportedFill
from trading.order_state import OrderStatus as S

METHODS = {
    "place": "privatePostV5OrderCreate",
    "cancel": "privatePostV5OrderCancel",
    "find": "privateGetV5OrderRealtime",
    "find_older": "privateGetV5OrderHistory",
    "open": "privateGetV5OrderRealtime",
    "fills": "privateGetV5ExecutionList",
    "balances": "privateGetV5AccountWalletBalance",
    "rights": "privateGetV5UserQueryApi",
    "time": "publicGetV5MarketTime",
}
ABSENT = frozenset({"170213"})
_STATUSES = {
    "Created": S.OPEN,
    "New": S.OPEN,
    "Untriggered": S.OPEN,
    "Triggered": S.OPEN,
    "PartiallyFilled": S.PARTIAL,
    "Filled": S.FILLED,
    "Cancelled": S.CANCELED,
    "PartiallyFilledCanceled": S.CANCELED,
    "Deactivated": S.CANCELED,
    "Rejected": S.REJECTED,
}
_SPOT = {"category": "spot"}
# It holds its coins from the start, so that nothing else sells them; a StopOrder finds none left.
WAITING = "tpslOrder"


def placement(order: Placement) -> dict[str, Any]:
    """The parameters of a new order; quantities are always in the base asset."""
    query = {
        **_SPOT,
        "symbol": market_id(order.symbol),
        "side": "Buy" if order.buy else "Sell",
        "qty": f"{order.qty:f}",
        "orderLinkId": order.client_order_id,
    }
    if order.kind == "LIMIT":
        return {**query, "orderType": "Limit", "timeInForce": "GTC", "price": f"{order.price:f}"}
    market = {**query, "orderType": "Market", "marketUnit": "baseCoin"}
    if order.kind == "STOP_MARKET":
        return {**market, "orderFilter": WAITING, "triggerPrice": f"{order.price:f}"}
    return market


def acknowledged(body: Any, order: Placement) -> str:
    """The exchange's id, or "" where the answer doesn't prove that this order was taken."""
    said = entry(body)
    result = said.get("result")
    if said.get("retCode") != 0 or not isinstance(result, dict):
        return ""
    ours = result.get("orderLinkId") == order.client_order_id
    return str(result.get("orderId") or "") if ours else ""


def reference(order: Reference) -> dict[str, Any]:
    """The parameters that name an order of ours."""
    return {
        **_SPOT,
        "symbol": market_id(order.symbol),
        "orderLinkId": order.client_order_id,
    }


def cancellation(order: Reference) -> dict[str, Any]:
    """The parameters of a cancel, which has to say what kind of order it means."""
    query = reference(order)
    return {**query, "orderFilter": WAITING} if order.kind == "STOP_MARKET" else query


def found(body: Any, order: Reference) -> OrderReport | None:
    """The order that was asked for, or None: an empty list is how this exchange says so."""
    for said in _listed(body):
        if said.get("orderLinkId") != order.client_order_id:
            raise ValueError("another order came back than was asked for")
        return report(said, order.symbol)
    return None


def report(said: Mapping[str, Any], symbol: str) -> OrderReport:
    """One order."""
    return OrderReport(
        client_order_id=str(said["orderLinkId"]),
        exchange_order_id=str(said["orderId"]),
        symbol=symbol,
        buy=said["side"] == "Buy",
        qty=amount(said["qty"]),
        price=optional(said.get("price")),
        filled_qty=optional(said.get("cumExecQty")) or Decimal(0),
        status=_STATUSES[said["orderStatus"]],
        updated_ms=whole(said["updatedTime"]),
    )


def open_query(cursor: str) -> dict[str, Any]:
    """A page of working orders of all symbols."""
    query = {**_SPOT, "openOnly": 0, "limit": 50}
    return {**query, "cursor": cursor} if cursor else query


def open_page(body: Any, symbols: Mapping[str, str]) -> tuple[list[OrderReport], str]:
    """(orders, cursor of the next page or "")."""
    rows = [report(each, symbols.get(each["symbol"], each["symbol"])) for each in _listed(body)]
    return rows, _cursor(body)


def fills_query(symbol: str, since_ms: int, cursor: str) -> dict[str, Any]:
    """A page of up to 100, newest first."""
    query: dict[str, Any] = {**_SPOT, "symbol": market_id(symbol), "limit": 100}
    query["startTime"] = since_ms
    return {**query, "cursor": cursor} if cursor else query


def fills_page(body: Any, symbol: str) -> tuple[list[ReportedFill], str]:
    """(fills, cursor of the next page or "")."""
    rows = [_fill(each, symbol) for each in _listed(body) if each.get("execType") == "Trade"]
    return rows, _cursor(body)


def _fill(said: Mapping[str, Any], symbol: str) -> ReportedFill:
    return ReportedFill(
        exchange_fill_id=str(said["execId"]),
        exchange_order_id=str(said["orderId"]),
        client_order_id=str(said.get("orderLinkId") or ""),
        symbol=symbol,
        buy=said["side"] == "Buy",
        qty=amount(said["execQty"]),
        price=amount(said["execPrice"]),
        fee=signed(said["execFee"]),
        fee_asset=str(said["feeCurrency"]),
        maker=bool(said["isMaker"]),
        at_ms=whole(said["execTime"]),
    )


def balances_query() -> dict[str, Any]:
    return {"accountType": "UNIFIED"}


def balances(body: Any) -> list[Balance]:
    """Assets of which there is any; `locked` is part of the wallet's balance."""
    rows = []
    for account in _listed(body):
        for coin in entries(account["coin"]):
            total, locked = amount(coin["walletBalance"]), optional(coin.get("locked"))
            if total:
                held = locked or Decimal(0)
                rows.append(Balance(str(coin["coin"]), total - held, held))
    return rows


def rights(body: Any) -> KeyRights:
    said = entry(entry(body)["result"])
    permissions = entry(said["permissions"])
    return KeyRights(
        trade=said["readOnly"] == 0 and "SpotTrade" in permissions.get("Spot", []),
        withdraw="Withdraw" in permissions.get("Wallet", []),
        ip_bound=said.get("ips") not in (None, [], ["*"]),
    )


def time_ms(body: Any) -> int:
    return whole(entry(body)["time"])


def failure(status: int, body: Any, text: str) -> Failure:
    """What an answer without an acknowledgement says."""
    said = body if isinstance(body, dict) else {}
    code = said.get("retCode")
    known = isinstance(code, int) and code != 0
    return Failure(status, str(code) if known else "", str(said.get("retMsg") or text)[:200])


def _result(body: Any) -> Mapping[str, Any]:
    said = entry(body)
    if said.get("retCode") != 0:
        raise ValueError(f"retCode {said.get('retCode')}")
    return entry(said["result"])


def _listed(body: Any) -> list[dict[str, Any]]:
    return entries(_result(body)["list"])


def _cursor(body: Any) -> str:
    return str(_result(body).get("nextPageCursor") or "") if _listed(body) else ""
