"""Data quality: what we were told, how fresh and how whole; letters and gaps dealt with."""

from __future__ import annotations

from functools import cache, partial

from django.contrib.auth.decorators import permission_required
from django.http import HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from config import clock
from config.pages import Request, csv_file, done, page, pages_of
from marketdata import access as market_access
from marketdata import queries as marketdata_queries
from marketdata.models import DeadLetter
from marketdata.timeframes import Timeframe
from trading import access, quality_pages, services


@require_safe
@permission_required(access.VIEW, raise_exception=True)
def data_quality(request: Request) -> HttpResponse:
    now = clock.now()
    if what := request.GET.get("csv"):
        return csv_file(f"{what[:20]}.csv", *quality_pages.csv_rows(what, now))
    filter = quality_pages.GapFilter(request.GET)
    filter.is_valid()
    symbols = cache(partial(quality_pages.symbol_qualities, now))
    shown = cache(lambda: pages_of(request, symbols()))
    context = {
        "filter": filter,
        "exchanges": partial(quality_pages.exchange_states, now),
        "feed": partial(quality_pages.holders, now),
        "beats": quality_pages.heartbeats,
        "page": shown,
        "rows": lambda: quality_pages.with_states(shown()),
        "stale": lambda: sum(row.price.stale for row in symbols()),
        "behind": lambda: sum(row.late > 0 for row in symbols()),
        "counts": cache(quality_pages.gap_counts),
        "gaps": lambda: quality_pages.gap_rows(filter)[: quality_pages.LEDGER],
        "interruptions": lambda: marketdata_queries.interruptions()[: quality_pages.LEDGER],
        "letters": DeadLetter.objects.filter(status=DeadLetter.Status.OPEN).order_by("-at")[:5],
        "letter_count": DeadLetter.objects.filter(status=DeadLetter.Status.OPEN).count,
        "timeframes": list(Timeframe),
        "now": now,
    }
    return page(request, "trading/quality/page.html", context, parts=("quality",))


@require_POST
@permission_required(access.OPERATE, raise_exception=True)
def gap_fill(request: Request, gap_id: int) -> HttpResponse:
    job = services.fill_gap(gap_id=gap_id, by=request.user, now=clock.now())
    return done(request, f"Job {job.pk} asks for the candles.", to=reverse("trading:data-quality"))


@require_POST
@permission_required(market_access.OPERATE, raise_exception=True)
def letter_discard(request: Request, letter_id: int) -> HttpResponse:
    letter = services.discard_dead_letter(letter_id=letter_id, by=request.user, now=clock.now())
    words = f"Letter {letter.pk} is discarded."
    return done(request, words, to=reverse("marketdata:dead-letters"))
