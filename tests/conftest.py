"""Fixtures of every test: no network but loopback, a clean bus, a real ASGI server."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from django.db.backends.base.operations import BaseDatabaseOperations

from config import bus, triggers

# Elsewhere a test may depend on the stores without asking for a database.
STORELESS = {"approvals", "architecture", "console", "docs", "exchange_emulator", "marketdata"}
STORELESS |= {"strategies", "trading"}
# One database is enough: the page behind each URL meets the other one in tests/access, a whole
# console does under faults, and what takes long here are sockets and arithmetic over queries that
# other tests run on both.
ONE_STORE = (
    "access/test_half_signed_in.py",
    "api/test_live.py",
    "api/test_schema.py",
    "approvals/test_review_answers.py",
    "approvals/test_review_form.py",
    "brokers/",
    "console/",
    "marketdata/test_feed_streams.py",
    "scenarios/test_chaos_judge.py",
    "scenarios/test_live_drift.py",
    "scenarios/test_up.py",
    "strategies/test_detect_signals.py",
    "trading/test_account_feed.py",
    "trading/test_account_rates.py",
    "trading/test_guard_policy.py",
    "trading/test_run_bot_replay.py",
    "trading/test_simulate_command.py",
    "trading/test_simulate_job.py",
)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what no database can change: CI doesn't repeat it on the second one."""
    for item in items:
        path = item.path.relative_to(Path(__file__).parent)
        asked = {"db", "transactional_db", "clean_bus"} & set(getattr(item, "fixturenames", ()))
        free = path.parts[0] in STORELESS and not asked
        free = free and not item.get_closest_marker("django_db")
        if free or path.as_posix().startswith(ONE_STORE):
            item.add_marker("storeless")


@pytest.fixture(scope="session", autouse=True)
def loopback_only() -> Iterator[None]:
    """Any other address is refused before a packet leaves."""
    patch = pytest.MonkeyPatch()
    for name in ("connect", "connect_ex"):
        real = getattr(socket.socket, name)

        def guarded(self: socket.socket, address: Any, real: Any = real) -> Any:
            if self.family != socket.AF_UNIX and not _is_loopback(str(address[0])):
                raise AssertionError(
                    f"A test wanted to connect to {address}: only loopback is allowed"
                )
            return real(self, address)

        patch.setattr(socket.socket, name, guarded)
    yield
    patch.undo()


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


@pytest.fixture(scope="session", autouse=True)
def flush_past_the_triggers() -> Iterator[None]:
    """Tests with real transactions empty all tables afterwards; some tables refuse that."""
    patch = pytest.MonkeyPatch()
    real = BaseDatabaseOperations.execute_sql_flush

    def flush(self: BaseDatabaseOperations, sql_list: Any) -> None:
        for kept in triggers.stated():
            kept.lift(self.connection)
        real(self, sql_list)
        for kept in triggers.stated():
            kept.lay(self.connection)

    patch.setattr(BaseDatabaseOperations, "execute_sql_flush", flush)
    yield
    patch.undo()


@pytest.fixture
def clean_bus() -> Iterator[None]:
    """An empty live state (quotes and feed ages) before and after the test."""
    bus.client().flushdb()
    yield
    bus.client().flushdb()


@dataclass(frozen=True, slots=True)
class AsgiServer:
    """A running uvicorn of `config.asgi`, as people's browsers meet it."""

    url: str
    ws_url: str
    loop: asyncio.AbstractEventLoop

    def push(self, group: str, message: Mapping[str, Any]) -> None:
        """Send one message to a group of the channel layer, from inside the server."""
        from channels.layers import get_channel_layer

        sending = get_channel_layer().group_send(group, dict(message))
        asyncio.run_coroutine_threadsafe(sending, self.loop).result(5)


@pytest.fixture
def asgi_server(transactional_db: None) -> Iterator[AsgiServer]:
    """Django's own live server is WSGI and knows no WebSocket; this is the real thing."""
    import uvicorn

    from config.asgi import application

    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    address = f"127.0.0.1:{listener.getsockname()[1]}"
    server = uvicorn.Server(
        uvicorn.Config(
            application,
            log_level="warning",
            lifespan="off",
            ws="websockets-sansio",
            ws_per_message_deflate=False,
            timeout_graceful_shutdown=1,
        )
    )
    loop = asyncio.new_event_loop()

    def run() -> None:
        asyncio.set_event_loop(loop)
        loop.run_until_complete(server.serve(sockets=[listener]))
        loop.close()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield AsgiServer(url=f"http://{address}", ws_url=f"ws://{address}", loop=loop)
    server.should_exit = True
    thread.join(10)
