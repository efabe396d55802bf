"""Ending what people are signed in with."""

from __future__ import annotations

from datetime import datetime

from django.contrib.auth import SESSION_KEY
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.db import transaction

from trading.services._audit import record


def end_sessions(*, user: User, by: User | None, now: datetime, keep: str = "") -> int:
    """Sign the person out in every browser but the one with the session `keep`; how many ended.

    Streams of ended sessions close when they ask again, within half a minute. API tokens stay.
    """
    # A session names its person only inside of its sealed text, so all standing ones are read.
    standing = Session.objects.filter(expire_date__gt=now).exclude(session_key=keep or None)
    theirs = [
        row.session_key
        for row in standing.iterator(chunk_size=500)
        if row.get_decoded().get(SESSION_KEY) == str(user.pk)
    ]
    with transaction.atomic():
        ended, _ = Session.objects.filter(session_key__in=theirs).delete()
        if ended:
            after = {"ended": ended}
            subject = f"user:{user.pk}"
            record(action="user.sessions_ended", subject=subject, by=by, now=now, after=after)
    return ended
