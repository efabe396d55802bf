"""Streams: who listens, and what can go wrong on the way to them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import orjson
from aiohttp import WSMsgType, web


@dataclass(frozen=True, slots=True)
class Event:
    """One message of a stream, in the venue's words."""

    account: str
    topic: str
    body: dict[str, Any]


@dataclass(slots=True, eq=False)
class Connection:
    """One WebSocket. `wrap` makes the venue's frame around an event's body."""

    socket: web.WebSocketResponse
    transport: asyncio.Transport | None
    wrap: Callable[[Event], dict[str, Any]]
    account: str = ""
    topics: set[str] = field(default_factory=set)
    queue: asyncio.Queue[dict[str, Any] | str | bytes] = field(default_factory=asyncio.Queue)

    async def write(self) -> None:
        """Send what is queued, in order, until the connection is gone."""
        while not self.socket.closed:
            message = await self.queue.get()
            if isinstance(message, bytes):
                await self.socket.send_bytes(message)
            else:
                text = message if isinstance(message, str) else orjson.dumps(message).decode()
                await self.socket.send_str(text)


class Streams:
    """All connections. The faults are methods and fields, to be set while it runs."""

    def __init__(self, call: Callable[[Callable[[], Any]], Any]) -> None:
        self.connections: set[Connection] = set()
        self.sent: list[Event] = []  # what happened while anybody was connected, told or not
        self.silent = False  # connections live and pings are answered, events are lost
        self.refusing = False  # nobody gets a connection
        self.answering_pings = True
        self.slow_close_s = 0.0  # before a farewell is answered
        self._call = call
        self._drop = 0
        self._double, self._copies = 0, 1
        self._held: list[Event] | None = None

    @property
    def listening(self) -> bool:
        """Whether an event may still reach anybody; making one costs more than the trade."""
        return bool(self.connections) or self._held is not None

    def drop(self, times: int = 1) -> None:
        """Lose the next events."""
        self._drop = times

    def duplicate(self, times: int = 1, copies: int = 2) -> None:
        """Send each of the next events more than once."""
        self._double, self._copies = times, copies

    def hold(self) -> None:
        """Keep events back until they are released."""
        self._held = []

    def release(self, *, backwards: bool = False) -> None:
        """Send what was held, in the wrong order if wanted."""
        held, self._held = self._held or [], None
        if backwards:
            held.reverse()
        self._call(lambda: self._deliver_all(held))

    def say(self, message: dict[str, Any] | str | bytes) -> None:
        """Send this to everybody, as it is."""
        self._call(lambda: self._say(message))

    def _say(self, message: dict[str, Any] | str | bytes) -> None:
        for connection in self.connections:
            connection.queue.put_nowait(message)

    def disconnect(self) -> None:
        """Cut every connection; what happens before the next one is never replayed."""
        self._call(self._cut)

    def expire(self, farewell: dict[str, Any] | None = None) -> None:
        """End every subscription, with a last word or without one; the connections live on."""
        self._call(lambda: self._expire(farewell))

    def _expire(self, farewell: dict[str, Any] | None) -> None:
        for connection in self.connections:
            if farewell is not None:
                connection.queue.put_nowait(connection.wrap(Event("", "", farewell)))
            connection.topics = set()

    def heal(self) -> None:
        """No faults any more; what is held is sent."""
        self.silent = self.refusing = False
        self.answering_pings = True
        self.slow_close_s = 0.0
        self._drop = self._double = 0
        self.release()

    def _cut(self) -> None:
        for connection in list(self.connections):
            if connection.transport is not None:
                connection.transport.abort()

    def publish(self, event: Event) -> None:
        """Tell everybody who has subscribed, unless a fault says otherwise."""
        self.sent.append(event)
        if self.silent:
            return
        if self._drop:
            self._drop -= 1
            return
        if self._held is not None:
            self._held.append(event)
            return
        copies = 1
        if self._double:
            self._double, copies = self._double - 1, self._copies
        for _ in range(copies):
            self._deliver(event)

    def _deliver_all(self, events: list[Event]) -> None:
        for event in events:
            self._deliver(event)

    def _deliver(self, event: Event) -> None:
        for connection in self.connections:
            if connection.account == event.account and event.topic in connection.topics:
                connection.queue.put_nowait(connection.wrap(event))

    async def serve(
        self,
        raw: web.BaseRequest,
        wrap: Callable[[Event], dict[str, Any]],
        answer: Callable[[Connection, dict[str, Any]], dict[str, Any] | None],
    ) -> web.StreamResponse:
        """One connection from its opening to its end; `answer` replies to what the client says."""
        if self.refusing:
            return web.Response(status=503)
        socket = web.WebSocketResponse(autoping=False, autoclose=not self.slow_close_s)
        await socket.prepare(raw)
        connection = Connection(socket, raw.transport, wrap)
        self.connections.add(connection)
        writer = asyncio.ensure_future(connection.write())
        try:
            await self._listen(connection, answer)
        finally:
            self.connections.discard(connection)
            writer.cancel()
        return socket

    async def _listen(
        self,
        connection: Connection,
        answer: Callable[[Connection, dict[str, Any]], dict[str, Any] | None],
    ) -> None:
        async for message in connection.socket:
            if message.type is WSMsgType.PING and self.answering_pings:
                await connection.socket.pong(message.data)
            if message.type is WSMsgType.TEXT:
                reply = answer(connection, orjson.loads(message.data))
                if reply is not None:
                    connection.queue.put_nowait(reply)
        if self.slow_close_s:
            await asyncio.sleep(self.slow_close_s)
