"""How often a caller may write: a window counted on the bus, shared by all web processes."""

from __future__ import annotations

from typing import Any

import structlog
from rest_framework.permissions import SAFE_METHODS
from rest_framework.request import Request
from rest_framework.settings import api_settings
from rest_framework.throttling import BaseThrottle

from config import bus, clock

log = structlog.get_logger(__name__)

WINDOW_S = 60


class WindowThrottle(BaseThrottle):
    """At most `rate` requests of one caller in each minute; open while the bus is away.

    The rate is DEFAULT_THROTTLE_RATES[scope], "600/min".
    """

    scope = "writes"
    waiting_s: int | None = None

    def allow_request(self, request: Request, view: Any) -> bool:
        if request.method in SAFE_METHODS:
            return True
        now_s = clock.now_ms() // 1000
        key = f"throttle:{self.scope}:{self.caller(request)}:{now_s // WINDOW_S}"
        try:
            pipe = bus.client().pipeline(transaction=False)
            count, _ = pipe.incr(key).expire(key, 2 * WINDOW_S).execute()
        except Exception as error:  # redis-py's own tree; a count isn't worth an outage
            log.warning("throttle.unavailable", error=str(error))
            return True
        self.waiting_s = WINDOW_S - now_s % WINDOW_S
        return int(count) <= self.rate()

    def rate(self) -> int:
        return int(str(api_settings.DEFAULT_THROTTLE_RATES[self.scope]).partition("/")[0])

    def caller(self, request: Request) -> str:
        return f"user:{request.user.pk}" if request.user.pk else f"ip:{self.get_ident(request)}"

    def wait(self) -> float | None:
        return self.waiting_s


class LoginThrottle(WindowThrottle):
    """Tries of one address, whoever it says it is."""

    scope = "login"

    def caller(self, request: Request) -> str:
        return f"ip:{self.get_ident(request)}"
