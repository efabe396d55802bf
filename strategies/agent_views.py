"""Pages of what is noticed: agents, findings, postures, signals. What changes an agent is audited
and therefore in trading."""

from __future__ import annotations

from functools import cache, partial

from django.conf import settings
from django.contrib.auth.decorators import permission_required
from django.http import HttpResponse
from django.views.decorators.http import require_GET, require_safe

from config import clock
from config.pages import Request, page, pages_of, whole_number
from config.rendering import json_response, to_json
from strategies import access, finding_buffer, queries
from strategies.agent_pages import FindingFilter, SignalFilter, chart_marks, posture_rows
from strategies.models import Finding, Signal


@require_safe
@permission_required(access.VIEW, raise_exception=True)
def agents(request: Request) -> HttpResponse:
    context = {"agents": cache(queries.agent_states), "waiting": finding_buffer.waiting_count()}
    return page(request, "strategies/agents/list.html", context, parts=("agents",))


@require_safe
@permission_required(access.VIEW, raise_exception=True)
def agent(request: Request, agent: str) -> HttpResponse:
    state = queries.agent_state(agent)
    context = {
        "state": state,
        "properties": _properties(state),
        "findings": Finding.objects.filter(agent=agent).select_related("symbol")[:10],
    }
    return page(request, "strategies/agents/detail.html", context, parts=("agent",))


@require_safe
@permission_required(access.VIEW, raise_exception=True)
def findings(request: Request) -> HttpResponse:
    filter = FindingFilter(request.GET)
    rows = filter.narrow(Finding.objects.select_related("symbol"))
    context = {"filter": filter, "page": pages_of(request, rows)}
    return page(request, "strategies/findings/list.html", context, parts=("findings",))


@require_safe
@permission_required(access.VIEW, raise_exception=True)
def postures(request: Request) -> HttpResponse:
    persist = queries.params_of_agent("trend_score", {})["persist"]
    context = {
        "rows": cache(partial(posture_rows, clock.now_ms())),
        "persist": persist,
        "entry": settings.ENV.ts_entry,
        "exit": settings.ENV.ts_exit,
    }
    return page(request, "strategies/postures/list.html", context, parts=("postures",))


@require_safe
@permission_required(access.VIEW, raise_exception=True)
def signals(request: Request) -> HttpResponse:
    filter = SignalFilter(request.GET)
    rows = filter.narrow(Signal.objects.select_related("symbol"))
    context = {"filter": filter, "page": pages_of(request, rows)}
    return page(request, "strategies/signals/list.html", context, parts=("signals",))


@require_GET
@permission_required(access.VIEW, raise_exception=True)
def finding_points(request: Request, symbol_id: int) -> HttpResponse:
    """`{"fills": [], "marks": [{at_ms, label, score}, ...]}` from `?from=` on, oldest first."""
    marks = chart_marks(symbol_id, whole_number(request.GET, "from") or 0)
    return json_response(to_json({"fills": [], "marks": marks}))


def _properties(state: queries.AgentState) -> list[dict[str, object]]:
    """Parameters with what a form needs, in the order of the code."""
    return [
        {"name": name, "value": state.params.get(name), **about}
        for name, about in state.code.schema()["properties"].items()
    ]
