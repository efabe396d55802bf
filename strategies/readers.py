"""Who may read findings while the database, and with it every login, can't be asked.

A login or token that was let in with a working database is remembered on the bus for a while, as
a hash. It opens nothing but the findings on the bus; a token that was revoked meanwhile may read
them until the time is up.
"""

from __future__ import annotations

import hashlib

import structlog
from django.conf import settings
from rest_framework.request import Request

from config import bus

log = structlog.get_logger(__name__)

REMEMBERED_S = 900


def remember_reader(request: Request) -> None:
    """Let in just now."""
    key = _key(request)
    if key:
        _ask("set", key, 1, ex=REMEMBERED_S)


def is_remembered(request: Request) -> bool:
    """Whether this login or token was let in lately."""
    key = _key(request)
    return bool(key and _ask("exists", key))


def _key(request: Request) -> str:
    """A hash of what the caller shows: the token, else the cookie of the session."""
    shown = request.headers.get("Authorization", "") or request.COOKIES.get(
        settings.SESSION_COOKIE_NAME, ""
    )
    digest = hashlib.sha256(shown.encode()).hexdigest()
    return f"reader:{digest}" if shown else ""


def _ask(verb: str, *arguments: object, **options: object) -> object:
    from redis import RedisError

    try:
        return getattr(bus.client(), verb)(*arguments, **options)
    except (RedisError, OSError) as error:
        log.warning("readers.bus_unreachable", error=str(error))
        return None
