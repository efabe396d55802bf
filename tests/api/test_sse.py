"""/sse: four events with exactly their fields, as plain HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import orjson
import pytest
from redis.exceptions import ConnectionError as RedisConnectionError

from config import sse
from config.bus import EVENTS_GROUP
from config.streams import Mailbox
from tests.api.factories import Api, make_ready_bot
from tests.api.sockets import session_cookie
from tests.conftest import AsgiServer
from trading.models import SystemState

TS = "2026-02-23T00:00:00+00:00"
SENT = {
    "bot.state": {"bot_id": 1, "status": "running", "job_id": 12, "ts": TS},
    "portfolio.snapshot": {
        "bot_id": 1,
        "equity": 10000.0,
        "cash": 10000.0,
        "positions_value": 0.0,
        "ts": TS,
        "prices": {"BTC/USDT": 97000.0},
    },
    "job.progress": {"bot_id": 1, "job_id": 12, "status": "running", "progress": 27, "ts": TS},
    "system.notice": {"bot_id": 1, "job_id": 12, "message": "Ticker fetch error", "ts": TS},
}


@contextmanager
def stream(
    server: AsgiServer, api: Api, path: str = "/sse", **headers: str
) -> Iterator[Iterator[str]]:
    """The lines of an open stream, after its welcome."""
    headers = headers or {"Authorization": f"Bearer {api.secret}"}
    headers["Accept"] = "text/event-stream"
    with httpx.stream("GET", f"{server.url}{path}", headers=headers, timeout=5) as response:
        assert response.status_code == 200
        assert response.headers["Content-Type"] == "text/event-stream"
        lines = response.iter_lines()
        assert next(lines) == ": welcome"
        assert next(lines) == ""
        yield lines


def read(lines: Iterator[str]) -> tuple[str, dict[str, Any]]:
    name = next(lines).removeprefix("event: ")
    data = orjson.loads(next(lines).removeprefix("data: "))
    assert next(lines) == ""
    return name, data


def push(server: AsgiServer, name: str, data: dict[str, Any]) -> None:
    server.push(EVENTS_GROUP, {"type": "event.message", "event": name, "data": data})


def test_the_four_events_arrive_with_exactly_their_fields(
    asgi_server: AsgiServer, viewer: Api
) -> None:
    with stream(asgi_server, viewer) as lines:
        for name, data in SENT.items():
            push(asgi_server, name, {**data, "extra": "not for this stream"})
        push(asgi_server, "candle.closed", {"symbol": "BTC/USDT"})

        assert [read(lines) for _ in SENT] == list(SENT.items())


def test_bot_and_job_choose_what_arrives(asgi_server: AsgiServer, viewer: Api) -> None:
    with stream(asgi_server, viewer, "/api/v1/sse?bot_id=1&job_id=12") as lines:
        push(asgi_server, "bot.state", {**SENT["bot.state"], "bot_id": 2})
        push(asgi_server, "job.progress", {**SENT["job.progress"], "job_id": 13})
        push(asgi_server, "portfolio.snapshot", SENT["portfolio.snapshot"])

        assert read(lines)[0] == "portfolio.snapshot"


def test_a_command_over_http_is_heard(asgi_server: AsgiServer, operator: Api) -> None:
    bot = make_ready_bot()
    with stream(asgi_server, operator, f"/api/sse?bot_id={bot.pk}") as lines:
        operator.post(f"bots/{bot.pk}/start")

        name, data = read(lines)
        assert (name, data["status"], set(data)) == ("bot.state", "running", set(SENT[name]))


def test_a_browser_with_a_session_hears_too(asgi_server: AsgiServer, viewer: Api) -> None:
    with stream(asgi_server, viewer, **session_cookie(viewer)) as lines:
        push(asgi_server, "bot.state", SENT["bot.state"])

        assert read(lines)[0] == "bot.state"


def test_a_stream_is_not_for_strangers(asgi_server: AsgiServer, console: None) -> None:
    answer = httpx.get(f"{asgi_server.url}/sse", headers={"Accept": "text/event-stream"})

    assert (answer.status_code, answer.json()["code"]) == (401, "NOT_AUTHENTICATED")


def test_a_filter_must_be_a_number(asgi_server: AsgiServer, viewer: Api) -> None:
    answer = viewer.get("sse", bot_id="x")

    assert (answer.status_code, list(answer.json()["fields"])) == (400, ["bot_id"])


def test_an_open_stream_does_not_hold_up_writes(asgi_server: AsgiServer, viewer: Api) -> None:
    with stream(asgi_server, viewer):
        changed = SystemState.objects.filter(pk=1).update(reason="written meanwhile")

    assert changed == 1


class Caller:
    """Somebody whose login ends after so many checks."""

    def __init__(self, holds: int) -> None:
        self.holds = holds

    async def may(self, permission: str) -> bool:
        self.holds -= 1
        return self.holds >= 0


async def gather(frames: AsyncIterator[bytes]) -> list[bytes]:
    return [frame async for frame in frames]


async def test_a_silent_stream_keeps_proxies_awake_and_ends_with_the_login(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sse, "KEEP_ALIVE_S", 0.02)
    monkeypatch.setattr(sse, "RECHECK_S", 0.0)

    frames = await asyncio.wait_for(gather(sse.stream(wanted={}, caller=Caller(2))), 5)

    assert frames == [b": welcome\n\n", b": keep-alive\n\n", b": keep-alive\n\n"]


async def test_while_the_bus_is_away_a_client_is_told_to_come_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Away:
        async def new_channel(self) -> str:
            raise RedisConnectionError("no bus")

    monkeypatch.setattr(sse, "get_channel_layer", Away)

    assert await gather(sse.stream(wanted={}, caller=Caller(1))) == [b"retry: 5000\n\n"]


async def test_a_slow_client_loses_the_oldest_and_the_loss_is_counted() -> None:
    mailbox = Mailbox(size=3)
    for number in range(5):
        mailbox.put(number)

    assert [await mailbox.get() for _ in range(3)] == [2, 3, 4]
    assert mailbox.dropped == 2
