"""The audit log: read it, check it, take it away."""

from __future__ import annotations

from django.contrib.auth.decorators import permission_required
from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET, require_POST, require_safe

from config import clock
from config.pages import Request, csv_file, page, pages_of
from config.rendering import to_json
from trading import access, queries, services
from trading.filters import AuditFilter

COLUMNS = (
    "seq",
    "at",
    "actor",
    "actor_kind",
    "action",
    "subject",
    "reason",
    "before",
    "after",
    "correlation_id",
    "hash",
)


@require_safe
@permission_required(access.VIEW, raise_exception=True)
def audit(request: Request) -> HttpResponse:
    filter = AuditFilter(request.GET)
    rows = filter.narrow(queries.audit_events())
    context = {"filter": filter, "page": pages_of(request, rows)}
    return page(request, "trading/audit/list.html", context, parts=("events",))


@require_POST
@permission_required(access.ADMINISTER, raise_exception=True)
def audit_verify(request: Request) -> HttpResponse:
    verdict = services.verify_audit(now=clock.now())
    return render(request, "trading/audit/verdict.html", {"verdict": verdict})


@require_GET
@permission_required(access.VIEW, raise_exception=True)
def audit_export(request: Request, kind: str) -> HttpResponse:
    """The filtered events as CSV or JSON; the export is itself an event."""
    filter = AuditFilter(request.GET)
    events = services.export_audit(
        by=request.user,
        now=clock.now(),
        events=filter.narrow(queries.audit_events()),
        filters={name: str(value) for name, value in filter.given().items()},
    )
    rows = [{name: getattr(event, name) for name in COLUMNS} for event in events]
    if kind == "csv":
        return csv_file("audit.csv", COLUMNS, (row.values() for row in rows))
    response = HttpResponse(to_json(rows), content_type="application/json")
    response["Content-Disposition"] = 'attachment; filename="audit.json"'
    return response
