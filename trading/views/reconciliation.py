"""Reconciliation: whether books and exchanges agree, and what a person says where they don't."""

from __future__ import annotations

from functools import cache

from django.contrib.auth.decorators import permission_required
from django.http import HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from config import clock
from config.pages import Request, done, page, pages_of
from trading import access, queries, services
from trading.filters import IncidentFilter
from trading.reconciliation_pages import incident_context, reconciliation_context

PARTS = ("reconciliation-now", "incidents", "drift-count")


@require_safe
@permission_required(access.VIEW, raise_exception=True)
def reconciliation(request: Request) -> HttpResponse:
    filter = IncidentFilter(request.GET)
    context = {
        **reconciliation_context(clock.now()),
        "filter": filter,
        "page": cache(lambda: pages_of(request, filter.narrow(queries.incidents()))),
    }
    return page(request, "trading/reconciliation/list.html", context, parts=PARTS)


@require_POST
@permission_required(access.OPERATE, raise_exception=True)
def reconciliation_run(request: Request) -> HttpResponse:
    accounts = services.request_reconciliation(by=request.user, now=clock.now())
    names = ", ".join(account.name for account in accounts)
    said = f"A worker reconciles {names} now." if names else "No account is used."
    return done(request, said, to=reverse("trading:reconciliation"))


@require_safe
@permission_required(access.VIEW, raise_exception=True)
def incident(request: Request, incident_id: int) -> HttpResponse:
    context = incident_context(incident_id, clock.now())
    return page(request, "trading/reconciliation/detail.html", context, parts=("incident",))


@require_POST
@permission_required(access.OPERATE, raise_exception=True)
def incident_acknowledge(request: Request, incident_id: int) -> HttpResponse:
    services.acknowledge_incident(
        incident_id=incident_id,
        reason=request.POST.get("reason", ""),
        by=request.user,
        now=clock.now(),
    )
    to = reverse("trading:incident", args=[incident_id])
    return done(request, "It is yours now, and blocks no more.", to=to)


@require_POST
@permission_required(access.OPERATE, raise_exception=True)
def incident_cancel(request: Request, incident_id: int) -> HttpResponse:
    services.cancel_incident_order(incident_id=incident_id, by=request.user, now=clock.now())
    to = reverse("trading:incident", args=[incident_id])
    return done(request, "The exchange was asked; the next cycle tells what became of it.", to=to)
