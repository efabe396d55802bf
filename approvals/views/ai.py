"""Pages of advice: what models said and cost, suggestions, reviews."""

from __future__ import annotations

from django.contrib.auth.decorators import permission_required
from django.http import HttpResponse
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from approvals import ai_queries, services
from approvals.forms.review import NewReview
from approvals.pages import ai as ai_pages
from config import clock
from config.pages import Request, done, go, page, pages_of
from config.refusals import Refusal
from strategies import access as strategy_access
from trading import access

PER_PAGE = 25


@require_safe
@permission_required(access.VIEW, raise_exception=True)
def ai_log(request: Request) -> HttpResponse:
    rows = pages_of(request, ai_queries.calls(), per_page=PER_PAGE)
    context = {**ai_pages.log_context(clock.now()), "page": rows}
    return page(request, "approvals/advice/log.html", context, parts=("llm-status", "llm-calls"))


@require_POST
@permission_required(access.OPERATE, raise_exception=True)
def llm_test(request: Request) -> HttpResponse:
    call = services.test_model(by=request.user, now=clock.now(), later=clock.now)
    to = reverse("approvals:ai-log")
    if call.passed:
        return done(request, f"{call.model} answered in {call.latency_ms} ms.", to=to)
    return done(request, f"No usable answer: {call.reason or call.verdict}", to=to, level="error")


@never_cache
@require_safe
@permission_required(access.OPERATE, raise_exception=True)
def llm_call(request: Request, call_id: int) -> HttpResponse:
    context = {"call": services.opened_call(call_id=call_id)}
    return page(request, "approvals/advice/call.html", context)


@require_safe
@permission_required(access.VIEW, raise_exception=True)
def suggestions(request: Request) -> HttpResponse:
    filter = ai_pages.SuggestionFilter(request.GET)
    rows = pages_of(request, filter.narrow(ai_queries.suggestions()), per_page=PER_PAGE)
    context = {"filter": filter, "page": rows, "reviews": ai_queries.reviews()[:5]}
    parts = ("suggestions", "reviews")
    return page(request, "approvals/suggestions/list.html", context, parts=parts)


@require_safe
@permission_required(access.VIEW, raise_exception=True)
def suggestion(request: Request, suggestion_id: int) -> HttpResponse:
    context = ai_pages.suggestion_context(
        suggestion_id, with_texts=request.user.has_perm(access.OPERATE)
    )
    return page(request, "approvals/suggestions/detail.html", context, parts=("suggestion",))


@require_http_methods(["GET", "POST"])
@permission_required(strategy_access.OPERATE, raise_exception=True)
def review_new(request: Request) -> HttpResponse:
    """Its own button starts; what other pages send to it fills the form."""
    sent = request.method == "POST" and "start_run" in request.POST
    new = NewReview(request.POST if request.method == "POST" else request.GET, sent=sent)
    if sent and new.is_valid:
        try:
            made = services.start_review(
                strategy=new.strategy, asked=new.asked(), by=request.user, now=clock.now()
            )
        except Refusal as refusal:
            new.refuse(refusal)
        else:
            to = reverse("approvals:review", args=[made.pk])
            return go(request, f"Review {made.pk} runs.", to=to)
    template, status = "approvals/reviews/new.html", 422 if sent else 200
    return page(request, template, new.context, parts=("review-form",), status=status)


@require_safe
@permission_required(access.VIEW, raise_exception=True)
def review(request: Request, review_id: int) -> HttpResponse:
    context = ai_pages.review_context(review_id)
    return page(request, "approvals/reviews/detail.html", context, parts=("review",))
