"""What a fault can lay its hands on: the console, the exchange, the driver, and chance."""

from __future__ import annotations

import contextlib
import random
import time
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from benchmarks.chaos.desk import Desk
from benchmarks.chaos.driver import Driver
from benchmarks.chaos.evidence import PLACES, PREFIX
from benchmarks.chaos.stack import Stack
from tests.exchange.remote import RemoteEmulator

# Always there, so that kills meet orders whose answer is missing; each was accepted.
BACKGROUND = (
    ("answer_lost", PLACES, 0.03),
    ("reset_after", PLACES, 0.02),
    ("without_client_id", PLACES, 0.02),
    ("status", "GET /api/v3/myTrades", 0.03),
    ("status", "GET /api/v3/order", 0.03),
)


@dataclass
class Scene:
    """One run's players. All verbs return when they are done."""

    stack: Stack
    exchange: RemoteEmulator
    desk: Desk
    driver: Driver
    chance: random.Random
    proofs: list[dict[str, Any]] = field(default_factory=list)  # of emergency stops

    def heal(self) -> None:
        """Only the background is left."""
        self.exchange.heal()
        for name, path, chance in BACKGROUND:
            extra = {"code": 502} if name == "status" else {}
            self.exchange.fail(name, path=path, times=1_000_000, chance=chance, **extra)

    def wait_for_orders(self, more: int, at_most_s: float) -> None:
        """Until the driver has asked for so many more decisions."""
        wanted, give_up_at = self.driver.asked + more, time.monotonic() + at_most_s
        while self.driver.asked < wanted and time.monotonic() < give_up_at:
            time.sleep(0.1)

    def wait_for_spoils(self, at_most_s: float) -> None:
        """Until the newest fault has spoiled as many requests as it was to."""
        give_up_at = time.monotonic() + at_most_s
        while self.exchange.do("GET", "faults")[-1]["times"] and time.monotonic() < give_up_at:
            time.sleep(0.1)

    def price(self, symbol: str) -> Decimal:
        return last_price(self.exchange, symbol)

    def open_orders(self) -> list[dict[str, Any]]:
        """Of ours, as the exchange has them."""
        orders = self.exchange.ledger()["orders"]
        still = ("NEW", "PARTIALLY_FILLED")
        return [
            order
            for order in orders
            if order["status"] in still and order["client_id"].startswith(PREFIX)
        ]

    def fill_some(self) -> None:
        """A part of each resting order, by decree; one that has just ended is left alone."""
        for order in self.open_orders():
            left = Decimal(order["qty"]) - Decimal(order["filled"])
            part = (left * Decimal(str(self.chance.uniform(0.2, 0.8)))).quantize(Decimal("0.00001"))
            if part > 0:
                with contextlib.suppress(ValueError):
                    self.exchange.do(
                        "POST",
                        "order",
                        client_id=order["client_id"],
                        do="fill",
                        arguments={"qty": f"{part:f}"},
                    )

    def until_ok(self, method: str, path: str, body: Any, *, at_most_s: float = 60) -> Any:
        """Ask as an administrator until it is done, or is so already."""
        give_up_at = time.monotonic() + at_most_s
        while time.monotonic() < give_up_at:
            answer = self.desk.ask(method, path, body, who="admin")
            if answer is not None and (answer.ok or answer.code in ALREADY):
                return answer.body
            time.sleep(0.5)
        raise TimeoutError(f"{method} {path} was not done within {at_most_s:g} s: {answer}")


ALREADY = frozenset({"BOT_ALREADY_RUNNING", "BOT_NOT_RUNNING", "SYSTEM_HALTED", "ORDER_NOT_OPEN"})


def last_price(exchange: RemoteEmulator, symbol: str) -> Decimal:
    """From the exchange's control side, which no fault but an outage touches."""
    return Decimal(exchange.do("GET", "prices")[symbol])


class Prices:
    """Last prices; while the exchange is away, those from before."""

    def __init__(self, exchange: RemoteEmulator) -> None:
        self._exchange = exchange
        self._known: dict[str, Decimal] = {}

    def __call__(self, symbol: str) -> Decimal:
        with contextlib.suppress(OSError):
            self._known[symbol] = last_price(self._exchange, symbol)
        return self._known.get(symbol, Decimal(1_000))
