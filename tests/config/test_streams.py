"""A socket that takes nothing is given up, and holds nothing back."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

from asgiref.sync import sync_to_async

from config.streams import TRY_LATER, PushConsumer


class Blocked(PushConsumer):
    """A client whose connection has taken all it can."""

    permission = "none"
    blocked_s = 0.02

    def __init__(self) -> None:
        super().__init__()
        self.scope: dict[str, Any] = {"path": "/ws/ticks"}
        self.closed_with: list[int] = []
        self.tries = 0

    async def send(self, *args: object, **kwargs: object) -> None:
        self.tries += 1
        await asyncio.Event().wait()

    async def close(self, code: int | None = None, reason: str | None = None) -> None:
        assert code is not None
        self.closed_with.append(code)


async def test_a_blocked_client_is_closed_once_and_asked_to_come_later() -> None:
    socket = Blocked()

    for _ in range(3):
        await socket.push("tick", {})

    assert (socket.closed_with, socket.tries) == ([TRY_LATER], 1)


async def test_a_blocked_client_may_say_what_it_likes() -> None:
    socket = Blocked()
    await socket.push("tick", {})

    await socket.receive(text_data="rubbish")

    assert socket.tries == 1


async def test_a_client_that_goes_while_its_login_is_looked_up_is_gone() -> None:
    looked_up = threading.Event()

    class Looking:
        async def may(self, permission: str) -> bool:
            return bool(await sync_to_async(looked_up.wait)(0.2) or True)

    class Watching(Blocked):
        recheck_s = 0.0

    socket = Watching()
    socket._tasks = []
    socket.run(socket._watch(Looking()))
    await asyncio.sleep(0.05)

    async with asyncio.timeout(2):
        await socket.disconnect(1001)

    assert socket.closed_with == []
