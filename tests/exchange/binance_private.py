"""Binance spot REST, private side: api/v3 trading and the key's rights from sapi/v1."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from typing import Any

from tests.exchange import binance_words as words
from tests.exchange.accounts import ApiKey
from tests.exchange.matching import Engine, Habits
from tests.exchange.orders import ZERO, Kind, Order, Reason, Refusal, Side, Tif, Wanted
from tests.exchange.placing import place, race
from tests.exchange.routes import Refused, Request
from tests.exchange.signing import binance_forbidden, binance_refused, check_binance

HABITS = Habits(client_id_is_free_after_close=True, post_only_is_refused=True, first_id=28_000_001)

DAY = 24 * 3_600_000

# What a request costs of the minute's weight; 1 unless it is here.
WEIGHTS = {
    "GET /api/v3/exchangeInfo": 20,
    "GET /api/v3/account": 20,
    "GET /api/v3/order": 4,
    "GET /api/v3/openOrders": 6,
    "GET /api/v3/openOrders of all": 80,  # symbols
    "GET /api/v3/allOrders": 20,
    "GET /api/v3/myTrades": 20,
    "GET /api/v3/klines": 2,
    "GET /api/v3/ticker/24hr": 2,
    "GET /api/v3/depth": 5,
}


class BinancePrivate:
    """Signed routes over an engine."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.routes: dict[str, Callable[[Request, ApiKey], Any]] = {
            "POST /api/v3/order": self._place,
            "POST /api/v3/order/test": self._test,
            "DELETE /api/v3/order": self._cancel,
            "GET /api/v3/order": self._order,
            "GET /api/v3/openOrders": self._open_orders,
            "DELETE /api/v3/openOrders": self._cancel_all,
            "GET /api/v3/allOrders": self._all_orders,
            "GET /api/v3/myTrades": self._trades,
            "GET /api/v3/account": self._account,
            "GET /sapi/v1/asset/tradeFee": self._trade_fees,
            "GET /sapi/v1/account/apiRestrictions": lambda request, key: words.restrictions(key),
        }

    def answer(self, request: Request, ip: str) -> Any:
        """The body of a private answer, or None if the route is not private. Raises Refused."""
        route = self.routes.get(f"{request.method} {request.path}")
        if route is None:
            return None
        key = check_binance(request, self.engine.accounts, ip, self.engine.clock())
        allowed = key.can_read if request.method == "GET" else key.can_trade
        if not allowed and "apiRestrictions" not in request.path:
            raise binance_forbidden()
        try:
            return route(request, key)
        except Refusal as refusal:
            raise words.refusal(refusal.reason) from None

    def _place(self, request: Request, key: ApiKey) -> Any:
        wanted = _wanted(request.params, key.account)
        wanted.client_id = wanted.client_id or f"auto-{len(self.engine.ledger.orders)}"
        order = place(self.engine, wanted, request.spoil)
        plain = "FULL" if wanted.words["type"] in ("MARKET", "LIMIT") else "ACK"
        return words.placed(order, request.params.get("newOrderRespType", plain))

    def _test(self, request: Request, key: ApiKey) -> Any:
        self.engine.judged(_wanted(request.params, key.account))
        return {}

    def _found(self, request: Request, key: ApiKey) -> Order:
        params = request.params
        ids = params.get("orderId", ""), params.get("origClientOrderId", "")
        if not any(ids):
            text = "Param 'origClientOrderId' or 'orderId' must be sent, but both were empty/null!"
            raise binance_refused(400, -1102, text)
        self.engine.book(params["symbol"])
        return self.engine.find(key.account, order_id=ids[0], client_id=ids[1])

    def _cancel(self, request: Request, key: ApiKey) -> Any:
        try:
            order = self._found(request, key)
            race(self.engine, order, request.spoil)
            self.engine.cancel(order)
        except Refusal as refusal:
            if refusal.reason is not Reason.ORDER_UNKNOWN:
                raise
            raise words.cancel_refused() from None
        return words.canceled(order, request.params.get("newClientOrderId", f"cancel-{order.id}"))

    def _order(self, request: Request, key: ApiKey) -> Any:
        return words.order_row(self._found(request, key))

    def _mine(self, request: Request, key: ApiKey) -> list[Order]:
        symbol = request.params.get("symbol")
        orders = self.engine.listed(key.account)
        return [order for order in orders if symbol in (None, order.wanted.symbol)]

    def _open_orders(self, request: Request, key: ApiKey) -> Any:
        return [words.order_row(order) for order in self._mine(request, key) if order.is_open]

    def _cancel_all(self, request: Request, key: ApiKey) -> Any:
        open_orders = [order for order in self._mine(request, key) if order.is_open]
        if not open_orders:
            raise words.cancel_refused()
        for order in open_orders:
            self.engine.cancel(order)
        return [words.canceled(order, f"cancel-{order.id}") for order in open_orders]

    def _all_orders(self, request: Request, key: ApiKey) -> Any:
        params, orders = request.params, self._mine(request, key)
        _check_range(params)
        if "orderId" in params:
            orders = [order for order in orders if int(order.id) >= int(params["orderId"])]
        orders = [order for order in orders if _within(params, order.created_ms)]
        return [words.order_row(order) for order in _page(params, orders, "orderId")]

    def _trades(self, request: Request, key: ApiKey) -> Any:
        params = request.params
        _check_range(params)
        fills = [
            fill
            for order in self._mine(request, key)
            for fill in order.fills
            if params.get("orderId") in (None, order.id) and _within(params, fill.at_ms)
        ]
        fills.sort(key=lambda fill: fill.trade_id)
        if "fromId" in params:
            fills = [fill for fill in fills if fill.trade_id >= int(params["fromId"])]
        return [words.trade_row(fill) for fill in _page(params, fills, "fromId")]

    def _account(self, request: Request, key: ApiKey) -> Any:
        account = self.engine.accounts.account(key.account)
        return words.account_body(account, key, self.engine.clock())

    def _trade_fees(self, request: Request, key: ApiKey) -> Any:
        symbol = request.params.get("symbol")
        pairs = [pair.id for pair in self.engine.market.pairs if symbol in (None, pair.id)]
        return words.trade_fees(self.engine.accounts.account(key.account), pairs)


