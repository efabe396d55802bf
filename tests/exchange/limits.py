"""How much may be asked: counters and headers of both venues, and what happens above them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import orjson

from tests.exchange.faults import HTML, Answer
from tests.exchange.routes import Request

MINUTE, TEN_S, FIVE_S, SECOND = 60_000, 10_000, 5_000, 1_000


@dataclass(slots=True)
class Window:
    """A counter that starts anew with each period of the clock."""

    period_ms: int
    used: int = 0
    number: int = -1

    def add(self, count: int, now_ms: int) -> int:
        if now_ms // self.period_ms != self.number:
            self.number, self.used = now_ms // self.period_ms, 0
        self.used += count
        return self.used

    def left_ms(self, now_ms: int) -> int:
        return self.period_ms - now_ms % self.period_ms


@dataclass(slots=True)
class BinanceLimits:
    """Weight a minute and orders in 10 s. Counted always, enforced when `enforce` is set."""

    enforce: bool = False
    weight_per_minute: int = 6000
    orders_per_10_s: int = 100
    patience: int = 10  # so many requests above the limit before the ban
    banned_until_ms: int = 0
    weights: dict[str, int] = field(default_factory=dict)
    weight: Window = field(default_factory=lambda: Window(MINUTE))
    orders: Window = field(default_factory=lambda: Window(TEN_S))

    def check(self, request: Request, now_ms: int) -> Answer | None:
        """The refusal, if this request is one too many."""
        route = f"{request.method} {request.path}"
        every = f"{route} of all" if "symbol" not in request.params else route
        weight = self.weights.get(every, self.weights.get(route, 1))
        used = self.weight.add(weight, now_ms)
        sent = self.orders.add(int(route == "POST /api/v3/order"), now_ms)
        if not self.enforce:
            return None
        if now_ms < self.banned_until_ms:
            return self._too_many(418, -1003, self._banned(), self.banned_until_ms - now_ms)
        if used > self.weight_per_minute + self.patience:
            self.banned_until_ms = now_ms + 2 * MINUTE
            return self._too_many(418, -1003, self._banned(), 2 * MINUTE)
        if used > self.weight_per_minute:
            text = (
                f"Too much request weight used; current limit is {self.weight_per_minute} request"
                " weight per 1 MINUTE. Please use WebSocket Streams for live updates to avoid"
                " polling the API."
            )
            return self._too_many(429, -1003, text, self.weight.left_ms(now_ms))
        if sent > self.orders_per_10_s:
            limit = f"{self.orders_per_10_s} orders per 10 SECOND."
            text = f"Too many new orders; current limit is {limit}"
            return self._too_many(429, -1015, text, self.orders.left_ms(now_ms))
        return None

    def _banned(self) -> str:
        return (
            f"Way too much request weight used; IP banned until {self.banned_until_ms}. Please use"
            " WebSocket Streams for live updates to avoid bans."
        )

    def _too_many(self, status: int, code: int, msg: str, wait_ms: int) -> Answer:
        answer = Answer(status, orjson.dumps({"code": code, "msg": msg}))
        answer.headers["Retry-After"] = str(max(1, wait_ms // 1000))
        return answer

    def headers(self, now_ms: int) -> dict[str, str]:
        return {
            "X-MBX-USED-WEIGHT": str(self.weight.used),
            "X-MBX-USED-WEIGHT-1M": str(self.weight.used),
            "X-MBX-ORDER-COUNT-10S": str(self.orders.used),
        }


@dataclass(slots=True)
class BybitLimits:
    """Requests in 5 s per address and orders a second. Enforced when `enforce` is set."""

    enforce: bool = False
    requests_per_5_s: int = 600
    orders_per_s: int = 20
    requests: Window = field(default_factory=lambda: Window(FIVE_S))
    orders: Window = field(default_factory=lambda: Window(SECOND))

    def check(self, request: Request, now_ms: int) -> Answer | None:
        """The refusal, if this request is one too many."""
        used = self.requests.add(1, now_ms)
        sent = self.orders.add(int(request.path == "/v5/order/create"), now_ms)
        if not self.enforce:
            return None
        if used > self.requests_per_5_s:
            return Answer(403, HTML, {"Content-Type": "text/html"})
        if sent > self.orders_per_s:
            body: dict[str, Any] = {"result": {}, "retExtInfo": {}, "time": now_ms}
            text = "Too many visits. Exceeded the API Rate Limit."
            return Answer(200, orjson.dumps({"retCode": 10006, "retMsg": text} | body))
        return None

    def headers(self, now_ms: int) -> dict[str, str]:
        return {
            "X-Bapi-Limit": str(self.orders_per_s),
            "X-Bapi-Limit-Status": str(max(0, self.orders_per_s - self.orders.used)),
            "X-Bapi-Limit-Reset-Timestamp": str(now_ms + self.orders.left_ms(now_ms)),
        }
