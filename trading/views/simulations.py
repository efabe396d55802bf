"""Simulations: the list, a new one, the tear sheet, its files."""

from __future__ import annotations

from urllib.parse import urlencode

from django.contrib.auth.decorators import permission_required
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.views.decorators.http import require_GET, require_http_methods, require_safe

from config import clock
from config.pages import Request, go, page, pages_of
from config.refusals import Refusal
from config.rendering import json_response, to_json
from marketdata.models import Symbol
from strategies import access as strategy_access
from trading import access, exports, queries, services
from trading.comparison_pages import comparison, picked
from trading.filters import SimulationFilter
from trading.simulation_pages import NewSimulation, fills_of, query_of, sheet_page


@require_safe
@permission_required(access.VIEW, raise_exception=True)
def simulations(request: Request) -> HttpResponse:
    filter = SimulationFilter(request.GET)
    rows = pages_of(request, filter.narrow(queries.simulations()), per_page=25)
    context = {"filter": filter, "page": rows}
    return page(request, "trading/simulations/list.html", context, parts=("simulations",))


@require_http_methods(["GET", "POST"])
@permission_required(strategy_access.OPERATE, raise_exception=True)
def simulation_new(request: Request) -> HttpResponse:
    sent = request.method == "POST" and "start_run" in request.POST
    data = request.POST if request.method == "POST" else request.GET
    new = NewSimulation(data if sent else query_of(data), sent=sent)
    if sent and new.is_valid:
        try:
            made = services.simulate_strategy(
                strategy=new.strategy, asked=new.asked(), by=request.user, now=clock.now()
            )
        except Refusal as refusal:
            new.refuse(refusal)
        else:
            to = reverse("trading:simulation", args=[made.pk])
            return go(request, f"Simulation {made.pk} runs.", to=to)
    status = 422 if sent else 200
    return page(
        request, "trading/simulations/new.html", new.context, parts=("form",), status=status
    )


@require_safe
@permission_required(access.VIEW, raise_exception=True)
def simulations_compare(request: Request) -> HttpResponse:
    """`?a=` beside `?b=`; the boxes of the list send `?run=` twice."""
    ticked = request.GET.getlist("run")
    if len(ticked) == 2:
        query = urlencode(dict(zip("ab", ticked, strict=True)))
        return redirect(f"{reverse('trading:simulations-compare')}?{query}")
    context = picked(ticked) if ticked else comparison(request.GET)
    return page(request, "trading/simulations/compare.html", context, status=context["status"])


@require_safe
@permission_required(access.VIEW, raise_exception=True)
def simulation(request: Request, simulation_id: int) -> HttpResponse:
    row = queries.simulation(simulation_id)
    context = sheet_page(row, request.GET) if row.report_hash else {"simulation": row}
    parts = ("simulation", "simulation-trades")
    return page(request, "trading/simulations/detail.html", context, parts=parts)


@require_GET
@permission_required(access.VIEW, raise_exception=True)
def simulation_fills(request: Request, simulation_id: int, symbol_id: int) -> HttpResponse:
    """`{"fills": [{at_ms, side, qty, price}, ...]}` from `?from=` on, oldest first."""
    symbol = get_object_or_404(Symbol, pk=symbol_id)
    fills = fills_of(queries.simulation(simulation_id), symbol, request.GET)
    return json_response(to_json({"fills": fills}))


@require_GET
@permission_required(access.VIEW, raise_exception=True)
def simulation_export(request: Request, simulation_id: str, kind: str) -> HttpResponse:
    return exports.simulation_file(queries.simulation(int(simulation_id)), kind)
