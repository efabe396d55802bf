"""The watchlist, with what agents and bots make of each symbol."""

from __future__ import annotations

from functools import cache, partial

from django.contrib.auth.decorators import permission_required
from django.http import HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_safe

from config import clock
from config.pages import Request, csv_file, page, pages_of
from marketdata.models import DeadLetter
from marketdata.symbol_pages import SymbolFilter
from trading import access, market_pages

SESSION_KEY = "markets"


@require_safe
@permission_required(access.VIEW, raise_exception=True)
def symbols(request: Request) -> HttpResponse:
    if not request.GET and not request.htmx and (kept := request.session.get(SESSION_KEY)):
        return redirect(f"{request.path}?{kept}")
    _remember(request)
    filter, now = SymbolFilter(request.GET), clock.now()
    rows = market_pages.market_rows(filter, request.GET.get("sort", ""), now)
    if "csv" in request.GET:
        return csv_file("markets.csv", *market_pages.csv_rows(rows))
    shown = pages_of(request, rows)
    context = {
        "filter": filter,
        "page": shown,
        "rows": cache(partial(market_pages.with_sparks, list(shown), now)),
        "sort": request.GET.get("sort", "name"),
        "sorts": market_pages.SORTS,
        "sort_keys": dict(market_pages.SORTS),
        "letters": DeadLetter.objects.filter(status=DeadLetter.Status.OPEN).count(),
    }
    return page(request, "trading/markets/list.html", context, parts=("symbols",))


def _remember(request: Request) -> None:
    """Who comes back finds the list as it was; the address says what that is."""
    given = request.GET.copy()
    for name in list(given):
        if name not in market_pages.REMEMBERED or not given[name]:
            del given[name]
    kept = given.urlencode()[:200]
    if request.session.get(SESSION_KEY, "") != kept and "csv" not in request.GET:
        request.session[SESSION_KEY] = kept
