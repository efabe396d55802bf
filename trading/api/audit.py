"""The audit log: read, verify, export."""

from __future__ import annotations

import csv
import io
import itertools
from collections.abc import AsyncIterator, Iterable, Iterator
from datetime import datetime
from typing import Any

from asgiref.sync import sync_to_async
from django.core.handlers.asgi import ASGIRequest
from django.db.models import QuerySet
from django.http import StreamingHttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_view
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from config import clock
from config.permissions import person
from config.query_params import optional_choice
from config.rendering import instant, to_json
from trading import access, services
from trading.api.filters import FROM, TO, time_filter
from trading.models import AuditEvent
from trading.serializers.system import AuditEventSerializer, AuditVerdictSerializer

LINES_AT_ONCE = 500
EXACT = ("actor", "action", "subject", "correlation_id")
FILTERS = [*(OpenApiParameter(name, str) for name in EXACT), FROM, TO]
COLUMNS = AuditEventSerializer.Meta.fields


@extend_schema_view(get=extend_schema(parameters=FILTERS))
class AuditView(ListAPIView[AuditEvent]):
    """What happened, the newest first. `action=bot.` finds all that begin like this."""

    permission_classes = (access.MayView,)
    serializer_class = AuditEventSerializer
    cursor_field = "seq"

    def get_queryset(self) -> QuerySet[AuditEvent]:
        return _found(self.request)


class AuditVerifyView(APIView):
    permission_classes = (access.MayAdminister,)

    @extend_schema(responses=AuditVerdictSerializer)
    def get(self, request: Request) -> Response:
        """Walk the whole chain and hold it against the exported heads."""
        return Response(AuditVerdictSerializer(services.verify_audit(now=clock.now())).data)


class AuditExportView(APIView):
    permission_classes = (access.MayView,)

    @extend_schema(
        parameters=[*FILTERS, OpenApiParameter("format", enum=["csv", "json"])],
        responses={
            (200, "text/csv"): OpenApiTypes.STR,
            (200, "application/json"): OpenApiTypes.STR,
        },
    )
    def get(self, request: Request) -> StreamingHttpResponse:
        """All events that match, oldest first, as CSV or one JSON array. The export is audited."""
        kind = optional_choice(request.query_params, "format", ["csv", "json"]) or "json"
        events = services.export_audit(
            by=person(request),
            now=clock.now(),
            events=_found(request),
            filters=dict(request.query_params.items()),
        )
        rows = (AuditEventSerializer(event).data for event in events)
        body = _csv(rows) if kind == "csv" else _json(rows)
        return StreamingHttpResponse(
            _in_threads(body) if isinstance(request._request, ASGIRequest) else body,
            content_type="text/csv; charset=utf-8" if kind == "csv" else "application/json",
            headers={"Content-Disposition": f'attachment; filename="audit.{kind}"'},
        )


def _found(request: Request) -> QuerySet[AuditEvent]:
    params = request.query_params
    filters = {name: params[name] for name in EXACT if params.get(name)}
    if filters.get("action", "").endswith("."):
        filters["action__startswith"] = filters.pop("action")
    return AuditEvent.objects.filter(**filters, **time_filter(request, "at"))


async def _in_threads(lines: Iterator[bytes]) -> AsyncIterator[bytes]:
    """Under ASGI a plain iterator would be read to its end before the first byte leaves."""

    def batch() -> bytes:
        return b"".join(itertools.islice(lines, LINES_AT_ONCE))

    while chunk := await sync_to_async(batch)():
        yield chunk


def _json(rows: Iterable[Any]) -> Iterator[bytes]:
    yield b"["
    for number, row in enumerate(rows):
        yield (b",\n" if number else b"\n") + to_json(row)
    yield b"\n]\n"


def _csv(rows: Iterable[Any]) -> Iterator[bytes]:
    yield _line(COLUMNS)
    for row in rows:
        yield _line([_cell(row[name]) for name in COLUMNS])


def _line(cells: Iterable[object]) -> bytes:
    text = io.StringIO()
    csv.writer(text, quoting=csv.QUOTE_ALL).writerow(cells)
    return text.getvalue().encode()


def _cell(value: object) -> object:
    """Text that a spreadsheet would run as a formula gets an apostrophe in front."""
    if value is None or isinstance(value, int):
        return "" if value is None else value
    if isinstance(value, datetime):
        return instant(value)
    text = value if isinstance(value, str) else to_json(value).decode()
    return f"'{text}" if text[:1] in _FORMULA else text


# The full-width forms too: some programs read them as the plain ones.
_FORMULA = frozenset("=+-@\t\r\n|%\uff1d\uff0b\uff0d\uff20")
