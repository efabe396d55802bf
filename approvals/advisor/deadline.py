"""Connections that all end at one moment, however slowly the other side lets its bytes drip."""

from __future__ import annotations

from typing import Any

import httpcore

from config import clock

CONNECT_S = 5.0
CHUNK = 16_384


class Deadline:
    """One moment on the monotonic clock."""

    def __init__(self, seconds: float) -> None:
        self._until = clock.mono() + seconds

    def left(self) -> float:
        """Seconds until then. Raises httpcore.ReadTimeout when it has passed."""
        seconds = self._until - clock.mono()
        if seconds <= 0:
            raise httpcore.ReadTimeout("The time is up.")
        return seconds


class Stream(httpcore.NetworkStream):
    """Whatever a single read would be allowed, none goes on past the deadline."""

    def __init__(self, inner: httpcore.NetworkStream, deadline: Deadline) -> None:
        self._inner = inner
        self._deadline = deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._inner.read(max_bytes, self._deadline.left())

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        for start in range(0, len(buffer), CHUNK):
            self._inner.write(buffer[start : start + CHUNK], self._deadline.left())

    def close(self) -> None:
        self._inner.close()

    def start_tls(
        self, ssl_context: Any, server_hostname: str | None = None, timeout: float | None = None
    ) -> Stream:
        seconds = min(CONNECT_S, self._deadline.left())
        return Stream(self._inner.start_tls(ssl_context, server_hostname, seconds), self._deadline)

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)


class Backend(httpcore.NetworkBackend):
    """The network as one call sees it: made for it, and of no use after it."""

    def __init__(self, seconds: float) -> None:
        self._deadline = Deadline(seconds)
        self._inner = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Any = None,
    ) -> httpcore.NetworkStream:
        seconds = min(CONNECT_S, self._deadline.left())
        stream = self._inner.connect_tcp(host, port, seconds, local_address, socket_options)
        return Stream(stream, self._deadline)
