"""Clients of the streams, over a real server on loopback."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import orjson
from django.conf import settings
from django.test import Client
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Origin

from tests.api.factories import Api
from tests.conftest import AsgiServer

PATIENCE_S = 5.0


class Listener:
    """One open socket."""

    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection

    def say(self, message: object) -> None:
        self.connection.send(
            message if isinstance(message, str) else orjson.dumps(message).decode()
        )

    def hear(self, *, within_s: float = PATIENCE_S) -> tuple[str, dict[str, Any]]:
        message = orjson.loads(self.connection.recv(timeout=within_s))
        return message["event"], message["data"]

    def hears_nothing(self, *, for_s: float = 0.4) -> bool:
        try:
            self.connection.recv(timeout=for_s)
        except TimeoutError:
            return True
        return False

    def close_code(self) -> int | None:
        """Read on until the server closes."""
        try:
            while True:
                self.connection.recv(timeout=PATIENCE_S)
        except ConnectionClosed as closed:
            return closed.rcvd.code if closed.rcvd else None


@contextmanager
def listening(server: AsgiServer, path: str, api: Api) -> Iterator[Listener]:
    """A socket with the program's token in its header."""
    headers = {"Authorization": f"Bearer {api.secret}"}
    with connect(f"{server.ws_url}{path}", additional_headers=headers) as connection:
        yield Listener(connection)


@contextmanager
def browsing(server: AsgiServer, api: Api, *, origin: str = "") -> Iterator[Listener]:
    """A socket of a page: the person's session, and the origin of the page (else our own)."""
    with connect(
        f"{server.ws_url}/ws/events",
        additional_headers=session_cookie(api),
        origin=Origin(origin or server.url),
    ) as connection:
        yield Listener(connection)


def session_cookie(api: Api) -> dict[str, str]:
    """The cookie of a browser that is signed in as the program's person."""
    browser = Client()
    browser.force_login(api.user)  # type: ignore[arg-type]
    name = settings.SESSION_COOKIE_NAME
    return {"Cookie": f"{name}={browser.cookies[name].value}"}
