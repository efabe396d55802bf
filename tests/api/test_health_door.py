"""Health of a web process: from the event loop, never older than two seconds, never a lie."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from itertools import count

import httpx
import pytest

from config import clock, health_door
from config.asgi import application
from config.health_door import HealthDoor, Probe
from config.health_state import BusState, DatabaseState
from tests.api.factories import make_quote, make_symbol
from tests.conftest import AsgiServer


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, seconds in {"FRESH_S": 0.1, "WAIT_S": 0.1, "EVERY_S": 0.02}.items():
        monkeypatch.setattr(health_door, name, seconds)


@pytest.fixture
def door() -> Iterator[HealthDoor]:
    """The one of `asgi_server`; it asks nobody once the test is over."""
    door = application.application_mapping["http"]
    yield door
    door.end()


async def test_a_store_that_hangs_has_no_answer_soon(quick: None) -> None:
    hangs, goes_on = threading.Event(), threading.Event()

    def ask() -> int:
        if hangs.is_set():
            goes_on.wait(5)
        return 7

    probe = Probe("test", ask)
    first = await probe.answer()
    hangs.set()
    began = clock.mono()
    while await probe.answer() is not None:
        await asyncio.sleep(0.01)
    took_s = clock.mono() - began
    goes_on.set()
    hangs.clear()
    again = await probe.answer()
    probe.end()

    assert first is not None
    assert first[0] == 7
    assert took_s < 0.1 + 0.1 + 0.2
    assert again is not None


async def test_an_error_that_nobody_thought_of_is_no_answer(quick: None) -> None:
    def ask() -> int:
        raise RuntimeError("a bug")

    probe = Probe("test", ask)

    assert await probe.answer() is None
    probe.end()


async def test_many_who_ask_are_one_question(quick: None) -> None:
    asked = count()
    probe = Probe("test", lambda: next(asked))

    await asyncio.gather(*(probe.answer() for _ in range(200)))
    probe.end()

    assert next(asked) <= 3


async def test_nobody_is_asked_for_nobody(quick: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health_door, "WARM_S", 0.05)
    asked = count()
    probe = Probe("test", lambda: next(asked))

    await probe.answer()
    await asyncio.sleep(0.3)
    before = next(asked)
    await asyncio.sleep(0.1)

    assert next(asked) == before + 1


async def test_a_dead_database_is_503_and_its_reason_is_for_the_log(
    quick: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    away = DatabaseState(error="OperationalError", detail="password=secret")
    monkeypatch.setattr(health_door, "read_database", lambda: away)
    monkeypatch.setattr(health_door, "read_bus", lambda *_: BusState(ok=True))
    transport = httpx.ASGITransport(HealthDoor(None))

    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        health, database = await client.get("/health"), await client.get("/db-health")
        live = await client.get("/health/live")

    assert (health.status_code, health.json()["status"]) == (503, "down")
    assert (database.status_code, database.json()) == (
        503,
        {"ok": False, "error": "OperationalError"},
    )
    assert live.status_code == 200
    assert "secret" not in health.text


def test_the_whole_picture_has_its_age(
    asgi_server: AsgiServer, console: None, door: HealthDoor
) -> None:
    make_quote(make_symbol())

    answer = httpx.get(f"{asgi_server.url}/health")
    same = httpx.get(f"{asgi_server.url}/api/v1/health")

    body = answer.json()
    assert (answer.status_code, body["status"]) == (200, "ok")
    assert body["symbols"] == ["simulated:BTC/USDT"]
    assert 0 <= body["feed_age_s"]["simulated:BTC/USDT"] < 10
    assert body["trades_cached"] == {"simulated:BTC/USDT": 0}
    assert 0 <= body["age_s"] <= 2
    assert same.json().keys() == body.keys()
    assert answer.headers["cache-control"] == "no-store"


def test_the_door_lets_everything_else_through(asgi_server: AsgiServer, console: None) -> None:
    assert httpx.post(f"{asgi_server.url}/health").status_code == 403  # no CSRF token
    assert httpx.head(f"{asgi_server.url}/health/live").status_code == 200
    assert httpx.get(f"{asgi_server.url}/health/ready").status_code == 200
