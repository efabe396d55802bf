"""Who is behind a WebSocket: the session of its cookie, or a token; never a query parameter."""

from __future__ import annotations

from dataclasses import dataclass
from http.cookies import CookieError, SimpleCookie
from importlib import import_module
from typing import Any

from channels.db import database_sync_to_async
from django.conf import settings
from django.contrib.auth import get_user
from django.contrib.auth.models import User
from django.db import DatabaseError
from django.http import HttpRequest

from trading.authentication import token_of


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
        return user if isinstance(user, User) else None


class CallerMiddleware:
    """Puts the caller into the scope; the consumers decide what it may."""

    def __init__(self, application: Any) -> None:
        self.application = application

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> Any:
        headers = dict(scope["headers"])
        caller = SocketCaller(
            session_key=_session_key(headers.get(b"cookie", b"").decode("latin-1")),
            token=_token(headers.get(b"authorization", b"").decode("latin-1"), scope),
        )
        return await self.application({**scope, "caller": caller}, receive, send)


def _session_key(cookies: str) -> str:
    try:
        morsel = SimpleCookie(cookies).get(settings.SESSION_COOKIE_NAME)
    except CookieError:
        return ""
    return morsel.value if morsel else ""


def _token(authorization: str, scope: dict[str, Any]) -> str:
    """`Authorization: Bearer t`, or the subprotocols "bearer, t" that browsers can send."""
    kind, _, token = authorization.partition(" ")
    if kind.lower() == "bearer" and token.strip():
        return token.strip()
    offered: list[str] = scope.get("subprotocols", [])
    if "bearer" in offered:
        return next((word for word in offered if word.startswith("cs_")), "")
    return ""
