"""Binance's words for orders, fills, balances and refusals."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from tests.exchange.accounts import Account, ApiKey
from tests.exchange.matching import Happened
from tests.exchange.orders import ZERO, Fill, Order, Reason, Side, Status, text
from tests.exchange.routes import Refused
from tests.exchange.signing import binance_refused

PLACES = 8

REFUSALS: dict[Reason, tuple[int, str]] = {
    Reason.SYMBOL_UNKNOWN: (-1121, "Invalid symbol."),
    Reason.HALTED: (-1013, "Market is closed."),
    Reason.PRICE_TICK: (-1013, "Filter failure: PRICE_FILTER"),
    Reason.PRICE_RANGE: (-1013, "Filter failure: PRICE_FILTER"),
    Reason.PRICE_TOO_HIGH: (-1013, "Filter failure: PERCENT_PRICE_BY_SIDE"),
    Reason.PRICE_TOO_LOW: (-1013, "Filter failure: PERCENT_PRICE_BY_SIDE"),
    Reason.QTY_STEP: (-1013, "Filter failure: LOT_SIZE"),
    Reason.QTY_BELOW_MINIMUM: (-1013, "Filter failure: LOT_SIZE"),
    Reason.QTY_ABOVE_MAXIMUM: (-1013, "Filter failure: LOT_SIZE"),
    Reason.NOTIONAL_BELOW_MINIMUM: (-1013, "Filter failure: NOTIONAL"),
    Reason.BALANCE_INSUFFICIENT: (-2010, "Account has insufficient balance for requested action."),
    Reason.CLIENT_ID_TAKEN: (-2010, "Duplicate order sent."),
    Reason.WOULD_TAKE: (-2010, "Order would immediately match and take."),
    Reason.WOULD_TRIGGER: (-2010, "Stop price would trigger immediately."),
    Reason.STOP_NOT_TAKEN: (-1013, "Stop loss orders are not supported for this symbol."),
    Reason.TOO_MANY_STOPS: (-1013, "Filter failure: MAX_NUM_ALGO_ORDERS"),
    Reason.ORDER_UNKNOWN: (-2013, "Order does not exist."),
}

STATUSES = {Status.UNTRIGGERED: "NEW"}


def refusal(reason: Reason) -> Refused:
    return binance_refused(400, *REFUSALS[reason])


def cancel_refused() -> Refused:
    return binance_refused(400, -2011, "Unknown order sent.")


def number(value: Decimal) -> str:
    return text(value, PLACES)


def status(order: Order) -> str:
    return STATUSES.get(order.status, order.status.value)


def order_row(order: Order) -> dict[str, Any]:
    """An order as a query shows it."""
    return _core(order) | {
        "stopPrice": number(order.wanted.trigger),
        "icebergQty": number(ZERO),
        "time": order.created_ms,
        "updateTime": order.updated_ms,
        "isWorking": order.status is not Status.UNTRIGGERED,
        "workingTime": order.created_ms if order.status is not Status.UNTRIGGERED else -1,
        "origQuoteOrderQty": number(order.wanted.cost),
    }


def _core(order: Order) -> dict[str, Any]:
    wanted = order.wanted
    return {
        "symbol": wanted.symbol,
        "orderId": int(order.id),
        "orderListId": -1,
        "clientOrderId": wanted.client_id,
        "price": number(wanted.price),
        "origQty": number(wanted.qty or order.filled),
        "executedQty": number(order.filled),
        "cummulativeQuoteQty": number(order.cost),
        "status": status(order),
        "timeInForce": wanted.words["timeInForce"],
        "type": wanted.words["type"],
        "side": wanted.side.value,
        "selfTradePreventionMode": "EXPIRE_MAKER",
    }


def placed(order: Order, kind: str) -> dict[str, Any]:
    """The answer to a new order: ACK, RESULT or FULL."""
    short = {
        "symbol": order.wanted.symbol,
        "orderId": int(order.id),
        "orderListId": -1,
        "clientOrderId": order.wanted.client_id,
        "transactTime": order.updated_ms,
    }
    if kind == "ACK":
        return short
    full = _core(order) | short | {"workingTime": order.created_ms}
    if kind == "FULL":
        full["fills"] = [
            {
                "price": number(fill.price),
                "qty": number(fill.qty),
                "commission": number(fill.fee),
                "commissionAsset": fill.fee_asset,
                "tradeId": fill.trade_id,
            }
            for fill in order.fills
        ]
    return full


def canceled(order: Order, new_client_id: str) -> dict[str, Any]:
    """The answer to a cancel: it has a client id of its own and names the order's as original."""
    return _core(order) | {
        "origClientOrderId": order.wanted.client_id,
        "clientOrderId": new_client_id,
        "transactTime": order.updated_ms,
    }


