"""Long work: what runs, how far it is, and history to download."""

from __future__ import annotations

from django.contrib.auth.decorators import permission_required
from django.http import HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from config import clock
from config.pages import Request, done, go, page, pages_of
from marketdata import access as market_access
from marketdata.queries import resolve_symbol
from trading import access, queries, services
from trading.errors import BotInvalid
from trading.filters import JobFilter
from trading.forms import BackfillForm


@require_safe
@permission_required(access.VIEW, raise_exception=True)
def jobs(request: Request) -> HttpResponse:
    filter = JobFilter(request.GET)
    context = {"filter": filter, "page": pages_of(request, filter.narrow(queries.jobs()))}
    return page(request, "trading/jobs/list.html", context, parts=("jobs",))


@require_POST
@permission_required(access.OPERATE, raise_exception=True)
def job_cancel(request: Request, job_id: int) -> HttpResponse:
    job = services.cancel_job(job_id=job_id, by=request.user, now=clock.now())
    return done(request, f"The job is {job.status.lower()}.", to=reverse("trading:jobs"))


@require_POST
@permission_required(access.OPERATE, raise_exception=True)
def backfill_start(request: Request, symbol: str) -> HttpResponse:
    form = BackfillForm(request.POST)
    if not form.is_valid():
        words = [error for errors in form.errors.values() for error in errors]
        raise BotInvalid("This stretch can't be downloaded.", fields={"reasons": words})
    job = services.start_backfill(
        symbol=resolve_symbol(symbol),
        timeframe=form.cleaned_data["timeframe"],
        from_ms=clock.to_ms(form.cleaned_data["start"]),
        to_ms=clock.to_ms(form.cleaned_data["end"]),
        by=request.user,
        now=clock.now(),
    )
    return go(request, f"Job {job.pk} downloads the history.", to=reverse("trading:jobs"))


@require_POST
@permission_required(market_access.OPERATE, raise_exception=True)
def letter_retry(request: Request, letter_id: int) -> HttpResponse:
    letter = services.retry_dead_letter(letter_id=letter_id, by=request.user, now=clock.now())
    words = f"Letter {letter.pk} is {letter.get_status_display().lower()}."
    return done(request, words, to=reverse("marketdata:dead-letters"))
