"""The workbench of one version, and putting it aside."""

from __future__ import annotations

from django.contrib.auth.decorators import permission_required
from django.http import HttpResponse
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from approvals import access, services
from approvals.pages.workbench import workbench
from config import clock
from config.pages import Request, Undo, done, page
from strategies import queries as strategy_queries


@never_cache
@require_safe
@permission_required(access.VIEW, raise_exception=True)
def version(request: Request, name: str, number: int) -> HttpResponse:
    context = workbench(name, number, request.user)
    return page(request, "strategies/versions/detail.html", context, parts=("workbench",))


@require_POST
@permission_required(access.OPERATE, raise_exception=True)
def version_retire(request: Request, name: str, number: int) -> HttpResponse:
    services.retire(
        version_id=strategy_queries.version_numbered(name, number).pk,
        reason=request.POST.get("reason", ""),
        by=request.user,
        now=clock.now(),
    )
    undo = Undo(reverse("trading:version-propose", args=[name, number]))
    to = reverse("approvals:version", args=[name, number])
    return done(request, f"v{number} is retired.", to=to, undo=undo)
