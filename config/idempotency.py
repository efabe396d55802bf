"""`Idempotency-Key`: a write that is sent again is answered again, not done again."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from contextlib import nullcontext
from datetime import datetime, timedelta
from typing import Any

import orjson
from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.urls import Resolver404, resolve
from rest_framework.exceptions import APIException
from rest_framework.permissions import SAFE_METHODS
from rest_framework.request import Request

from config import clock
from config.errors import answer
from config.refusals import Conflict, Refusal
from trading.authentication import ApiTokenAuthentication
from trading.models import IdempotencyKey

HEADER = "Idempotency-Key"
REPLAY_HEADER = "Idempotent-Replay"
KEPT_FOR = timedelta(hours=24)
# A killed process leaves its key locked for this long, then a repeat may do the work. Longer than
# a request takes; one that does take longer meets verbs that know their decision by its key.
LOCK_FOR = timedelta(seconds=25)

_KEY = re.compile(r"[\x21-\x7e]{1,64}\Z")


class IdempotencyKeyInvalid(Refusal):
    code = "IDEMPOTENCY_KEY_INVALID"
    status = 400


class IdempotencyMismatch(Refusal):
    code = "IDEMPOTENCY_MISMATCH"


class IdempotencyInProgress(Conflict):
    code = "IDEMPOTENCY_IN_PROGRESS"


class IdempotencyMiddleware:
    """Remembers the first answer to each (user, key) for a day.

    Answers that changed nothing (400, 401, 403, 404, 405, 409, 415, 429, 5xx) aren't kept: the
    same key may try again. Work and answer are one transaction unless the view sets
    `own_transactions`, because it commits in steps that must not wait for each other. A view
    lists in `shown_once` what may not be stored, or opts out with `remembered = False`, or for
    some bodies with a function of them.
    """

    sync_capable = True
    async_capable = False

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        key = request.headers.get(HEADER)
        if key is None or request.method in SAFE_METHODS or not request.path.startswith("/api/"):
            return self.get_response(request)
        user = _caller(request) if _remembered(request) else None
        if user is None:
            return self.get_response(request)  # without a caller the view refuses anyway
        try:
            row, mine = _take(user=user, key=key, digest=_digest(request), now=clock.now())
        except Refusal as error:
            return answer(request, status=error.status, code=error.code, detail=error.detail)
        return self._first(request, row) if mine else _replay(row)

    def _first(self, request: HttpRequest, row: IdempotencyKey) -> HttpResponseBase:
        view = _view_class(request)
        together = not getattr(view, "own_transactions", False)
        try:
            with transaction.atomic() if together else nullcontext():
                response = self.get_response(request)
                kept = _keep(row, response, hidden=getattr(view, "shown_once", ()))
                if together and response.status_code >= 500:
                    transaction.set_rollback(True)
        except BaseException:
            _forget(row)
            raise
        if not kept:
            _forget(row)
        return response


def _remembered(request: HttpRequest) -> bool:
    wanted = getattr(_view_class(request), "remembered", True)
    if not callable(wanted):
        return bool(wanted)
    try:
        return bool(wanted(orjson.loads(request.body)))
    except orjson.JSONDecodeError:
        return True


def _caller(request: HttpRequest) -> User | None:
    try:
        found = ApiTokenAuthentication().authenticate(Request(request))
    except APIException:
        return None
    if found is not None:
        return found[0]
    return request.user if isinstance(request.user, User) else None


def _digest(request: HttpRequest) -> str:
    head = f"{request.method} {request.get_full_path()}\n".encode()
    return hashlib.sha256(head + request.body).hexdigest()


def _view_class(request: HttpRequest) -> Any:
    try:
        return getattr(resolve(request.path_info).func, "cls", None)
    except Resolver404:
        return None


def _take(*, user: User, key: str, digest: str, now: datetime) -> tuple[IdempotencyKey, bool]:
    """The key's row and whether this request is the one to do the work."""
    if not _KEY.match(key):
        raise IdempotencyKeyInvalid("A key is 1 to 64 visible ASCII characters.")
    rows = IdempotencyKey.objects.filter(user=user)
    rows.filter(created_at__lt=now - KEPT_FOR).delete()
    row, made = rows.get_or_create(
        user=user,
        key=key,
        defaults={"request_hash": digest, "locked_until": now + LOCK_FOR, "created_at": now},
    )
    if made:
        return row, True
    if row.request_hash != digest:
        raise IdempotencyMismatch("This key was used for another request.")
    if row.response_status is not None:
        return row, False
    until = now + LOCK_FOR
    abandoned = rows.filter(pk=row.pk, response_status=None, locked_until__lte=now)
    if not abandoned.update(locked_until=until):
        raise IdempotencyInProgress("The first request with this key is still at work.")
    row.locked_until = until
    return row, True


def _mine(row: IdempotencyKey) -> QuerySet[IdempotencyKey]:
    """The row while it is still this request's: a late one finds another lock on it."""
    return IdempotencyKey.objects.filter(
        pk=row.pk, response_status=None, locked_until=row.locked_until
    )


def _keep(row: IdempotencyKey, response: HttpResponseBase, *, hidden: tuple[str, ...]) -> bool:
    """Store the answer if it is one to give again; True if it was stored."""
    if not (200 <= response.status_code < 300 or response.status_code == 422):
        return False
    if not isinstance(response, HttpResponse):
        return False
    body = _without(response.content, hidden)
    answered = _mine(row).update(response_status=response.status_code, response_body=body)
    return bool(answered)


def _without(content: bytes, hidden: tuple[str, ...]) -> str:
    """A secret that is shown once isn't stored to be shown twice."""
    if hidden and content:
        content = orjson.dumps({**orjson.loads(content), **dict.fromkeys(hidden)})
    return content.decode()


def _forget(row: IdempotencyKey) -> None:
    _mine(row).delete()


def _replay(row: IdempotencyKey) -> HttpResponse:
    response = HttpResponse(
        row.response_body, status=row.response_status, content_type="application/json"
    )
    response.headers[REPLAY_HEADER] = "true"
    return response
