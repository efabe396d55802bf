"""How much may be asked of an exchange: one budget for every process of this installation.

It is counted on the bus by scripts, which are atomic there: one round trip of microseconds, where a
row of the database would cost each call a write transaction in the way of the orders. While the
bus is away each process counts for itself: cancels and look-ups may use all there is, everything
else a quarter, so that a few processes together stay below the limit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from typing import Any
from urllib.parse import urlparse

import structlog

from config import bus, clock
from config.rate_windows import CLOSE, LOOK, NOTE, TAKE, Charge, Counters, Reading, Taken

log = structlog.get_logger(__name__)

BUS_S = 0.25  # an order waits no longer than two of that for a bus that hangs
AWAY_S = 2.0  # before a bus that was away is asked again
ALONE_PARTS = 4  # processes that may share an address while none knows of the others


class Priority(StrEnum):
    """Who asks. Each may use a larger part of a limit than the next one."""

    CANCEL = "cancel"
    LOOK_UP = "look_up"  # what became of an order of ours
    EXIT = "exit"  # an order that sells
    ENTRY = "entry"  # an order that buys
    READ = "read"  # lists, fills, balances
    POLL = "poll"  # what may have moved: asked again in two seconds anyhow


PARTS: Mapping[Priority, float] = {
    Priority.CANCEL: 1.0,
    Priority.LOOK_UP: 0.95,
    Priority.EXIT: 0.9,
    Priority.ENTRY: 0.8,
    Priority.READ: 0.6,
    Priority.POLL: 0.5,
}
ALONE_WHOLE = frozenset({Priority.CANCEL, Priority.LOOK_UP})


@dataclass(frozen=True, slots=True)
class Window:
    """A limit of an exchange: so much in so long, counted under a name."""

    name: str
    period_ms: int
    limit: int

    @property
    def key(self) -> str:
        return f"rate:{self.name}:{self.period_ms}"


def scope_of(exchange: str, base_url: str = "") -> str:
    """Under what name an exchange's limits are counted: an address of its own is another one."""
    place = urlparse(base_url).netloc
    return f"{exchange}@{place}" if place else exchange


def address_window(exchange: str, scope: str) -> Window:
    """What counts every request of our network address, public ones too."""
    if exchange == "binance":
        return Window(f"{scope}:weight", 60_000, 6_000)
    return Window(f"{scope}:requests", 5_000, 600)


@dataclass(frozen=True, slots=True)
class Use:
    """How much of a window is used now, and for how long its exchange wants silence."""

    window: Window
    used: int
    closed_s: float


class RateBudget:
    """Takes, notes and closes for all processes; `share` is the part of each limit that is ours.

    `now_ms` replaces the bus's clock, for tests.
    """

    def __init__(
        self, *, share: float = 0.9, now_ms: Callable[[], int] | None = None, redis: Any = None
    ) -> None:
        self._share = share
        self._now_ms = now_ms
        self._redis = redis
        self._away_until = 0.0
        self._alone = Counters(now_ms or clock.now_ms)
        self._scripts: dict[str, Any] = {}

    def take(
        self, gates: Sequence[str], costs: Sequence[tuple[Window, int]], priority: Priority
    ) -> Taken:
        """Spend, all or nothing. A refused call must not be made before `wait_ms` are over."""
        closed_ms = self._alone.closed_ms(map(_gate_key, gates))
        if closed_ms:
            return Taken(closed_ms, closed=True)
        charges = [self._charge(*each, priority) for each in costs]
        keys = [*map(_gate_key, gates), *(charge.key for charge in charges)]
        words = [len(gates), *(n for c in charges for n in (c.period_ms, c.ceiling, c.cost))]
        answer = self._ask(TAKE, keys, words)
        if answer is not None:
            return Taken(answer[1], closed=bool(answer[0]), used=tuple(answer[2:]))
        alone = [self._charge(*each, priority, alone=True) for each in costs]
        return self._alone.take(map(_gate_key, gates), alone)

    def note(self, readings: Iterable[tuple[Window, int]]) -> None:
        """What the exchange says was used wins where it is more than we have counted."""
        rows = [Reading(window.key, window.period_ms, used) for window, used in readings]
        words = [n for row in rows for n in (row.period_ms, row.used)]
        if self._ask(NOTE, [row.key for row in rows], words) is None:
            self._alone.note(rows)

    def close(self, gate: str, *, seconds: float) -> None:
        """Nobody calls for so long; a shorter silence doesn't cut a longer one."""
        length_ms = int(seconds * 1000)
        # Remembered here as well: a bus that restarts has forgotten it.
        self._alone.close(_gate_key(gate), length_ms)
        self._ask(CLOSE, [_gate_key(gate)], [length_ms])
        log.warning("rate_budget.closed", gate=gate, seconds=seconds)

    def closed_s(self, gate: str) -> float:
        """For how long nobody may call."""
        return self.take([gate], [], Priority.CANCEL).wait_ms / 1000

    def look(self, gate: str, windows: Sequence[Window]) -> list[Use]:
        """What is used of each window now."""
        rows = [(each.key, each.period_ms) for each in windows]
        keys, periods = [_gate_key(gate), *(key for key, _ in rows)], [ms for _, ms in rows]
        closed_ms, *used = self._ask(LOOK, keys, periods) or self._alone.look(keys[0], rows)
        pairs = zip(windows, used, strict=True)
        return [Use(window, count, closed_ms / 1000) for window, count in pairs]

    @property
    def is_alone(self) -> bool:
        """Whether this process counts for itself because the bus is away."""
        return clock.mono() < self._away_until

    def _charge(
        self, window: Window, cost: int, priority: Priority, *, alone: bool = False
    ) -> Charge:
        limit = window.limit * self._share * PARTS[priority]
        if alone and priority not in ALONE_WHOLE:
            limit /= ALONE_PARTS
        return Charge(window.key, window.period_ms, max(1, int(limit)), cost)

    def _ask(self, script: str, keys: Sequence[str], words: Sequence[int]) -> list[int] | None:
        """The script's answer; None while the bus is away."""
        if self.is_alone:
            return None
        now_ms = self._now_ms() if self._now_ms else 0
        try:
            client = self._redis or bus.client(BUS_S)
            if script not in self._scripts:
                self._scripts[script] = client.register_script(script)
            answer = self._scripts[script](keys=keys, args=[now_ms, *words], client=client)
        except Exception as error:  # redis-py has its own tree of errors
            log.warning("rate_budget.bus_unreachable", error=str(error))
            self._away_until = clock.mono() + AWAY_S
            return None
        return [int(each) for each in answer or ()]


@cache
def shared_budget(share: float) -> RateBudget:
    """This process's door to the one budget."""
    return RateBudget(share=share)


def _gate_key(gate: str) -> str:
    return f"rate:closed:{gate}"
