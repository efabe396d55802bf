"""Bybit v5's words for orders, executions, wallets and refusals."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from tests.exchange.accounts import Account, ApiKey, Balance
from tests.exchange.orders import SATOSHI, ZERO, Fill, Order, Reason, Status, text
from tests.exchange.routes import Refused
from tests.exchange.signing import bybit_refused

REFUSALS: dict[Reason, tuple[int, str]] = {
    Reason.SYMBOL_UNKNOWN: (170121, "Invalid symbol."),
    Reason.HALTED: (170151, "The trading pair is not open yet"),
    Reason.PRICE_TICK: (170134, "Order price has too many decimals."),
    Reason.PRICE_RANGE: (170132, "Order price too high."),
    Reason.PRICE_TOO_HIGH: (170193, "Buy order price cannot be higher than the limit."),
    Reason.PRICE_TOO_LOW: (170194, "Sell order price cannot be lower than the limit."),
    Reason.QTY_STEP: (170137, "Order quantity has too many decimals."),
    Reason.QTY_BELOW_MINIMUM: (170136, "Order quantity exceeded lower limit."),
    Reason.QTY_ABOVE_MAXIMUM: (170135, "Order quantity exceeded upper limit."),
    Reason.NOTIONAL_BELOW_MINIMUM: (170140, "Order value exceeded lower limit."),
    Reason.BALANCE_INSUFFICIENT: (170131, "Insufficient balance."),
    Reason.CLIENT_ID_TAKEN: (170141, "Duplicate clientOrderId."),
    Reason.WOULD_TAKE: (170218, "The LIMIT-MAKER order is rejected due to invalid price."),
    Reason.WOULD_TRIGGER: (170210, "New order rejected."),
    Reason.STOP_NOT_TAKEN: (170227, "This feature is not supported."),
    Reason.TOO_MANY_STOPS: (170810, "Cannot exceed maximum of 500 conditional orders."),
    Reason.ORDER_UNKNOWN: (170213, "Order does not exist."),
}


def refusal(reason: Reason, now_ms: int) -> Refused:
    return bybit_refused(*REFUSALS[reason], now_ms)


def ok(result: dict[str, Any], now_ms: int) -> dict[str, Any]:
    return {"retCode": 0, "retMsg": "OK", "result": result, "retExtInfo": {}, "time": now_ms}


def status(order: Order) -> str:
    """Spot calls a partly filled order that ended PartiallyFilledCanceled, whoever ended it."""
    if order.status in (Status.CANCELED, Status.EXPIRED):
        return "PartiallyFilledCanceled" if order.filled else "Cancelled"
    return {
        Status.UNTRIGGERED: "Untriggered",
        Status.NEW: "New",
        Status.PARTIALLY_FILLED: "PartiallyFilled",
        Status.FILLED: "Filled",
        Status.REJECTED: "Rejected",
    }[order.status]


def ids(order: Order) -> dict[str, Any]:
    """All that an acknowledgement holds."""
    return {"orderId": order.id, "orderLinkId": order.wanted.client_id}


# Fields of an order that say nothing about spot.
UNUSED = {
    "triggerDirection": 0,
    "takeProfit": "",
    "stopLoss": "",
    "isLeverage": "0",
    "reduceOnly": False,
}


def order_row(order: Order) -> dict[str, Any]:
    """An order as queries and the stream show it."""
    wanted = order.wanted
    stop = {"tpslOrder": "tpslOrder", "StopOrder": "Stop"}.get(wanted.words["orderFilter"], "")
    return (
        ids(order)
        | UNUSED
        | {
            "category": "spot",
            "symbol": wanted.symbol,
            "side": wanted.side.value.capitalize(),
            "orderType": wanted.kind.value.capitalize(),
            "orderStatus": status(order),
            "price": text(wanted.price),
            "qty": wanted.words["qty"],
            "marketUnit": wanted.words["marketUnit"],
            "timeInForce": wanted.words["timeInForce"],
            "avgPrice": text(order.average.quantize(SATOSHI)) if order.filled else "",
            "leavesQty": text(order.remaining) if order.is_open else "0",
            "leavesValue": text(order.remaining * wanted.price) if order.is_open else "0",
            "cumExecQty": text(order.filled),
            "cumExecValue": text(order.cost),
            "cumExecFee": text(sum(order.fees().values(), ZERO)),
            "cumFeeDetail": {asset: text(fee) for asset, fee in order.fees().items()},
            "rejectReason": order.reject_reason or "EC_NoError",
            "cancelType": "CancelByUser" if order.status is Status.CANCELED else "UNKNOWN",
            "createType": "CreateByUser",
            "stopOrderType": stop,
            "triggerPrice": text(wanted.trigger) if wanted.trigger else "",
            "createdTime": str(order.created_ms),
            "updatedTime": str(order.updated_ms),
        }
    )


def execution_row(fill: Fill, order: Order) -> dict[str, Any]:
    wanted = order.wanted
    return {
        "category": "spot",
        "symbol": fill.symbol,
        "orderId": fill.order_id,
        "orderLinkId": fill.client_id,
        "side": fill.side.value.capitalize(),
        "orderType": wanted.kind.value.capitalize(),
        "orderPrice": text(wanted.price),
        "orderQty": wanted.words["qty"],
        "leavesQty": text(order.remaining),
        "execId": str(2_100_000_000_000_000_000 + fill.trade_id),
        "execType": "Trade",
        "execPrice": text(fill.price),
        "execQty": text(fill.qty),
        "execValue": text(fill.cost),
        "execFee": text(fill.fee),
        "feeCurrency": fill.fee_asset,
        "feeCoin": fill.fee_asset,
        "feeRate": text(_rate(fill, order)),
        "execTime": str(fill.at_ms),
        "isMaker": fill.maker,
        "stopOrderType": "",
        "isLeverage": "0",
        "seq": fill.trade_id,
    }


def _rate(fill: Fill, order: Order) -> Decimal:
    """The fee as a fraction; 0 if it was paid in a third asset."""
    worth = {order.wanted.words["base"]: fill.qty, order.wanted.words["quote"]: fill.cost}
    of = worth.get(fill.fee_asset)
    return (fill.fee / of).quantize(Decimal("0.000001")) if of else ZERO


def wallet(account: Account) -> dict[str, Any]:
    """The unified account. `availableToWithdraw` has been empty for a while."""
    return {
        "accountType": "UNIFIED",
        "accountLTV": "",
        "totalEquity": "",
        "totalWalletBalance": "",
        "coin": [coin(asset, balance) for asset, balance in sorted(account.balances.items())],
    }


def coin(asset: str, balance: Balance) -> dict[str, Any]:
    return {
        "coin": asset,
        "equity": text(balance.total),
        "walletBalance": text(balance.total),
        "locked": text(balance.locked),
        "availableToWithdraw": "",
        "totalOrderIM": "0",
        "totalPositionIM": "0",
        "borrowAmount": "0",
        "accruedInterest": "0",
    }


def key_info(key: ApiKey) -> dict[str, Any]:
    """The rights of a key."""
    return {
        "id": "13770661",
        "note": "emulator",
        "apiKey": key.key,
        "readOnly": 0 if key.can_trade else 1,
        "secret": "",
        "permissions": {
            "ContractTrade": [],
            "Spot": ["SpotTrade"] if key.can_trade else [],
            "Wallet": ["Withdraw"] if key.can_withdraw else [],
            "Options": [],
            "Derivatives": [],
            "Exchange": [],
            "Earn": [],
        },
        "ips": list(key.ips) or ["*"],
        "type": 1,
        "deadlineDay": 83,
        "expiredAt": "2027-05-15T03:21:05Z",
        "createdAt": "2026-02-16T02:24:40Z",
        "unified": 0,
        "uta": 1,
        "userID": 24617703,
        "isMaster": True,
        "parentUid": "0",
    }
