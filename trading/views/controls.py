"""The switches over everything, the gates, and the proof of a stop."""

from __future__ import annotations

import json
from dataclasses import asdict
from functools import cache, partial

from django.contrib.auth.decorators import permission_required
from django.http import HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from config import clock
from config.pages import Request, done, go, page
from config.rendering import to_json
from trading import access, queries, services
from trading.control_pages import stop_facts
from trading.forms import ReasonForm

PROOF = "stop_proof"  # key of the session: the proof is shown to who asked for the stop


@require_safe
@permission_required(access.VIEW, raise_exception=True)
def controls(request: Request) -> HttpResponse:
    context = {
        "state": cache(queries.system_state),
        "gates": cache(partial(queries.readiness, clock.now())),
        "cold": cache(partial(queries.cold_series, clock.now())),
        "facts": cache(stop_facts),
        "proof": request.session.get(PROOF),
    }
    return page(request, "trading/controls/detail.html", context, parts=("controls",))


@require_POST
@permission_required(access.OPERATE, raise_exception=True)
def system_pause(request: Request) -> HttpResponse:
    services.pause_system(reason=_reason(request), by=request.user, now=clock.now())
    return done(request, "Paused: bots decide nothing until you resume.", to=_url())


@require_POST
@permission_required(access.OPERATE, raise_exception=True)
def system_resume(request: Request) -> HttpResponse:
    services.resume_system(reason=_reason(request), by=request.user, now=clock.now())
    request.session.pop(PROOF, None)
    return done(request, "Running again. Stopped bots stay stopped.", to=_url())


@require_POST
@permission_required(access.STOP, raise_exception=True)
def emergency_stop(request: Request) -> HttpResponse:
    reason = _reason(request) or "Stop button"
    proof = services.emergency_stop(reason=reason, by=request.user, now=clock.now())
    request.session[PROOF] = json.loads(to_json(asdict(proof)))
    return go(request, "Everything is stopped. The proof is below.", to=_url())


@require_POST
@permission_required(access.OPERATE, raise_exception=True)
def scheduler_start(request: Request) -> HttpResponse:
    services.start_scheduler(by=request.user, now=clock.now())
    return done(request, "The scheduler is on.", to=_url())


@require_POST
@permission_required(access.OPERATE, raise_exception=True)
def scheduler_stop(request: Request) -> HttpResponse:
    services.stop_scheduler(by=request.user, now=clock.now())
    return done(request, "The scheduler is off: bots wait, manual cycles work.", to=_url())


def _reason(request: Request) -> str:
    form = ReasonForm(request.POST)
    return str(form.cleaned_data["reason"]) if form.is_valid() else ""


def _url() -> str:
    return reverse("trading:controls")
