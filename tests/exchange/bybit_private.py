"""Bybit v5 REST, private side of spot."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any

from tests.exchange import bybit_words as words
from tests.exchange.accounts import ApiKey
from tests.exchange.matching import Engine, Habits
from tests.exchange.orders import ZERO, Kind, Order, Reason, Refusal, Side, Tif, Wanted, text
from tests.exchange.placing import place, race
from tests.exchange.routes import Refused, Request
from tests.exchange.signing import bybit_refused, check_bybit

HABITS = Habits(
    client_id_is_free_after_close=False,
    post_only_is_refused=False,
    first_id=1_523_347_543_495_541_248,
)
WORDS = [
    ("orderType", ("Market", "Limit"), 170116),
    ("side", ("Buy", "Sell"), 170117),
    ("timeInForce", ("GTC", "IOC", "FOK", "PostOnly"), 170115),
    ("orderFilter", ("Order", "tpslOrder", "StopOrder"), 170202),
]
REQUIRED = {"orderType", "side"}
DAY = 24 * 3_600_000
WEEK = 7 * DAY
REMEMBERED = 500  # so many closed orders are still in order/realtime


class BybitPrivate:
    """Signed routes over an engine."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.restarted_ms = 0
        self.routes: dict[str, Callable[[Request, ApiKey], dict[str, Any]]] = {
            "POST /v5/order/create": self._place,
            "POST /v5/order/cancel": self._cancel,
            "POST /v5/order/cancel-all": self._cancel_all,
            "GET /v5/order/realtime": self._realtime,
            "GET /v5/order/history": self._history,
            "GET /v5/execution/list": self._executions,
            "GET /v5/account/wallet-balance": self._wallet,
            "GET /v5/account/fee-rate": self._fee_rate,
            "GET /v5/asset/coin/query-info": lambda request, key: {"rows": []},
            "GET /v5/account/info": lambda request, key: {"unifiedMarginStatus": 6},
            "GET /v5/user/query-api": lambda request, key: words.key_info(key),
        }

    def answer(self, request: Request, ip: str) -> Any:
        """The body of a private answer, or None if the route is not private. Raises Refused."""
        route = self.routes.get(f"{request.method} {request.path}")
        if route is None:
            return None
        now = self.engine.clock()
        key = check_bybit(request, self.engine.accounts, ip, now)
        allowed = key.can_read if request.method == "GET" else key.can_trade
        if not allowed and request.path != "/v5/user/query-api":
            text = "Permission denied, please check your API key permissions."
            raise bybit_refused(10005, text, now)
        try:
            return words.ok(route(request, key), now)
        except Refusal as refusal:
            raise words.refusal(refusal.reason, now) from None

    def _place(self, request: Request, key: ApiKey) -> dict[str, Any]:
        wanted = self._wanted(request.params, key.account)
        return words.ids(place(self.engine, wanted, request.spoil))

    def _found(self, params: dict[str, str], key: ApiKey) -> Order:
        order_id, client_id = params.get("orderId", ""), params.get("orderLinkId", "")
        if not order_id and not client_id:
            raise self._malformed("orderId or orderLinkId is required")
        return self.engine.find(key.account, order_id=order_id, client_id=client_id)

    def _cancel(self, request: Request, key: ApiKey) -> dict[str, Any]:
        order = self._found(request.params, key)
        if order.wanted.words["orderFilter"] != request.params.get("orderFilter", "Order"):
            raise Refusal(Reason.ORDER_UNKNOWN)
        race(self.engine, order, request.spoil)
        self.engine.cancel(order)
        return words.ids(order)

    def _cancel_all(self, request: Request, key: ApiKey) -> dict[str, Any]:
        wanted = request.params.get("orderFilter", "Order")
        canceled = []
        for order in self._mine(request.params, key):
            if order.is_open and order.wanted.words["orderFilter"] == wanted:
                self.engine.cancel(order)
                canceled.append(words.ids(order))
        return {"list": canceled, "success": "1"}

    def _mine(self, params: dict[str, str], key: ApiKey) -> list[Order]:
        """Newest first, as all lists of v5 are."""
        symbol, of_kind = params.get("symbol"), params.get("orderFilter")
        return [
            order
            for order in reversed(self.engine.listed(key.account))
            if symbol in (None, order.wanted.symbol)
            and of_kind in (None, order.wanted.words["orderFilter"])
        ]

    def _realtime(self, request: Request, key: ApiKey) -> dict[str, Any]:
        params = request.params
        if params.get("orderId") or params.get("orderLinkId"):
            return _page(params, self._one(params, key), 20)
        recent = self._mine(params, key)
        if params.get("openOnly") == "1":
            closed = [order for order in recent if not order.is_open and self._recalls(order)]
            return _page(params, [words.order_row(order) for order in closed[:REMEMBERED]], 20)
        return _page(params, [words.order_row(order) for order in recent if order.is_open], 20)

    def _one(self, params: dict[str, str], key: ApiKey) -> list[dict[str, Any]]:
        """One order asked for by an id: an empty list, and no error, if it is not there."""
        try:
            order = self._found(params, key)
        except Refusal:
            return []
        return [words.order_row(order)] if order.is_open or self._recalls(order) else []

    def _recalls(self, order: Order) -> bool:
        """Whether order/realtime still has a closed order: not after a restart of the venue."""
        return order.updated_ms > self.restarted_ms

    def _range(self, params: dict[str, str]) -> range:
        """Seven days at most; one end that is missing is seven days from the other."""
        start, end = int(params.get("startTime", 0)), int(params.get("endTime", 0))
        end = end or (start + WEEK if start else self.engine.clock())
        start = start or end - WEEK
        if end - start > WEEK:
            raise self._malformed("the time range must not exceed 7 days")
        return range(start, end + 1)

    def _history(self, request: Request, key: ApiKey) -> dict[str, Any]:
        params, now = request.params, self.engine.clock()
        wanted, within = params.get("orderStatus"), self._range(params)
        rows = [
            words.order_row(order)
            for order in self._mine(params, key)
            if not order.is_open
            and order.created_ms in within
            and _remembered(order, now)
            and params.get("orderId", order.id) == order.id
            and params.get("orderLinkId", order.wanted.client_id) == order.wanted.client_id
        ]
        rows = [row for row in rows if wanted in (None, row["orderStatus"])]
        return _page(params, rows, 20)

    def _executions(self, request: Request, key: ApiKey) -> dict[str, Any]:
        params, within = request.params, self._range(request.params)
        found = [
            (fill, order)
            for order in self._mine(params, key)
            for fill in order.fills
            if fill.at_ms in within
            and params.get("orderId", order.id) == order.id
            and params.get("orderLinkId", order.wanted.client_id) == order.wanted.client_id
        ]
        found.sort(key=lambda pair: -pair[0].trade_id)
        return _page(params, [words.execution_row(fill, order) for fill, order in found], 50)

    def _wallet(self, request: Request, key: ApiKey) -> dict[str, Any]:
        return {"list": [words.wallet(self.engine.accounts.account(key.account))]}

    def _fee_rate(self, request: Request, key: ApiKey) -> dict[str, Any]:
        account = self.engine.accounts.account(key.account)
        rates = {"makerFeeRate": text(account.maker_rate), "takerFeeRate": text(account.taker_rate)}
        symbol = request.params.get("symbol")
        pairs = [pair.id for pair in self.engine.market.pairs if symbol in (None, pair.id)]
        return {"list": [{"symbol": pair} | rates for pair in pairs]}

    def _malformed(self, text: str) -> Refused:
        return bybit_refused(10001, f"Request parameter error: {text}", self.engine.clock())

    def _number(self, params: dict[str, str], name: str) -> Decimal:
        try:
            value = Decimal(params.get(name) or "0")
        except InvalidOperation:
            raise self._malformed(name) from None
        if not value.is_finite() or value < 0:
            raise self._malformed(name)
        return value

    def _wanted(self, params: dict[str, str], account: str) -> Wanted:
        self._check_words(params)
        market, side = params["orderType"] == "Market", Side(params["side"].upper())
        # A market buy is in quote currency unless it says otherwise.
        unit = params.get("marketUnit", "quoteCoin" if side is Side.BUY else "baseCoin")
        qty, in_quote = self._number(params, "qty"), market and unit == "quoteCoin"
        tif = params.get("timeInForce", "IOC" if market else "GTC")
        trigger = self._number(params, "triggerPrice")
        words = {
            "qty": params.get("qty", ""),
            "marketUnit": unit if market else "",
            "timeInForce": tif,
            "orderFilter": params.get("orderFilter", "Order"),
        }
        return Wanted(
            account=account,
            symbol=params["symbol"],
            side=side,
            kind=Kind.MARKET if market else Kind.LIMIT,
            qty=ZERO if in_quote else qty,
            cost=qty if in_quote else ZERO,
            price=ZERO if market else self._number(params, "price"),
            client_id=params.get("orderLinkId", ""),
            tif=Tif.GTC if tif == "PostOnly" else Tif(tif),
            post_only=tif == "PostOnly",
            trigger=trigger,
            trigger_rising=trigger > self.engine.book(params["symbol"]).last,
            locks=words["orderFilter"] != "StopOrder",
            words=words,
        )

    def _check_words(self, params: dict[str, str]) -> None:
        if params.get("category") != "spot" or not params.get("symbol"):
            raise self._malformed("category and symbol are required")
        now = self.engine.clock()
        for name, known, code in WORDS:
            if params.get(name, "" if name in REQUIRED else known[0]) not in known:
                raise bybit_refused(code, f"Invalid {name}.", now)


def _remembered(order: Order, now_ms: int) -> bool:
    """History drops orders that ended with nothing filled after a day."""
    return bool(order.filled) or now_ms - order.updated_ms <= DAY


def _page(params: dict[str, str], rows: Sequence[Any], default: int) -> dict[str, Any]:
    """One page; the cursor is where the next one starts."""
    start, limit = int(params.get("cursor") or 0), int(params.get("limit", default))
    more = str(start + limit) if len(rows) > start + limit else ""
    page = list(rows[start : start + limit])
    return {"category": "spot", "list": page, "nextPageCursor": more}
