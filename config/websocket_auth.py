"""Who is behind a WebSocket: the session of its cookie, or a token; never a query parameter."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http.cookies import CookieError, SimpleCookie
from importlib import import_module
from typing import Any

import structlog
from channels.db import database_sync_to_async
from django.conf import settings
from django.contrib.auth import get_user
from django.contrib.auth.models import User
from django.db import DatabaseError
from django.http import HttpRequest
from redis import RedisError

from config.streams import TRY_LATER
from trading.authentication import token_of
from trading.services import FOR_ALL, lacks_second_factor

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class SocketCaller:
    """Asks the database each time, so that a logout, a revoked token or a lost role counts."""

    session_key: str
    token: str

    async def may(self, permission: str) -> bool:
        found: bool = await database_sync_to_async(self._may)(permission)
        return found

    def _may(self, permission: str) -> bool:
        try:
            user = self._user()
            return user is not None and user.is_active and user.has_perm(permission)
        except DatabaseError:
            return False

    def _user(self) -> User | None:
        if self.token:
            token = token_of(self.token)
            return token.user if token else None
        if not self.session_key:
            return None
        request = HttpRequest()
        request.session = import_module(settings.SESSION_ENGINE).SessionStore(self.session_key)
        user = get_user(request)
        if not isinstance(user, User) or lacks_second_factor(user, where=FOR_ALL):
            return None
        return user


class CallerMiddleware:
    """Puts the caller into the scope; the consumers decide what it may."""

    def __init__(self, application: Any) -> None:
        self.application = application

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        headers = {
            name.decode("latin-1").lower(): value.decode("latin-1")
            for name, value in scope["headers"]
        }
        cookies = _cookies(headers.get("cookie", ""))
        caller = caller_of(headers, cookies, offered=scope.get("subprotocols", ()))
        try:
            await self.application({**scope, "caller": caller}, receive, send)
        except RedisError as error:
            log.warning("stream.bus_unreachable", error=str(error))
            await send({"type": "websocket.close", "code": TRY_LATER})


def caller_of(
    headers: Mapping[str, str], cookies: Mapping[str, str], *, offered: Sequence[str] = ()
) -> SocketCaller:
    """The caller of a stream: its token if it shows one, else the session of its cookie.

    Browsers can't set headers on a WebSocket; they offer the subprotocols "bearer" and the token.
    """
    kind, _, token = headers.get("authorization", "").partition(" ")
    token = token.strip() if kind.lower() == "bearer" else ""
    if not token and "bearer" in offered:
        token = next((word for word in offered if word.startswith("cs_")), "")
    return SocketCaller(session_key=cookies.get(settings.SESSION_COOKIE_NAME, ""), token=token)


def _cookies(header: str) -> dict[str, str]:
    try:
        return {name: morsel.value for name, morsel in SimpleCookie(header).items()}
    except CookieError:
        return {}
