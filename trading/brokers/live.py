"""Spot accounts of Binance and Bybit through ccxt: it signs, paces and sends; we read.

Each call is one request. Nothing is retried here, and no redirect is followed. What an answer to
an order proves is decided by `outcomes`, not by the class that ccxt makes of it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from config.rate_budget import Priority
from trading.brokers import binance_wire, bybit_wire
from trading.brokers.outcomes import WRONG_TIME, Failure, judged
from trading.brokers.protocol import Ack, Outcome, Patience, Placement
from trading.brokers.rates import OUT_OF_BUDGET, RateMeter
from trading.brokers.reports import (
    Balance,
    KeyRights,
    Lookup,
    OrderReport,
    Presence,
    Reference,
    ReportedFill,
)
from trading.errors import AccountUnreachable, BudgetSpent

T = TypeVar("T")
WIRES: dict[str, Any] = {"binance": binance_wire, "bybit": bybit_wire}
MOST_PAGES = 50
LISTED_APART = 13  # symbols whose lists cost less one by one than all at once, at Binance
OPTIONS: dict[str, dict[str, Any]] = {
    "binance": {
        "defaultType": "spot",
        "fetchMarkets": {"types": ["spot"]},
        "fetchMargins": False,
        "fetchCurrencies": False,
        "warnWithoutSymbol": False,
    },
    "bybit": {
        "defaultType": "spot",
        "fetchMarkets": {"types": ["spot"]},
        "fetchCurrencies": False,
        "enableUnifiedMargin": False,
        "enableUnifiedAccount": True,
    },
}


@dataclass(frozen=True, slots=True)
class Credentials:
    """A key and its secret; neither shows in a text of this object."""

    key: str = field(repr=False)
    secret: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Refused:
    """The answer to a request that failed."""

    failure: Failure


@dataclass(frozen=True, slots=True)
class Seen:
    """An answer as it came, unjudged."""

    status: int
    body: Any
    headers: Mapping[str, Any]


class LiveBroker:
    """One account. One request at a time; more threads wait for each other.

    `base_url` replaces the exchange's own address. A request is valid for `recv_window_ms` from
    the time in its order's claim on, so that one that was frozen comes too late.
    """

    def __init__(
        self,
        exchange: str,
        credentials: Credentials,
        *,
        base_url: str = "",
        timeout_s: float = 8,
        recv_window_ms: int = 5_000,
        rates: RateMeter | None = None,
        on_wrong_time: Callable[[], object] | None = None,
    ) -> None:
        self.exchange = exchange
        self.rates = rates
        self.offset_ms = 0  # their clock minus ours: on the stamp of every request
        self._on_wrong_time = on_wrong_time
        # Both exchanges give up on a request within 10 s after its window.
        self.patience = Patience(settle_s=recv_window_ms / 1000 + 15, again_s=2, give_up_s=120)
        self._wire = WIRES[exchange]
        self._lock = threading.Lock()  # a ccxt client is not safe for two threads
        self._client = _client(exchange, credentials, timeout_s, recv_window_ms)
        # Its own pace is that of one process; who counts for all needs no second brake.
        self._client.enableRateLimit = rates is None
        if base_url:
            _point_at(self._client, exchange, base_url.rstrip("/"))

    def place(self, placement: Placement) -> Ack:
        """Send one order, once."""
        query = self._wire.placement(placement)
        why = Priority.ENTRY if placement.buy else Priority.EXIT
        body = self._ask("place", query, sent_ms=placement.sent_ms, priority=why)
        if isinstance(body, Refused):
            return judged(self.exchange, body.failure)
        try:
            taken = self._wire.acknowledged(body, placement)
        except ValueError:
            return Ack(Outcome.UNKNOWN, code="answer_unreadable")
        if not taken:
            return Ack(Outcome.UNKNOWN, code="answer_without_id")
        return Ack(Outcome.ACKED, exchange_order_id=taken)

    def cancel(self, order: Reference) -> Ack:
        """Ask to cancel. Never ACKED: only a look-up tells that nothing filled meanwhile."""
        body = self._ask("cancel", self._wire.cancellation(order))
        code = body.failure.label if isinstance(body, Refused) else "asked"
        return Ack(Outcome.UNKNOWN, code=code)

    def find(self, order: Reference) -> Lookup:
        """What became of an order of ours, by our own id."""
        asked = Lookup(Presence.ABSENT)
        for method in ("find", "find_older"):
            if method in self._wire.METHODS:
                asked = self._find(method, order)
            if asked.presence is not Presence.ABSENT:
                break
        return asked

    def _find(self, method: str, order: Reference) -> Lookup:
        body = self._ask(method, self._wire.reference(order))
        if isinstance(body, Refused):
            absent = body.failure.code in self._wire.ABSENT
            presence = Presence.ABSENT if absent else Presence.UNANSWERED
            return Lookup(presence, code=body.failure.label)
        try:
            report = self._wire.found(body, order)
        except (LookupError, ValueError):
            return Lookup(Presence.UNANSWERED, code="answer_unreadable")
        return Lookup(Presence.FOUND, report) if report else Lookup(Presence.ABSENT)

    def open_orders(self, symbols: Mapping[str, str]) -> list[OrderReport]:
        """All working orders; `symbols` names raw symbols. Raises AccountUnreachable."""
        return self._open_orders(symbols, None)

    def open_orders_of(self, symbols: Mapping[str, str]) -> list[OrderReport]:
        """Working orders of these symbols, and perhaps more: whatever costs least. Only a poll
        asks, so that the lists which reconciliation needs find room. Raises AccountUnreachable.
        """
        if "open_of" not in self._wire.METHODS or len(symbols) > LISTED_APART:
            return self._open_orders(symbols, Priority.POLL)
        rows: list[OrderReport] = []
        for name in symbols.values():
            page, _ = self._told(
                "open_of",
                self._wire.open_query_of(name),
                lambda body: self._wire.open_page(body, symbols),
            )
            rows += page
        return rows

    def _open_orders(
        self, symbols: Mapping[str, str], priority: Priority | None
    ) -> list[OrderReport]:
        return self._pages(
            "open",
            self._wire.open_query,
            lambda body: self._wire.open_page(body, symbols),
            priority,
        )

    def fills(self, symbol: str, since_ms: int) -> list[ReportedFill]:
        """Trades of a symbol since a time, oldest first. Raises AccountUnreachable."""
        rows: list[ReportedFill] = self._pages(
            "fills",
            lambda cursor: self._wire.fills_query(symbol, since_ms, cursor),
            lambda body: self._wire.fills_page(body, symbol),
        )
        return sorted(rows, key=lambda row: (row.at_ms, row.exchange_fill_id))

    def balances(self) -> list[Balance]:
        """Assets of which there is any. Raises AccountUnreachable."""
        return self._told("balances", self._wire.balances_query(), self._wire.balances)

    def rights(self) -> KeyRights:
        """What the key may do. Raises AccountUnreachable."""
        rights: KeyRights = self._told("rights", {}, self._wire.rights)
        return rights

    def time_ms(self) -> int:
        """The exchange's clock. Raises AccountUnreachable."""
        return int(self._told("time", {}, self._wire.time_ms))

    def _clean(self, failure: Failure) -> Failure:
        """An answer may repeat what was sent: neither key nor secret goes any further."""
        code, text = failure.code, failure.text
        for word in (self._client.apiKey, self._client.secret):
            code, text = code.replace(word, "***"), text.replace(word, "***")
        return replace(failure, code=code, text=text)

    def _pages(
        self,
        method: str,
        query: Callable[[str], dict[str, Any]],
        read: Callable[[Any], tuple[list[Any], str]],
        priority: Priority | None = None,
    ) -> list[Any]:
        rows: list[Any] = []
        cursor = ""
        for _ in range(MOST_PAGES):
            page, cursor = self._told(method, query(cursor), read, priority)
            rows += page
            if not cursor:
                return rows
        raise AccountUnreachable(f"{self.exchange} has more pages than could be read.")

    def _told(
        self,
        method: str,
        query: Mapping[str, Any],
        read: Callable[[Any], T],
        priority: Priority | None = None,
    ) -> T:
        body = self._ask(method, query, priority=priority)
        if isinstance(body, Refused):
            if body.failure.code == OUT_OF_BUDGET:
                raise BudgetSpent(f"{self.exchange} wasn't asked: {OUT_OF_BUDGET}.")
            label, text = body.failure.label, body.failure.text
            raise AccountUnreachable(f"{self.exchange} didn't answer: {label} {text}"[:200])
        try:
            return read(body)
        except (KeyError, ValueError) as error:
            text = f"{self.exchange} gave an answer that can't be understood: {error!r}"
            raise AccountUnreachable(text[:200]) from None

    def _ask(
        self,
        method: str,
        query: Mapping[str, Any],
        *,
        sent_ms: int = 0,
        priority: Priority | None = None,
    ) -> Any:
        """The body of one answer, or Refused. `sent_ms` is the timestamp of the request."""
        if self.rates and not self.rates.admit(method, priority):
            return Refused(Failure(code=OUT_OF_BUDGET, text="no room in our budget", left=False))
        with self._lock:
            client = self._client
            client.sent_ms, client.offset_ms, client.seen = sent_ms, self.offset_ms, None
            try:
                return getattr(client, self._wire.METHODS[method])(dict(query))
            except Exception as error:  # what it raises proves nothing; what was seen may
                return Refused(self._clean(_failure(client.seen, self._wire, error)))
            finally:
                client.sent_ms = 0
                if client.seen is not None:
                    self._heard(method, client.seen)

    def _heard(self, method: str, seen: Seen) -> None:
        code = self._wire.failure(seen.status, seen.body, "").code
        if self.rates:
            self.rates.heard(method, seen.status, code, seen.headers)
        if code in WRONG_TIME and self._on_wrong_time:
            self._on_wrong_time()


