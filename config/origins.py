"""Which page may open a WebSocket: one of this very origin, with scheme and port."""

from __future__ import annotations

from typing import Any

from channels.security.websocket import WebsocketDenier
from django.conf import settings
from django.http.request import split_domain_port, validate_host


class SameOriginOnly:
    """Refuses a handshake whose Origin is neither our own nor in TRUSTED_ORIGINS.

    Channels' validator compares host names only and so accepts any port and scheme of an
    allowed host. Without an Origin no browser is at work: that is fine for a client with
    a token, and refused as soon as a cookie comes along.
    """

    def __init__(self, application: Any) -> None:
        self.application = application

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> Any:
        allowed = self.application if is_allowed(scope) else WebsocketDenier()
        return await allowed(scope, receive, send)


def is_allowed(scope: dict[str, Any]) -> bool:
    """Whether the handshake of this scope may go on."""
    headers = {
        name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]
    }
    host = headers.get("host", "")
    if not validate_host(split_domain_port(host)[0], settings.ALLOWED_HOSTS):
        return False
    origin = headers.get("origin", "")
    if not origin:
        return "cookie" not in headers
    own = f"{_scheme(scope, headers)}://{host}"
    return origin.lower() == own.lower() or origin in settings.CSRF_TRUSTED_ORIGINS


def _scheme(scope: dict[str, Any], headers: dict[str, str]) -> str:
    if settings.SECURE_PROXY_SSL_HEADER:
        name, secure = settings.SECURE_PROXY_SSL_HEADER
        given = headers.get(name.removeprefix("HTTP_").replace("_", "-").lower(), "")
        return "https" if given.split(",")[0].strip() == secure else "http"
    return "https" if scope.get("scheme") in {"wss", "https"} else "http"
