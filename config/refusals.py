"""Base of every refusal: an exception with a stable code and an HTTP meaning."""

from __future__ import annotations

from typing import ClassVar


class Refusal(Exception):
    """Something asked for that won't be done; `code` is stable, `detail` is for people."""

    code: ClassVar[str] = "REFUSED"
    status: ClassVar[int] = 422

    def __init__(self, detail: str, *, fields: dict[str, object] | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
        self.fields = fields or {}


class NotFound(Refusal):
    code = "NOT_FOUND"
    status = 404


class Conflict(Refusal):
    """The state does not allow it now; `fields["reasons"]` lists why."""

    code = "CONFLICT"
    status = 409


class Unavailable(Refusal):
    code = "UNAVAILABLE"
    status = 503
