"""Decisions of people over HTTP: each with a key of its own, asked again until it is answered.

Each call is one step of a decision; a few threads do whatever step is due next, so that a
decision which has to wait keeps no thread.
"""

from __future__ import annotations

import heapq
import itertools
import random
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from decimal import ROUND_DOWN, Decimal
from typing import Any

import structlog

from benchmarks.chaos.desk import Answer, Desk
from benchmarks.chaos.evidence import CALM, Decision
from benchmarks.chaos.quantities import Quantities
from benchmarks.chaos.stack import SYMBOLS

log = structlog.get_logger(__name__)

THREADS = 6
IN_FLIGHT = 12
GIVE_UP_S = 240.0
LIMIT_SHARE, REPEAT_SHARE, ECHO_SHARE, CANCEL_SHARE = 0.3, 0.15, 0.1, 0.7
ENDED = frozenset({"FILLED", "CANCELED", "EXPIRED", "REJECTED", "NOT_SENT", "DENIED"})
WENT_THROUGH = frozenset({"FILLED", "CANCELED", "EXPIRED"})  # the exchange had it, and we know
WAITS = {"IDEMPOTENCY_IN_PROGRESS": 1.5, "429": 2.0, "RATE_LIMITED": 2.0, "THROTTLED": 2.0}


@dataclass(slots=True)
class Follow:
    """A decision on its way, and what is to be done about it next."""

    decision: Decision
    body: dict[str, Any]
    bot: int
    order_id: int = 0
    repeats: int = 0  # that are still to be made although it was answered
    echo: bool = False  # the same request a second time at once
    stuck: bool = False  # waits for an answer of the first request
    cancel_s: float = 0.0
    leave_s: float = 0.0  # a resting order is left alone from then on