def trade_row(fill: Fill) -> dict[str, Any]:
    return {
        "symbol": fill.symbol,
        "id": fill.trade_id,
        "orderId": int(fill.order_id),
        "orderListId": -1,
        "price": number(fill.price),
        "qty": number(fill.qty),
        "quoteQty": number(fill.cost),
        "commission": number(fill.fee),
        "commissionAsset": fill.fee_asset,
        "time": fill.at_ms,
        "isBuyer": fill.side is Side.BUY,
        "isMaker": fill.maker,
        "isBestMatch": True,
    }


def account_body(account: Account, key: ApiKey, now_ms: int) -> dict[str, Any]:
    maker, taker = int(account.maker_rate * 10_000), int(account.taker_rate * 10_000)
    return {
        "makerCommission": maker,
        "takerCommission": taker,
        "commissionRates": {
            "maker": number(account.maker_rate),
            "taker": number(account.taker_rate),
            "buyer": number(ZERO),
            "seller": number(ZERO),
        },
        "canTrade": key.can_trade,
        "canWithdraw": key.can_withdraw,
        "canDeposit": True,
        "updateTime": now_ms,
        "accountType": "SPOT",
        "balances": [
            {"asset": asset, "free": number(balance.free), "locked": number(balance.locked)}
            for asset, balance in sorted(account.balances.items())
        ],
        "permissions": ["SPOT"],
        "uid": 354937868,
    }


def trade_fees(account: Account, symbols: list[str]) -> list[dict[str, Any]]:
    maker, taker = number(account.maker_rate), number(account.taker_rate)
    return [
        {"symbol": symbol, "makerCommission": maker, "takerCommission": taker} for symbol in symbols
    ]


def restrictions(key: ApiKey) -> dict[str, Any]:
    """The rights of a key."""
    return {
        "ipRestrict": bool(key.ips),
        "createTime": key.created_ms,
        "enableReading": key.can_read,
        "enableWithdrawals": key.can_withdraw,
        "enableInternalTransfer": False,
        "enableMargin": False,
        "enableFutures": False,
        "permitsUniversalTransfer": False,
        "enableVanillaOptions": False,
        "enableFixApiTrade": False,
        "enableFixReadOnly": False,
        "enableSpotAndMarginTrading": key.can_trade,
        "enablePortfolioMarginTrading": False,
    }


def execution_report(
    happened: Happened, order: Order, fill: Fill | None, now_ms: int
) -> dict[str, Any]:
    """The stream's event about an order; a cancel's has the order's id as original."""
    wanted = order.wanted
    gone = happened is Happened.CANCELED
    return {
        "e": "executionReport",
        "E": now_ms,
        "s": wanted.symbol,
        "c": f"cancel-{order.id}" if gone else wanted.client_id,
        "S": wanted.side.value,
        "o": wanted.words["type"],
        "f": wanted.words["timeInForce"],
        "q": number(wanted.qty or order.filled),
        "p": number(wanted.price),
        "P": number(wanted.trigger),
        "F": number(ZERO),
        "g": -1,
        "C": wanted.client_id if gone else "",
        "x": happened.value,
        "X": status(order),
        "r": "NONE",
        "i": int(order.id),
        "z": number(order.filled),
        "Z": number(order.cost),
        "w": order.is_open,
        "O": order.created_ms,
        "Q": number(wanted.cost),
    } | _last(fill, order)


def _last(fill: Fill | None, order: Order) -> dict[str, Any]:
    """The fields about the execution that caused an event."""
    return {
        "l": number(fill.qty if fill else ZERO),
        "L": number(fill.price if fill else ZERO),
        "Y": number(fill.cost if fill else ZERO),
        "n": number(fill.fee) if fill else "0",
        "N": fill.fee_asset if fill else None,
        "T": order.updated_ms,
        "t": fill.trade_id if fill else -1,
        "m": fill.maker if fill else False,
    }


def account_position(account: Account, assets: set[str], now_ms: int) -> dict[str, Any]:
    """The stream's event about balances that may have changed."""
    rows = [
        {
            "a": asset,
            "f": number(account.balance(asset).free),
            "l": number(account.balance(asset).locked),
        }
        for asset in sorted(assets)
    ]
    return {"e": "outboundAccountPosition", "E": now_ms, "u": now_ms, "B": rows}
