"""Many WebSocket clients in one cheap process: what each frame's ticks took from their stamps."""

from __future__ import annotations

import asyncio
import base64
import os
import socket
import sys
import time
from dataclasses import dataclass, field
from typing import Any

import orjson

TEXT, CLOSE, PING, PONG = 1, 8, 9, 10
OPENED_AT_ONCE = 20


@dataclass(slots=True)
class Heard:
    """What a process of clients received; times in ms."""

    ages: list[float] = field(default_factory=list)
    frames: int = 0
    size: int = 0
    closed: int = 0
    counts: bool = False  # only while the phase is being measured


class Client(asyncio.Protocol):
    """One socket. Server frames are unmasked, so reading them costs next to nothing."""

    def __init__(self, request: bytes, heard: Heard, *, deaf: bool) -> None:
        self._request = request
        self._heard = heard
        self._deaf = deaf
        self._buffer = b""
        self.open: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        transport.write(self._request)

    def connection_lost(self, error: Exception | None) -> None:
        self._heard.closed += 1
        if not self.open.done():
            self.open.set_exception(error or ConnectionError("closed"))

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if not self.open.done():
            head, found, self._buffer = self._buffer.partition(b"\r\n\r\n")
            if not found:
                self._buffer = head
                return
            if b" 101 " not in head.split(b"\r\n", 1)[0]:
                self.open.set_exception(ConnectionError(head[:100].decode()))
                return
            self.open.set_result(None)
            if self._deaf:
                self.transport.pause_reading()
        while (frame := _frame(self._buffer)) is not None:
            code, payload, size = frame
            self._buffer = self._buffer[size:]
            self._take(code, payload)

    def _take(self, code: int, payload: bytes) -> None:
        if code == PING:
            mask = os.urandom(4)
            body = bytes(one ^ mask[at % 4] for at, one in enumerate(payload))
            self.transport.write(bytes((0x80 | PONG, 0x80 | len(payload))) + mask + body)
        elif code == TEXT and self._heard.counts:
            now_ms = time.time() * 1000
            self._heard.frames += 1
            self._heard.size += len(payload)
            self._heard.ages += [now_ms - stamp for stamp in _stamps(payload)]


def _stamps(payload: bytes) -> list[float]:
    """When the ticks of a frame were made, of the console's rows or the relay's payload."""
    message = orjson.loads(payload)
    if isinstance(message, list):
        return [tick[1] for tick in message]
    return [row[1] for row in message["data"]] if message["event"] == "ticks" else []


def _frame(data: bytes) -> tuple[int, bytes, int] | None:
    """(opcode, payload, bytes taken) of the first whole frame."""
    if len(data) < 2:
        return None
    length, start = data[1] & 0x7F, 2
    if length > 125:
        start += 2 if length == 126 else 8
        if len(data) < start:
            return None
        length = int.from_bytes(data[2:start], "big")
    if len(data) < start + length:
        return None
    return data[0] & 0x0F, data[start : start + length], start + length


def request(path: str, host: str, token: str) -> bytes:
    key = base64.b64encode(os.urandom(16)).decode()
    lines = (
        f"GET {path} HTTP/1.1",
        f"Host: {host}",
        "Upgrade: websocket",
        "Connection: Upgrade",
        f"Sec-WebSocket-Key: {key}",
        "Sec-WebSocket-Version: 13",
        f"Authorization: Bearer {token}",
    )
    return "\r\n".join((*lines, "", "")).encode()


async def _swarm(port: int, path: str, token: str, many: int, deaf: int) -> Heard:
    """Open them all, say so, count from the first line of stdin to the second."""
    heard, loop, gate = Heard(), asyncio.get_running_loop(), asyncio.Semaphore(OPENED_AT_ONCE)
    clients: list[Client] = []

    async def opened(number: int) -> None:
        async with gate:
            connection = socket.create_connection(("127.0.0.1", port))
            connection.setblocking(False)
            if number < deaf:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            asked = request(path, f"127.0.0.1:{port}", token)
            _, client = await loop.create_connection(
                lambda: Client(asked, heard, deaf=number < deaf), sock=connection
            )
            await client.open
            clients.append(client)

    await asyncio.gather(*(opened(number) for number in range(many)))
    print("open", flush=True)
    await asyncio.to_thread(sys.stdin.readline)
    heard.counts = True
    await asyncio.to_thread(sys.stdin.readline)
    heard.counts = False
    return heard


def main(port: int, path: str, token: str, many: int, deaf: int) -> None:
    """A swarm; the answer is one line of JSON."""
    heard = asyncio.run(_swarm(port, path, token, many, deaf))
    answer: dict[str, Any] = {name: getattr(heard, name) for name in ("frames", "size", "closed")}
    print(
        orjson.dumps({**answer, "ages": [round(age, 1) for age in heard.ages]}).decode(), flush=True
    )
    os._exit(0)  # hundreds of sockets need no farewell


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2], sys.argv[3], int(sys.argv[4]), int(sys.argv[5]))