def _check_range(params: dict[str, str]) -> None:
    start, end = int(params.get("startTime", 0)), int(params.get("endTime", 0))
    if start and end and end - start > DAY:
        raise binance_refused(400, -1127, "More than 24 hours between startTime and endTime.")


def _within(params: dict[str, str], at_ms: int) -> bool:
    return int(params.get("startTime", 0)) <= at_ms <= int(params.get("endTime", 1 << 62))


def _page(params: dict[str, str], rows: list[Any], cursor: str) -> list[Any]:
    """The newest rows up to the limit, or the oldest ones from a start on."""
    limit = min(int(params.get("limit", 500)), 1000)
    return rows[:limit] if cursor in params or "startTime" in params else rows[-limit:]


def _number(params: dict[str, str], name: str) -> Decimal:
    try:
        value = Decimal(params.get(name, "0"))
    except InvalidOperation:
        raise _malformed(name) from None
    if not value.is_finite() or value < 0:
        raise _malformed(name)
    if value != round(value, words.PLACES):
        raise binance_refused(400, -1111, f"Parameter '{name}' has too much precision.")
    return value


def _malformed(name: str) -> Refused:
    text = f"Mandatory parameter '{name}' was not sent, was empty/null, or malformed."
    return binance_refused(400, -1102, text)


def _wanted(params: dict[str, str], account: str) -> Wanted:
    for name in ("symbol", "side", "type"):
        if not params.get(name):
            raise _malformed(name)
    kind = params["type"]
    if kind not in KINDS:
        raise binance_refused(400, -1116, "Invalid orderType.")
    if params["side"] not in Side.__members__:
        raise binance_refused(400, -1117, "Invalid side.")
    side = Side(params["side"])
    tif = params.get("timeInForce", "GTC")
    if tif not in Tif.__members__:
        raise binance_refused(400, -1115, "Invalid timeInForce.")
    wanted = Wanted(
        account=account,
        symbol=params["symbol"],
        side=side,
        kind=KINDS[kind],
        qty=_number(params, "quantity"),
        cost=_number(params, "quoteOrderQty"),
        price=_number(params, "price"),
        client_id=params.get("newClientOrderId", ""),
        tif=Tif(tif),
        post_only=kind == "LIMIT_MAKER",
        trigger=_number(params, "stopPrice"),
        trigger_rising=kind.startswith("STOP") is (side is Side.BUY),
        words={"type": kind, "timeInForce": tif},
    )
    _check_shape(wanted, kind)
    return wanted


def _check_shape(wanted: Wanted, kind: str) -> None:
    if wanted.kind is Kind.LIMIT and wanted.price == ZERO:
        raise _malformed("price")
    if not wanted.qty and not wanted.cost:
        raise _malformed("quantity")
    if ("STOP" in kind or "PROFIT" in kind) and not wanted.trigger:
        raise _malformed("stopPrice")


KINDS = {
    "LIMIT": Kind.LIMIT,
    "LIMIT_MAKER": Kind.LIMIT,
    "MARKET": Kind.MARKET,
    "STOP_LOSS": Kind.MARKET,
    "STOP_LOSS_LIMIT": Kind.LIMIT,
    "TAKE_PROFIT": Kind.MARKET,
    "TAKE_PROFIT_LIMIT": Kind.LIMIT,
}
