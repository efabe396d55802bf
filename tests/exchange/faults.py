"""What can go wrong between an exchange and us. Each makes a Fault out of what the server says."""

from __future__ import annotations

import json
import socket
import struct
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any

HTML = b"<html><body><h1>Bad Gateway</h1></body></html>"


@dataclass(slots=True)
class Answer:
    """A response before it is sent."""

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=lambda: {"Content-Type": "application/json"})


# Gets the handler and the right answer; gives another one, or None when it hung up.
Spoil = Callable[[BaseHTTPRequestHandler, Answer], Answer | None]


@dataclass(slots=True)
class Fault:
    """Spoils the next `times` answers whose path holds `path`."""

    spoil: Spoil
    path: str = ""
    times: int = 1_000_000


def status(code: int, *, retry_after: int | None = None, body: bytes = HTML) -> Spoil:
    """An HTTP error, with an HTML page as gateways send it."""

    def spoil(handler: BaseHTTPRequestHandler, answer: Answer) -> Answer:
        headers = {"Content-Type": "text/html"}
        if retry_after is not None:
            headers["Retry-After"] = str(retry_after)
        return Answer(code, body, headers)

    return spoil


def body_of(body: bytes) -> Spoil:
    """Status 200 with another body: `null`, nothing, a page."""

    def spoil(handler: BaseHTTPRequestHandler, answer: Answer) -> Answer:
        return Answer(200, body, answer.headers)

    return spoil


def truncated(handler: BaseHTTPRequestHandler, answer: Answer) -> Answer:
    """Status 200 with the first half of the JSON, complete as far as HTTP can tell."""
    return Answer(200, answer.body[: len(answer.body) // 2], answer.headers)


def reset(handler: BaseHTTPRequestHandler, answer: Answer) -> None:
    """The connection is reset instead of answered."""
    linger = struct.pack("ii", 1, 0)
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    handler.close_connection = True
    handler.connection.close()


def slow(seconds: float) -> Spoil:
    """The right answer, too late."""

    def spoil(handler: BaseHTTPRequestHandler, answer: Answer) -> Answer:
        time.sleep(seconds)
        return answer

    return spoil


def mangled(change: Callable[[list[Any]], list[Any]]) -> Spoil:
    """The rows of a list answer changed by `change`; for Bybit in its own order."""

    def spoil(handler: BaseHTTPRequestHandler, answer: Answer) -> Answer:
        body = json.loads(answer.body)
        if isinstance(body, list):
            body = change(body)
        else:
            body["result"]["list"] = change(body["result"]["list"])
        return Answer(200, json.dumps(body).encode(), answer.headers)

    return spoil
