"""Home: everything that runs, at a glance."""

from __future__ import annotations

from functools import cache, partial

from django.contrib.auth.decorators import permission_required
from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from config import clock
from config.pages import Request, page
from trading import access, queries

NEWEST = 7
PARTS = (
    "home-figures",
    "home-bots",
    "home-positions",
    "home-fills",
    "home-audit",
    "home-incidents",
)


@require_safe
@permission_required(access.VIEW, raise_exception=True)
def home(request: Request) -> HttpResponse:
    now = clock.now()
    context = {
        "portfolio": cache(queries.portfolio_now),
        "cards": cache(queries.bot_cards),
        "feed": cache(partial(queries.feed_status, now)),
        "positions": cache(_open_positions),
        "fills": queries.fills()[:NEWEST],
        "drifts": cache(lambda: queries.open_incidents().filter(drift=True)[:NEWEST]),
        "events": queries.audit_events()[:NEWEST],
    }
    return page(request, "trading/home.html", context, parts=PARTS)


@require_safe
@permission_required(access.VIEW, raise_exception=True)
def system_state(request: Request) -> HttpResponse:
    """The badge in the state bar."""
    return render(request, "components/system_state.html")


def _open_positions() -> list[queries.PositionView]:
    return [position for position in queries.positions_now() if position.qty]
