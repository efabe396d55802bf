"""Health without Django: answered by the event loop from what two threads keep asking.

A request for health waits for no thread, no connection and no middleware, so that a busy console
doesn't look like a dead one. It never answers from anything older than two seconds: a store that
doesn't say anything within that time is down.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, MutableMapping
from contextlib import suppress
from typing import Any, Generic, TypeVar

import structlog
from django.db import connections

from config import clock
from config.health_state import (
    BusState,
    DatabaseState,
    database_health,
    health,
    read_bus,
    read_database,
)
from config.rendering import to_json

log = structlog.get_logger(__name__)

T = TypeVar("T")

FRESH_S = 1.0  # an answer is told again for that long
WAIT_S = 1.0  # and then a new one is waited for
EVERY_S = 0.5
WARM_S = 30.0  # after the last request the asking ends: longer than probes pause
LOOK_S = 0.01

NO_ANSWER = DatabaseState(error="Timeout")
NO_BUS = BusState(detail="no answer")


class Probe(Generic[T]):
    """Asks in a thread of its own, again and again while somebody wants to know."""

    def __init__(self, name: str, ask: Callable[[], T]) -> None:
        self._name = name
        self._ask = ask
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._answer: tuple[T, float] | None = None  # with the moment the question was put
        self._wanted_until = 0.0
        self._thread: threading.Thread | None = None

    async def answer(self) -> tuple[T, float] | None:
        """The newest answer and its age in s; None when there was none in time."""
        self._want()
        give_up_at = clock.mono() + WAIT_S
        while (told := self._told()) is None and clock.mono() < give_up_at:
            await asyncio.sleep(LOOK_S)
        return told

    @property
    def newest(self) -> T | None:
        """The newest answer, however old."""
        return self._answer[0] if self._answer else None

    def end(self) -> None:
        """Ask no more, and forget."""
        self._wanted_until = 0.0
        self._ended.set()
        if thread := self._thread:
            thread.join()
        self._ended.clear()
        self._answer = None

    def _told(self) -> tuple[T, float] | None:
        if self._answer is None:
            return None
        answer, asked_at = self._answer
        age_s = clock.mono() - asked_at
        return (answer, age_s) if age_s <= FRESH_S else None

    def _want(self) -> None:
        with self._lock:
            self._wanted_until = clock.mono() + WARM_S
            if self._thread is None:
                self._thread = threading.Thread(
                    target=self._keep_asking, name=f"health-{self._name}", daemon=True
                )
                self._thread.start()

    def _keep_asking(self) -> None:
        while True:
            asked_at = clock.mono()
            with suppress(Exception):  # then there is no answer, which says enough
                self._answer = (self._ask(), asked_at)
            # A new connection each time: that one can be had is part of the answer.
            connections.close_all()
            self._ended.wait(EVERY_S)
            with self._lock:
                if clock.mono() >= self._wanted_until:
                    self._thread = None
                    return


class HealthDoor:
    """Answers GET of the health paths; everything else is for `application`."""

    def __init__(self, application: Any) -> None:
        self.application = application
        self.database = Probe("database", read_database)
        self.bus = Probe("bus", self._ask_bus)
        self._said: dict[str, str] = {}
        answers: dict[str, Callable[[], Awaitable[tuple[bool, object]]]] = {
            "/health": self._health,
            "/db-health": self._database_health,
            "/health/live": self._live,
        }
        prefixed = {f"/api{version}/health": self._health for version in ("", "/v1")}
        self._answers = answers | prefixed

    async def __call__(self, scope: MutableMapping[str, Any], receive: Any, send: Any) -> None:
        answer = self._answers.get(scope["path"])
        if answer is None or scope["method"] not in {"GET", "HEAD"}:
            await self.application(scope, receive, send)
            return
        ok, payload = await answer()
        body = to_json(payload)
        headers = [
            (b"content-type", b"application/json"),
            (b"cache-control", b"no-store"),
            (b"x-content-type-options", b"nosniff"),
            (b"content-length", str(len(body)).encode()),
        ]
        status = 200 if ok else 503
        await send({"type": "http.response.start", "status": status, "headers": headers})
        sent = b"" if scope["method"] == "HEAD" else body
        await send({"type": "http.response.body", "body": sent})

    def end(self) -> None:
        """Stop asking."""
        self.database.end()
        self.bus.end()

    async def _health(self) -> tuple[bool, object]:
        # In this order: the bus is asked for the quotes of symbols that the database names.
        database, database_age_s = await self.database.answer() or (NO_ANSWER, FRESH_S + WAIT_S)
        on_bus, bus_age_s = await self.bus.answer() or (NO_BUS, FRESH_S + WAIT_S)
        self._say("database", database.detail or database.error or "")
        self._say("bus", on_bus.detail)
        age_s = max(database_age_s, bus_age_s)
        payload = health(database, on_bus, now_ms=clock.now_ms(), age_s=age_s)
        return database.error is None, payload

    async def _database_health(self) -> tuple[bool, object]:
        database, _ = await self.database.answer() or (NO_ANSWER, 0.0)
        self._say("database", database.detail or database.error or "")
        return database.error is None, database_health(database)

    async def _live(self) -> tuple[bool, object]:
        return True, {"status": "ok"}

    def _ask_bus(self) -> BusState:
        database = self.database.newest
        return read_bus(list(database.symbols) if database else [], clock.now_ms())

    def _say(self, store: str, fault: str) -> None:
        """Once when it goes, once when it is back."""
        if fault and not self._said.get(store):
            log.error("health.unavailable", store=store, error=fault)
        elif not fault and self._said.get(store):
            log.info("health.back", store=store)
        self._said[store] = fault
