"""Lists by cursor: a page stays the same page while rows are added in front of it."""

from __future__ import annotations

import binascii
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from rest_framework.exceptions import ValidationError
from rest_framework.pagination import BasePagination
from rest_framework.request import Request
from rest_framework.response import Response

from config.query_params import whole_number

DEFAULT_LIMIT = 100
MAX_LIMIT = 1000


@dataclass(frozen=True, slots=True)
class Cursor:
    """The key of the row next to a page, and on which side of that row the page lies."""

    key: int
    backwards: bool = False

    def __str__(self) -> str:
        raw = f"{'b' if self.backwards else 'f'}{self.key}".encode()
        return urlsafe_b64encode(raw).decode().rstrip("=")

    @classmethod
    def parse(cls, value: str) -> Cursor:
        """The cursor of an earlier answer; ValidationError for anything else."""
        try:
            raw = urlsafe_b64decode(value.encode() + b"=" * (-len(value) % 4)).decode()
            if raw[:1] not in {"f", "b"} or not raw[1:].isdigit() or len(raw) > 20:
                raise ValueError
            return cls(key=int(raw[1:]), backwards=raw[0] == "b")
        except (ValueError, binascii.Error):
            raise ValidationError({"cursor": ["Not a cursor of this list."]}) from None


class CursorPagination(BasePagination):
    """`?cursor=&limit=`; answers `{"results", "next_cursor", "previous_cursor"}`.

    Rows are ordered by one unique whole-number column: the view's `cursor_field`, else `id`;
    the newest row first.
    """

    def paginate_queryset(self, queryset: Any, request: Request, view: Any = None) -> list[Any]:
        params = request.query_params
        limit = whole_number(params, "limit", default=DEFAULT_LIMIT, lowest=1, highest=MAX_LIMIT)
        self.field: str = getattr(view, "cursor_field", "id")
        given = params.get("cursor")
        cursor = Cursor.parse(given) if given else None
        backwards = cursor is not None and cursor.backwards

        rows = queryset.order_by(self.field if backwards else f"-{self.field}")
        if cursor is not None:
            rows = rows.filter(**{f"{self.field}__{'gt' if backwards else 'lt'}": cursor.key})
        found = list(rows[: limit + 1])  # one more than asked shows whether there is a next page
        more, page = len(found) > limit, found[:limit]
        self.page: Sequence[Any] = page[::-1] if backwards else page
        self.has_next = bool(page) if backwards else more
        self.has_previous = more if backwards else cursor is not None and bool(page)
        return list(self.page)

    def _cursor(self, row: Any, *, backwards: bool) -> str:
        return str(Cursor(key=getattr(row, self.field), backwards=backwards))

    def get_paginated_response(self, data: Any) -> Response:
        page = self.page
        return Response(
            {
                "results": data,
                "next_cursor": self._cursor(page[-1], backwards=False) if self.has_next else None,
                "previous_cursor": (
                    self._cursor(page[0], backwards=True) if self.has_previous else None
                ),
            }
        )

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        cursor = {"type": ["string", "null"]}
        return {
            "type": "object",
            "required": ["results", "next_cursor", "previous_cursor"],
            "properties": {"results": schema, "next_cursor": cursor, "previous_cursor": cursor},
        }

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        return [
            {
                "name": "cursor",
                "in": "query",
                "required": False,
                "description": "`next_cursor` or `previous_cursor` of an earlier answer.",
                "schema": {"type": "string"},
            },
            {
                "name": "limit",
                "in": "query",
                "required": False,
                "description": "Rows of a page.",
                "schema": {
                    "type": "integer",
                    "minimum": 1,
                    "maximum": MAX_LIMIT,
                    "default": DEFAULT_LIMIT,
                },
            },
        ]
