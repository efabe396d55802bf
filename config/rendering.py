"""JSON out: finite numbers or null, decimals as plain strings, instants in UTC with `Z`."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import orjson
from django.http import HttpResponse
from django.utils.functional import Promise
from rest_framework.renderers import BaseRenderer

from config.fields import plain

_OPTIONS = orjson.OPT_PASSTHROUGH_DATETIME | orjson.OPT_NON_STR_KEYS | orjson.OPT_SERIALIZE_NUMPY


def to_json(data: object) -> bytes:
    """`data` as JSON bytes. NaN and infinities become null; unknown types raise TypeError."""
    return orjson.dumps(data, default=_plain_value, option=_OPTIONS)


def instant(value: datetime) -> str:
    """ISO 8601 in UTC with milliseconds: 2026-02-23T00:00:05.000Z."""
    text = value.astimezone(UTC).isoformat(timespec="milliseconds")
    return text.removesuffix("+00:00") + "Z"


def _plain_value(value: object) -> object:
    if isinstance(value, Decimal):
        return f"{plain(value):f}" if value.is_finite() else None
    if isinstance(value, datetime):
        return instant(value)
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Promise):
        return str(value)
    if isinstance(value, set | frozenset):
        return sorted(value)
    raise TypeError(f"{type(value).__name__} has no JSON form")


class OrjsonRenderer(BaseRenderer):
    """What every API view answers with."""

    media_type = "application/json"
    format = "json"
    charset = None  # JSON is UTF-8 by definition
    render_style = "binary"

    def render(
        self,
        data: Any,
        accepted_media_type: str | None = None,
        renderer_context: Mapping[str, Any] | None = None,
    ) -> bytes:
        return b"" if data is None else to_json(data)


def json_response(payload: bytes, *, status: int = 200) -> HttpResponse:
    """JSON that is already encoded, past DRF's rendering: for rows in bulk."""
    return HttpResponse(payload, status=status, content_type="application/json")
