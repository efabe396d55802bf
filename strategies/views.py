"""Pages of strategies: what there is, their parameters, their versions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.contrib.auth.decorators import permission_required
from django.db.models import Count
from django.http import HttpResponse
from django.views.decorators.http import require_safe

from config.pages import Request, page, pages_of, whole_number
from strategies import access, queries, registry
from strategies.models import Strategy, StrategyVersion

PER_PAGE = 20


@require_safe
@permission_required(access.VIEW, raise_exception=True)
def strategies(request: Request) -> HttpResponse:
    rows = Strategy.objects.annotate(
        version_count=Count("versions", distinct=True),
        bot_count=Count("versions__bots", distinct=True),
    ).order_by("name")
    return page(request, "strategies/strategies/list.html", {"strategies": rows})


@require_safe
@permission_required(access.VIEW, raise_exception=True)
def strategy(request: Request, name: str) -> HttpResponse:
    code, row = registry.get(name), queries.strategy_named(name)
    counted = queries.versions_of(name).annotate(bot_count=Count("bots"))
    versions = list(counted.order_by("-number"))
    context: dict[str, Any] = {
        "strategy": row,
        "versions": versions,
        "page": pages_of(request, versions, per_page=PER_PAGE),
        "warmup": code.warmup(code.validated({})),
        "properties": code.schema()["properties"],
        "outdated": [one for one in versions if not queries.runs_installed_code(one)],
        **_comparison(versions, request.GET),
    }
    parts = ("comparison", "versions")
    return page(request, "strategies/strategies/detail.html", context, parts=parts)


def _comparison(versions: Sequence[StrategyVersion], params: Any) -> dict[str, Any]:
    """Two versions side by side: those in the address, else the newest and the one before."""
    by_number = {one.number: one for one in versions}
    after = by_number.get(whole_number(params, "after") or 0, versions[0] if versions else None)
    before = by_number.get(whole_number(params, "before") or 0, versions[-1] if versions else None)
    changes = queries.version_diff(before, after) if before and after else []
    return {"before": before, "after": after, "changes": changes}