def _failure(seen: Seen | None, wire: Any, error: Exception) -> Failure:
    if seen is not None:
        failure: Failure = wire.failure(seen.status, seen.body, str(error))
        return failure
    return Failure(text=type(error).__name__, left=not _never_left(error))


def _never_left(error: BaseException | None) -> bool:
    """Whether the connection was refused, or the name unknown: nothing can have been sent."""
    from urllib3.exceptions import ConnectTimeoutError, NewConnectionError

    while error is not None:
        reason = getattr(error.args[0], "reason", None) if error.args else None
        # A name that isn't known is a NewConnectionError too.
        if isinstance(reason, NewConnectionError | ConnectTimeoutError):
            return True
        error = error.__cause__ or error.__context__
    return False


def _client(exchange: str, credentials: Credentials, timeout_s: float, window_ms: int) -> Any:
    import ccxt

    base: Any = getattr(ccxt, exchange)

    class Client(base):  # type: ignore[misc]
        """Stamps a request with its claim's time, remembers its answer unjudged."""

        sent_ms = 0
        offset_ms = 0
        seen: Seen | None = None

        def nonce(self) -> int:
            return self.sent_ms or int(super().nonce()) + self.offset_ms

        def handle_errors(self, status: int, *rest: Any) -> Any:
            self.seen = Seen(int(status), rest[5], rest[3] or {})
            return super().handle_errors(status, *rest)

    options = {**OPTIONS[exchange], "recvWindow": window_ms, "maxRetriesOnFailure": 0}
    client = Client(
        {
            "apiKey": credentials.key,
            "secret": credentials.secret,
            "enableRateLimit": True,
            "timeout": int(timeout_s * 1000),
            "options": options,
        }
    )
    client.session.max_redirects = 0  # a redirect would send an order again
    return client


def _point_at(client: Any, exchange: str, base_url: str) -> None:
    urls = client.urls["api"]
    spot = "/api/v3" if exchange == "binance" else ""
    urls["public"] = urls["private"] = base_url + spot
    if exchange == "binance":
        urls["sapi"] = base_url + "/sapi/v1"
