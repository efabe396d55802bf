"""What every push stream shares: who may listen, a bounded mailbox, a socket that only pushes."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Coroutine, Mapping
from typing import Any, ClassVar, Protocol

import orjson
import structlog
from channels.generic.websocket import AsyncWebsocketConsumer

from config.rendering import to_json

log = structlog.get_logger(__name__)

RECHECK_S = 30.0
BLOCKED_S = 10.0  # a client that takes nothing for that long is closed
MAX_WAITING = 1000
MAX_COMMAND_BYTES = 8192

# Close codes, 4000 + the HTTP status that says the same.
NO_LOGIN, NOT_FOUND, TOO_LARGE, TRY_LATER = 4401, 4404, 1009, 1013


class Caller(Protocol):
    """Who is behind a stream; `config.websocket_auth` puts one into each scope."""

    async def may(self, permission: str) -> bool:
        """Whether the login still holds, right now, and allows `permission`."""


class Mailbox:
    """Messages that wait for a slow client: the oldest fall out, and are counted."""

    def __init__(self, *, size: int = MAX_WAITING) -> None:
        self._waiting: deque[Any] = deque(maxlen=size)
        self._filled = asyncio.Event()
        self.dropped = 0

    def put(self, message: Any) -> None:
        if len(self._waiting) == self._waiting.maxlen:
            self.dropped += 1
        self._waiting.append(message)
        self._filled.set()

    async def get(self) -> Any:
        """The oldest message, as soon as there is one."""
        while not self._waiting:
            self._filled.clear()
            await self._filled.wait()
        return self._waiting.popleft()


class PushConsumer(AsyncWebsocketConsumer):  # type: ignore[misc]  # channels has no types
    """A socket that only pushes; what a client sends is a subscription, never a command.

    Refused without a login; closed with 4401 within `recheck_s` of its end. Closed with 1013 when
    a message has not left for `blocked_s`: whoever takes nothing gets nothing more.
    """

    permission: ClassVar[str]
    recheck_s: ClassVar[float] = RECHECK_S
    blocked_s: ClassVar[float] = BLOCKED_S
    blocked = False
    gone = False

    async def connect(self) -> None:
        self._tasks: list[asyncio.Task[None]] = []
        caller: Caller | None = self.scope.get("caller")
        if caller is None or not await caller.may(self.permission):
            await self.close(NO_LOGIN)
            return
        # A browser's token travels as a second subprotocol; only the first may be answered.
        offered = self.scope.get("subprotocols", [])
        await self.accept(subprotocol="bearer" if "bearer" in offered else None)
        self.run(self._watch(caller))
        await self.opened()

    async def opened(self) -> None:
        """Join groups and send what the client should see first."""

    async def subscribed(self, wanted: list[str], *, on: bool) -> None:
        """Add or drop subscriptions."""

    def run(self, work: Coroutine[Any, Any, None]) -> None:
        """Run beside the socket until it closes."""
        self._tasks.append(asyncio.create_task(work))

    async def disconnect(self, code: int) -> None:
        self.gone = True
        for task in self._tasks:
            task.cancel()
        for task in self._tasks:
            with contextlib.suppress(asyncio.CancelledError, Exception):
                await task

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        if self.blocked:
            return
        if len(text_data or "") > MAX_COMMAND_BYTES or bytes_data is not None:
            await self.close(TOO_LARGE)
            return
        command = _command(text_data or "")
        if command is None:
            await self.push("error", {"code": "MALFORMED", "detail": 'Send {"subscribe": [...]}.'})
            return
        for name, on in (("subscribe", True), ("unsubscribe", False)):
            if name in command:
                await self.subscribed(command[name], on=on)

    async def push(self, event: str, data: Mapping[str, Any]) -> None:
        """Send one message; waits while the client is slow, silent once it is gone."""
        await self.push_text(to_json({"event": event, "data": data}).decode())

    async def push_text(self, text: str) -> None:
        """The same for a message that is written already."""
        if self.blocked:
            return
        with contextlib.suppress(OSError, RuntimeError):
            try:
                async with asyncio.timeout(self.blocked_s):
                    await self.send(text_data=text)
            except TimeoutError:
                self.blocked = True
                log.info("stream.client_blocked", path=self.scope["path"])
                # Behind what it has not taken; the kernel drops who never takes anything.
                await self.close(TRY_LATER)

    async def _watch(self, caller: Caller) -> None:
        # asgiref forgets that it was canceled while its thread was at work: hence `gone`.
        while not self.gone:
            await asyncio.sleep(self.recheck_s)
            if not await caller.may(self.permission) and not self.gone:
                await self.close(NO_LOGIN)
                return


def _command(text: str) -> dict[str, list[str]] | None:
    try:
        command = orjson.loads(text)
    except orjson.JSONDecodeError:
        return None
    if not isinstance(command, dict) or not command.keys() <= {"subscribe", "unsubscribe"}:
        return None
    lists = all(
        isinstance(part, list) and all(isinstance(item, str) for item in part)
        for part in command.values()
    )
    return command if command and lists else None
