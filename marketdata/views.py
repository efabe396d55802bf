"""Pages of market data: one symbol with its chart, what could not be stored."""

from __future__ import annotations

from functools import cache, partial

from django.contrib.auth.decorators import permission_required
from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.cache import patch_cache_control
from django.views.decorators.http import require_GET, require_POST, require_safe

from config import clock
from config.pages import Request, Undo, done, page, pages_of, whole_number
from config.rendering import json_response, to_json
from marketdata import access, queries, quotes, services, store
from marketdata.charts import chart_indicators, decimals
from marketdata.indicators import lines
from marketdata.models import DeadLetter, IndicatorSpec
from marketdata.symbol_pages import (
    default_indicators,
    first_timeframe,
    series_states,
    symbol_row,
)
from marketdata.timeframes import Timeframe

MOST_CANDLES = 5000


@require_safe
@permission_required(access.VIEW, raise_exception=True)
def symbol(request: Request, exchange: str, name: str) -> HttpResponse:
    found = queries.resolve_symbol(f"{exchange}:{name}")
    asked = request.GET.get("timeframe")
    timeframe = queries.timeframe_of(asked) if asked else first_timeframe(found)
    context = {
        "symbol": found,
        "timeframe": timeframe,
        "timeframes": list(Timeframe),
        "places": decimals(found),
        "row": cache(lambda: symbol_row(found, quotes.get_quote(found.pk), clock.now_ms())),
        "indicators": cache(partial(chart_indicators, found, timeframe, default_indicators())),
        "series": cache(partial(series_states, found, clock.now_ms())),
        "gaps": queries.gaps(symbol=found)[:20],
        "bots": found.bots.select_related("version__strategy"),
        "backfill_from": clock.from_ms(clock.now_ms() - 1000 * timeframe.ms),
        "now": clock.now(),
    }
    return page(request, "marketdata/symbols/detail.html", context, parts=("symbol-data",))


@require_POST
@permission_required(access.OPERATE, raise_exception=True)
def symbol_watch(request: Request, exchange: str, name: str) -> HttpResponse:
    """Follow the symbol, or with `off` no longer."""
    found = queries.resolve_symbol(f"{exchange}:{name}")
    off = "off" in request.POST
    (services.unwatch_symbol if off else services.watch_symbol)(symbol=found)
    words = f"{found.name} is no longer followed." if off else f"The feed follows {found.name}."
    if off and (bot := found.bots.filter(status="RUNNING", source="LIVE_FEED").first()):
        words = f"{found.name} left the watchlist; it is followed while {bot.name} trades it."
    undo = Undo(request.path, {} if off else {"off": "1"})
    return done(request, words, to=reverse("trading:symbols"), undo=undo)


@require_safe
@permission_required(access.VIEW, raise_exception=True)
def dead_letters(request: Request) -> HttpResponse:
    rows = DeadLetter.objects.order_by("-at", "-id")
    context = {"page": pages_of(request, rows)}
    return page(request, "marketdata/symbols/dead_letters.html", context, parts=("letters",))


@require_GET
@permission_required(access.VIEW, raise_exception=True)
def candle_points(request: Request, symbol_id: int) -> HttpResponse:
    """`{"candles": [[open_ms, open, high, low, close, volume], ...]}`, oldest first.

    With `?merge=` they are merged to candles of that many milliseconds.
    """
    timeframe = queries.timeframe_of(request.GET.get("timeframe", ""))
    rows = queries.chart_candles(
        symbol_id,
        timeframe,
        merge_ms=whole_number(request.GET, "merge"),
        from_ms=whole_number(request.GET, "from"),
        to_ms=whole_number(request.GET, "to"),
        limit=min(whole_number(request.GET, "limit") or MOST_CANDLES, MOST_CANDLES),
    )
    response = json_response(to_json({"candles": rows}))
    if "merge" in request.GET:  # read from up to a million rows, and mostly of the past
        patch_cache_control(response, private=True, max_age=60)
    return response


@require_GET
@permission_required(access.VIEW, raise_exception=True)
def indicator_points(request: Request, spec_id: int) -> HttpResponse:
    """`{"lines": {line: [[open_ms, value], ...]}}` of a stored indicator, oldest first."""
    spec = get_object_or_404(IndicatorSpec, pk=spec_id)
    rows = store.indicator_rows(
        spec.pk,
        lines(spec.name),
        from_ms=whole_number(request.GET, "from"),
        to_ms=whole_number(request.GET, "to"),
    )
    return json_response(to_json({"lines": rows}))
