"""Searches for better parameters: the list, a new one, one in detail, and the verbs."""

from __future__ import annotations

from django.contrib.auth.decorators import permission_required
from django.http import HttpResponse
from django.urls import reverse
from django.views.decorators.http import (
    require_GET,
    require_http_methods,
    require_POST,
    require_safe,
)

from config import clock
from config.pages import Request, csv_file, done, go, page, pages_of
from config.refusals import Refusal
from strategies import access as strategy_access
from trading import access, queries, services
from trading.filters import SearchFilter
from trading.search_form import NewSearch
from trading.search_pages import PARTS, search_page, trials_csv
from trading.simulation_pages import query_of


@require_safe
@permission_required(access.VIEW, raise_exception=True)
def searches(request: Request) -> HttpResponse:
    filter = SearchFilter(request.GET)
    rows = pages_of(request, filter.narrow(queries.searches()), per_page=25)
    context = {"filter": filter, "page": rows}
    return page(request, "trading/searches/list.html", context, parts=("searches",))


@require_http_methods(["GET", "POST"])
@permission_required(strategy_access.OPERATE, raise_exception=True)
def search_new(request: Request) -> HttpResponse:
    """A POST of its button starts; the filled form without it counts the combinations."""
    data = request.POST if request.method == "POST" else request.GET
    sent = "space-sent" in data
    new = NewSearch(data if sent else query_of(data), sent=sent)
    starts = request.method == "POST" and "start_run" in request.POST
    if starts and new.is_valid:
        try:
            made = services.search_strategy(
                strategy=new.strategy, asked=new.asked(), by=request.user, now=clock.now()
            )
        except Refusal as refusal:
            new.refuse(refusal)
        else:
            to = reverse("trading:search", args=[made.pk])
            return go(request, f"Search {made.pk} begins.", to=to)
    parts = ("search-form", "search-count")
    status = 422 if starts else 200
    return page(request, "trading/searches/new.html", new.context, parts=parts, status=status)


@require_safe
@permission_required(access.VIEW, raise_exception=True)
def search(request: Request, search_id: int) -> HttpResponse:
    context = search_page(search_id, request.GET)
    return page(request, "trading/searches/detail.html", context, parts=PARTS)


@require_POST
@permission_required(strategy_access.OPERATE, raise_exception=True)
def search_resume(request: Request, search_id: int) -> HttpResponse:
    row = services.resume_search(search=queries.search(search_id), by=request.user, now=clock.now())
    return done(request, f"Search {row.pk} goes on.", to=_url(search_id))


@require_POST
@permission_required(strategy_access.OPERATE, raise_exception=True)
def search_propose(request: Request, search_id: int) -> HttpResponse:
    made = services.propose_candidate(
        search=queries.search(search_id), by=request.user, now=clock.now()
    )
    to = reverse("trading:simulation", args=[made.pk])
    return go(request, f"Simulation {made.pk} judges v{made.version.number}.", to=to)


@require_GET
@permission_required(access.VIEW, raise_exception=True)
def search_csv(request: Request, search_id: int) -> HttpResponse:
    """Every try with its score."""
    return csv_file(*trials_csv(search_id))


def _url(search_id: int) -> str:
    return reverse("trading:search", args=[search_id])
