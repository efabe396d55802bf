"""Agents are run, switched and set by people; the pages that show them are in strategies."""

from __future__ import annotations

import orjson
from django.contrib.auth.decorators import permission_required
from django.http import HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_POST

from config import clock
from config.pages import Request, done
from strategies import access, agents
from strategies.errors import AgentParamsInvalid
from strategies.services import AgentResult
from trading import services


@require_POST
@permission_required(access.OPERATE, raise_exception=True)
def agents_run(request: Request) -> HttpResponse:
    """All of them."""
    results = services.run_agents(names=list(agents.AGENTS), by=request.user, now=clock.now())
    return _told(request, results, to=reverse("strategies:agents"))


@require_POST
@permission_required(access.OPERATE, raise_exception=True)
def agent_run(request: Request, agent: str) -> HttpResponse:
    results = services.run_agents(names=[agent], by=request.user, now=clock.now())
    return _told(request, results, to=reverse("strategies:agents"))


@require_POST
@permission_required(access.OPERATE, raise_exception=True)
def agent_switch(request: Request, agent: str) -> HttpResponse:
    """On, or with `off` no longer."""
    off = "off" in request.POST
    services.change_agent(name=agent, enabled=not off, by=request.user, now=clock.now())
    words = f"{agents.get(agent).title} is {'off' if off else 'on'}."
    return done(request, words, to=reverse("strategies:agents"))


@require_POST
@permission_required(access.OPERATE, raise_exception=True)
def agent_set(request: Request, agent: str) -> HttpResponse:
    """Interval and parameters; a parameter that is left empty goes back to the setting."""
    posted = {field: str(value).strip() for field, value in request.POST.items()}
    given = {field: value for field, value in posted.items() if value}
    interval = given.pop("interval_s", "")
    params = {
        field: _value(field, text)
        for field, text in given.items()
        if field in agents.get(agent).params_model.model_fields
    }
    services.change_agent(
        name=agent,
        interval_s=_seconds(interval) if interval else None,
        params=params,
        by=request.user,
        now=clock.now(),
    )
    words = f"{agents.get(agent).title} is set."
    return done(request, words, to=reverse("strategies:agent", args=[agent]))


def _told(request: Request, results: list[AgentResult], *, to: str) -> HttpResponse:
    failed = [f"{result.agent}: {result.error}" for result in results if result.error]
    noticed = sum(len(result.notes) for result in results)
    ran = "1 agent ran" if len(results) == 1 else f"{len(results)} agents ran"
    resting = results[0].resting if len(results) == 1 else ""
    rest = f" It rests: {resting}." if resting else f" {noticed} noticed."
    words = f"{ran};{rest}" if not failed else f"{ran}; failed: {'; '.join(failed)[:300]}"
    return done(request, words, to=to, level="warning" if failed else "success")


def _value(field: str, text: str) -> object:
    """Numbers and lists as they are written; anything else is refused by the agent's bounds."""
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        raise AgentParamsInvalid(
            f"{field}: not a number, list or weights.", fields={field: ["Not readable."]}
        ) from None


def _seconds(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise AgentParamsInvalid(
            "interval_s: not a number.", fields={"interval_s": ["Not a number."]}
        ) from None
