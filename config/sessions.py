"""Sessions that end: after a time without a request, and twelve hours after the sign-in.

Django moves a session's end whenever something is written into it, and never for being used. Here
the end of the row moves with use (at most once a minute), and never past those twelve hours.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.contrib.sessions.backends.db import SessionStore as DatabaseStore
from django.contrib.sessions.models import Session
from django.http import HttpRequest, HttpResponseBase

from config import clock

BEGUN = "begun"  # key of the session: when it was, in seconds since 1970
EVERY = timedelta(minutes=1)


class SessionStore(DatabaseStore):
    """In the database, as before; SESSION_ENGINE."""

    ends_at: datetime | None = None  # of the row that was read; None for a new one

    def get_expiry_age(self, **kwargs: Any) -> int:
        """Of the cookie, in seconds: it stays as long as the row may."""
        return max(0, int((self._last() - clock.now()).total_seconds()))

    def get_expiry_date(self, **kwargs: Any) -> datetime:
        """Of the row: until then somebody must come again."""
        idle = settings.ENV.session_idle_minutes
        last = self._last()
        return min(last, clock.now() + timedelta(minutes=idle)) if idle else last

    def touch(self) -> None:
        """It was used. Writes the row's end alone: what lies in it may be written meanwhile."""
        if self.ends_at is None:
            return
        until = self.get_expiry_date()
        if until - self.ends_at >= EVERY:
            Session.objects.filter(pk=self.session_key, expire_date__gt=clock.now()).update(
                expire_date=until
            )

    def _get_session_from_db(self) -> Any:
        row = super()._get_session_from_db()  # type: ignore[misc]  # not in the stubs
        self.ends_at = row.expire_date if row else None
        return row

    def _last(self) -> datetime:
        """Twelve hours after the sign-in. Of a session without one: as it stands, or from now."""
        now, whole = clock.now(), timedelta(seconds=settings.SESSION_COOKIE_AGE)
        begun = self.get(BEGUN)
        if begun is None:
            return self.ends_at or now + whole
        return min(datetime.fromtimestamp(begun, now.tzinfo), now) + whole


def begin_session(sender: object, request: HttpRequest, **_: Any) -> None:
    """Somebody signed in: its twelve hours begin."""
    request.session[BEGUN] = clock.now().timestamp()


class SessionUseMiddleware:
    """Each request of somebody who is signed in is a use; standing streams are none.

    Only sync, for the reason that DomainErrorMiddleware gives.
    """

    sync_capable = True
    async_capable = False

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        session = request.session
        # Whoever didn't need the session isn't anybody; what was changed is written whole anyway.
        if session.accessed and not session.modified and isinstance(session, SessionStore):
            session.touch()
        return response
