"""What each call costs at Binance and Bybit, and what their answers say about their limits.

Sources: the rate limit pages and endpoint weights of Binance spot REST and of Bybit v5.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from config.rate_budget import Priority, RateBudget, Use, Window, address_window, scope_of

OUT_OF_BUDGET = "rate_budget"
PATIENCE_S = 1.5  # a request may wait that long for room; its window of validity is 5 s
CANCEL_PATIENCE_S = 5.0  # many at once at a stop: waiting is sooner than being asked again
LIMITED_S = 10.0  # when an exchange limits us without saying for how long
BANNED_S = 120.0  # 418: bans begin at two minutes and get longer with each request
BLOCKED_S = 600.0  # Bybit's 403: ten minutes for the address
SECOND, MINUTE, DAY = 1_000, 60_000, 86_400_000

# Weight of a call.
_BINANCE_WEIGHTS = {
    "place": 1,
    "cancel": 1,
    "find": 4,
    "open": 80,
    "open_of": 6,  # one symbol's
    "fills": 20,
    "balances": 20,
    "rights": 1,
    "time": 1,
}
# Calls a second of one account, of each endpoint.
_BYBIT_ENDPOINTS = {
    "place": ("create", 20),
    "cancel": ("cancel", 20),
    "find": ("realtime", 50),
    "open": ("realtime", 50),
    "find_older": ("history", 50),
    "fills": ("executions", 50),
    "balances": ("wallet", 50),
    "rights": ("key", 10),
}
PRIORITIES = {
    "place": Priority.ENTRY,
    "cancel": Priority.CANCEL,
    "find": Priority.LOOK_UP,
    "find_older": Priority.LOOK_UP,
    "open_of": Priority.POLL,
    "time": Priority.LOOK_UP,  # without it no request is stamped right
}
Costs = list[tuple[Window, int]]


@dataclass(frozen=True)
class Binance:
    """Weight a minute of the address, orders of the account."""

    scope: str
    account: str

    @property
    def windows(self) -> dict[str, Window]:
        orders = f"{self.scope}:{self.account}:orders"
        return {
            "x-mbx-used-weight-1m": address_window("binance", self.scope),
            "x-sapi-used-ip-weight-1m": Window(f"{self.scope}:sapi", MINUTE, 12_000),
            "x-mbx-order-count-10s": Window(orders, 10 * SECOND, 100),
            "x-mbx-order-count-1d": Window(orders, DAY, 200_000),
        }

    def costs(self, method: str) -> Costs:
        weight, sapi, ten_s, day = self.windows.values()
        costs = [(sapi if method == "rights" else weight, _BINANCE_WEIGHTS[method])]
        return [*costs, (ten_s, 1), (day, 1)] if method == "place" else costs

    def gates(self, method: str) -> list[str]:
        return [self.scope, *([self._orders] if method == "place" else [])]

    def readings(self, method: str, headers: Mapping[str, str]) -> list[tuple[Window, int]]:
        said = {name: headers.get(name, "") for name in self.windows}
        return [(self.windows[name], int(used)) for name, used in said.items() if used.isdecimal()]

    def closing(
        self, method: str, status: int, code: str, headers: Mapping[str, str]
    ) -> tuple[str, float] | None:
        """(which gate, for how long) where an answer wants silence."""
        said = _retry_after(headers)
        if status == 418:
            return self.scope, said or BANNED_S
        if code == "-1015":
            return self._orders, said or LIMITED_S
        if status == 429 or code == "-1003":
            return self.scope, said or LIMITED_S
        return None

    @property
    def _orders(self) -> str:
        return f"{self.scope}:{self.account}:orders"


@dataclass(frozen=True)
class Bybit:
    """Requests in 5 s of the address, calls a second of the account to each endpoint."""

    scope: str
    account: str

    @property
    def windows(self) -> dict[str, Window]:
        ends = dict(_BYBIT_ENDPOINTS.values())
        found = {name: Window(self._end(name), SECOND, most) for name, most in ends.items()}
        return {"requests": address_window("bybit", self.scope), **found}

    def costs(self, method: str) -> Costs:
        windows = self.windows
        end, _ = _BYBIT_ENDPOINTS.get(method, ("", 0))
        return [(windows["requests"], 1), *([(windows[end], 1)] if end else [])]

    def gates(self, method: str) -> list[str]:
        end, _ = _BYBIT_ENDPOINTS.get(method, ("", 0))
        return [self.scope, *([self._end(end)] if end else [])]

    def readings(self, method: str, headers: Mapping[str, str]) -> list[tuple[Window, int]]:
        """It tells what is left of a limit that may differ from ours: the same part is used."""
        left = headers.get("x-bapi-limit-status", "")
        limit = headers.get("x-bapi-limit", "")
        if method not in _BYBIT_ENDPOINTS or not (
            left.isdecimal() and limit.strip("0").isdecimal()
        ):
            return []
        window = self.windows[_BYBIT_ENDPOINTS[method][0]]
        used = max(0, int(limit) - int(left))
        return [(window, -(-used * window.limit // int(limit)))]

    def closing(
        self, method: str, status: int, code: str, headers: Mapping[str, str]
    ) -> tuple[str, float] | None:
        """(which gate, for how long) where an answer wants silence."""
        said = _retry_after(headers)
        if status == 403:
            return self.scope, max(said, BLOCKED_S)
        if status == 418:
            return self.scope, said or BANNED_S
        if status == 429:
            return self.scope, said or LIMITED_S
        if code in ("10006", "170005") and method in _BYBIT_ENDPOINTS:
            return self._end(_BYBIT_ENDPOINTS[method][0]), said or 1.0
        return None

    def _end(self, name: str) -> str:
        return f"{self.scope}:{self.account}:{name}"


TABLES: dict[str, type[Binance] | type[Bybit]] = {"binance": Binance, "bybit": Bybit}


class RateMeter:
    """One account's calls against the budget that all processes share."""

    def __init__(
        self,
        budget: RateBudget,
        exchange: str,
        *,
        account: str,
        base_url: str = "",
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._budget = budget
        self._table = TABLES[exchange](scope_of(exchange, base_url), account)
        self._sleep = sleep

    def admit(self, method: str, priority: Priority | None = None) -> bool:
        """Whether a call may be made now; it waits a moment where that is enough."""
        asked = priority or PRIORITIES.get(method, Priority.READ)
        patience_s = CANCEL_PATIENCE_S if asked is Priority.CANCEL else PATIENCE_S
        while True:
            taken = self._budget.take(self._table.gates(method), self._table.costs(method), asked)
            wait_s = taken.wait_ms / 1000
            if taken.granted or wait_s > patience_s:
                return taken.granted
            self._sleep(wait_s)
            patience_s -= wait_s

    def heard(self, method: str, status: int, code: str, headers: Mapping[str, Any]) -> None:
        """What an answer says about the limits."""
        plain = {str(name).lower(): str(value) for name, value in headers.items()}
        if readings := self._table.readings(method, plain):
            self._budget.note(readings)
        if closing := self._table.closing(method, status, code, plain):
            gate, seconds = closing
            self._budget.close(gate, seconds=seconds)

    def uses(self) -> list[Use]:
        """How much of each limit is used, for people."""
        return self._budget.look(self._table.scope, list(self._table.windows.values()))


def _retry_after(headers: Mapping[str, str]) -> float:
    said = headers.get("retry-after", "")
    return float(said) if said.isdecimal() else 0.0