@dataclass
class Driver:
    """`prices` gives the last price of an exchange symbol."""

    desk: Desk
    bots: list[int]
    prices: Any
    seed: int
    every_s: float = 0.35  # between two new decisions
    kind: str = CALM
    decisions: list[Decision] = field(default_factory=list)
    refusals: Counter[str] = field(default_factory=Counter)
    repeats: int = 0

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)
        self._lock = threading.RLock()
        self._heap: list[tuple[float, int, Follow]] = []
        self._numbers = itertools.count()
        self._quantities = Quantities()
        self._stop, self._pause = threading.Event(), threading.Event()
        self._next_s, self._confirm_s, self._buys_from_s = 0.0, time.monotonic() + 120, 0.0
        self._busy = 0
        self._run = f"{self.seed}-{time.time_ns() % 10**9}"

    # What others ask.

    def start(self) -> None:
        self._threads = [threading.Thread(target=self._work, daemon=True) for _ in range(THREADS)]
        for thread in self._threads:
            thread.start()

    def rest(self, timeout_s: float) -> int:
        """Decide nothing more, finish what is on its way; how many decisions are left open."""
        self._pause.set()
        give_up_at = time.monotonic() + timeout_s
        while time.monotonic() < give_up_at and (self._heap or self._busy):
            time.sleep(0.1)
        self._stop.set()
        for thread in self._threads:
            thread.join()
        return len(self._heap)

    @property
    def placed(self) -> int:
        """Decisions that an order came of."""
        with self._lock:
            return sum(bool(decision.client_ids) for decision in self.decisions)

    @property
    def asked(self) -> int:
        with self._lock:
            return len(self.decisions) - sum(bool(one.refused) for one in self.decisions)

    def through_since(self, since_s: float) -> float | None:
        """When the first decision made since then had gone all the way."""
        with self._lock:
            done = [
                decision.done_s
                for decision in self.decisions
                if decision.made_s >= since_s
                and decision.done_s is not None
                and decision.status in WENT_THROUGH
            ]
        return min(done, default=None)

    # One step after the other.

    def _work(self) -> None:
        while not self._stop.is_set():
            follow = self._take()
            if follow is None:
                time.sleep(0.05)
                continue
            try:
                self._step(follow)
            except Exception:
                log.exception("driver.step_failed", key=follow.decision.key)
                self._again(follow, 1.0)
            finally:
                with self._lock:
                    self._busy -= 1

    def _take(self) -> Follow | None:
        now = time.monotonic()
        with self._lock:
            follow = None
            if self._heap and self._heap[0][0] <= now:
                follow = heapq.heappop(self._heap)[2]
            elif not self._pause.is_set() and now >= self._next_s and self._has_room():
                self._next_s = now + self.every_s
                follow = self._decide(now)
            self._busy += follow is not None
            return follow

    def _has_room(self) -> bool:
        return sum(not follow.stuck for _, _, follow in self._heap) + self._busy < IN_FLIGHT

    def _again(self, follow: Follow, wait_s: float) -> None:
        with self._lock:
            due = time.monotonic() + wait_s
            heapq.heappush(self._heap, (due, next(self._numbers), follow))

    def _decide(self, now: float) -> Follow:
        chance = self._random
        bot = chance.choice(self.bots)
        side, symbol, qty = self._quantities.next(
            chance, bot, SYMBOLS, buys=now >= self._buys_from_s
        )
        decision = Decision(
            key=f"{self._run}-{len(self.decisions)}",
            symbol=symbol.replace("/", ""),
            side=side,
            qty=qty,
            made_s=now,
            kind=self.kind,
        )
        self.decisions.append(decision)
        body = {"bot_id": bot, "symbol": f"binance:{symbol}", "side": side, "qty": f"{qty:f}"}
        follow = Follow(decision, body, bot, repeats=int(chance.random() < REPEAT_SHARE))
        if chance.random() < LIMIT_SHARE:
            self._make_limit(follow, now)
        if chance.random() < ECHO_SHARE:
            self._again(Follow(decision, body, bot, echo=True), 0)
        return follow

    def _make_limit(self, follow: Follow, now: float) -> None:
        away = Decimal(str(round(self._random.uniform(0.0002, 0.002), 5)))
        sign = -1 if follow.decision.side == "BUY" else 1
        price = self.prices(follow.decision.symbol) * (1 + sign * away)
        price = price.quantize(Decimal("0.01"), ROUND_DOWN)
        follow.body |= {"type": "LIMIT", "price": f"{price:f}"}
        follow.leave_s = now + self._random.uniform(8, 15)
        if self._random.random() < CANCEL_SHARE:
            follow.cancel_s = now + self._random.uniform(2, 6)

    def _step(self, follow: Follow) -> None:
        self._keep_confirmed()
        if time.monotonic() - follow.decision.made_s > GIVE_UP_S:
            return
        if not follow.order_id or follow.repeats > 0:
            self._ask(follow)
        elif follow.cancel_s and time.monotonic() > follow.cancel_s:
            follow.cancel_s = 0.0
            self.desk.ask("POST", f"orders/{follow.order_id}/cancel")
            self._again(follow, 0.3)
        else:
            self._look(follow)

    def _ask(self, follow: Follow) -> None:
        decision = follow.decision
        if follow.order_id:
            follow.repeats -= 1
        answer = self.desk.ask("POST", "trading/live/order", follow.body, key=decision.key)
        follow.stuck = False
        if answer is not None and answer.ok:
            self._answered(follow, answer)
        elif answer is None or answer.status >= 500:
            self.repeats += 1
            self._again(follow, 0.5)
        elif answer.code in WAITS:
            follow.stuck = True
            self._again(follow, WAITS[answer.code])
        elif answer.code == "STEP_UP_REQUIRED":
            self._confirm_s = 0.0
            self._again(follow, 0.5)
        else:
            self._refused(follow, answer.code)

    def _answered(self, follow: Follow, answer: Answer) -> None:
        decision = follow.decision
        with self._lock:
            decision.client_ids.append(answer.body["client_order_id"])
            decision.status = decision.status or answer.body["status"]
        if not follow.echo:
            follow.order_id = answer.body["id"]
            self._again(follow, 0.2)

    def _refused(self, follow: Follow, code: str) -> None:
        if follow.echo or follow.order_id:
            return
        with self._lock:
            follow.decision.refused = code
            follow.decision.done_s = time.monotonic()
            self.refusals[code] += 1
            if follow.decision.side == "BUY":
                self._buys_from_s = time.monotonic() + 1.0
            elif code == "position_insufficient":
                self._quantities.forget(follow.bot, follow.decision.symbol)

    def _look(self, follow: Follow) -> None:
        decision = follow.decision
        answer = self.desk.ask("GET", f"orders/{follow.order_id}")
        if answer is None or not answer.ok:
            return self._again(follow, 0.5)
        status, now = answer.body["status"], time.monotonic()
        with self._lock:
            decision.status = status
            if status in ENDED:
                decision.done_s = now
                filled = Decimal(answer.body["filled_qty"])
                self._quantities.book(follow.bot, decision.symbol, decision.side, filled)
        if status not in ENDED and not (follow.leave_s and now > follow.leave_s):
            self._again(follow, 0.4)
        return None

    def _keep_confirmed(self) -> None:
        now = time.monotonic()
        with self._lock:
            if now < self._confirm_s:
                return
            self._confirm_s = now + 10
        if self.desk.confirm():
            with self._lock:
                self._confirm_s = now + 120
