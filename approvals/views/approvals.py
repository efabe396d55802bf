"""Pages of approvals: the queue, one request, asking, activating, rolling back, policies."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.decorators import permission_required
from django.http import HttpResponse
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from approvals import access, queries, services
from approvals.errors import ApprovalInvalid, PolicyInvalid, WaiverInvalid
from approvals.forms.approvals import (
    CommentForm,
    DecisionForm,
    PolicyForm,
    RequestForm,
    RollBackForm,
    WaiverForm,
    refuse,
)
from approvals.models import OnExpiry
from approvals.pages.approvals import (
    detail_context,
    policies_context,
    queue_context,
    request_context,
)
from config import clock
from config.pages import Request, done, go, page
from trading.authentication import step_up_by, via_of

QUEUE, DETAIL = "approvals/requests/list.html", "approvals/requests/detail.html"
ASK, POLICIES = "approvals/requests/new.html", "approvals/policies/list.html"
DETAIL_PARTS = ("approval-state", "approval-decide", "approval-said", "approval-outlook")


@never_cache
@require_safe
@permission_required(access.VIEW, raise_exception=True)
def approvals(request: Request) -> HttpResponse:
    parts = ("approvals", "home-approvals", "approvals-count")
    return page(request, QUEUE, queue_context(request.user), parts=parts)


@never_cache
@require_safe
@permission_required(access.VIEW, raise_exception=True)
def approval(request: Request, approval_id: int) -> HttpResponse:
    return page(request, DETAIL, detail_context(approval_id, request.user), parts=DETAIL_PARTS)


@never_cache
@sensitive_post_parameters("password", "code")
@require_POST
@permission_required(access.APPROVE, raise_exception=True)
def approval_approve(request: Request, approval_id: int) -> HttpResponse:
    form = DecisionForm(request.POST)
    step_up = queries.approval(approval_id).step_up
    if not form.is_valid() or (step_up and not step_up_by(request, form)):
        return _again(request, approval_id, form=form)
    try:
        row = services.approve(
            approval_id=approval_id,
            by=request.user,
            via=via_of(request),
            now=clock.now(),
            digest=form.cleaned_data["digest"],
            reason=form.cleaned_data["reason"],
        )
    except ApprovalInvalid as refusal:
        refuse(form, refusal)
        return _again(request, approval_id, form=form)
    words = "You agreed: a second person must too." if row.is_pending else "It is approved."
    return go(request, words, to=_url(approval_id))


@require_POST
@permission_required(access.APPROVE, raise_exception=True)
def approval_reject(request: Request, approval_id: int) -> HttpResponse:
    form = DecisionForm(request.POST)
    if form.is_valid():
        try:
            services.reject(
                approval_id=approval_id,
                by=request.user,
                via=via_of(request),
                now=clock.now(),
                digest=form.cleaned_data["digest"],
                reason=form.cleaned_data["reason"],
            )
        except ApprovalInvalid as refusal:
            refuse(form, refusal)
        else:
            return go(request, "It is rejected.", to=_url(approval_id))
    return _again(request, approval_id, form=form)


@require_POST
@permission_required(access.OPERATE, raise_exception=True)
def approval_comment(request: Request, approval_id: int) -> HttpResponse:
    form = CommentForm(request.POST)
    if not form.is_valid():
        return _again(request, approval_id, comment_form=form)
    services.comment(
        approval_id=approval_id,
        text=form.cleaned_data["text"],
        by=request.user,
        via=via_of(request),
        now=clock.now(),
    )
    return done(request, "It stands beside the request.", to=_url(approval_id))


@require_POST
@permission_required(access.OPERATE, raise_exception=True)
def approval_withdraw(request: Request, approval_id: int) -> HttpResponse:
    services.withdraw(
        approval_id=approval_id,
        reason=request.POST.get("reason", ""),
        by=request.user,
        now=clock.now(),
    )
    return go(request, "It is withdrawn.", to=reverse("approvals:approvals"))


@require_POST
@permission_required(access.ADMINISTER, raise_exception=True)
def resume_ask(request: Request) -> HttpResponse:
    row = services.request_resume(
        reason=request.POST.get("reason", ""), by=request.user, now=clock.now()
    )
    return go(request, "Asked. Others must agree before anything runs.", to=_url(row.pk))


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@permission_required(access.OPERATE, raise_exception=True)
def approval_new(request: Request, name: str, number: int) -> HttpResponse:
    """Ask that a version becomes the active one."""
    context = request_context(name, number)
    form = RequestForm(request.POST if request.method == "POST" else None)
    simulation = context["simulation"]
    if form.is_valid() and simulation is not None:
        try:
            row = services.request_activation(
                version_id=context["version"].pk,
                simulation_id=simulation.pk,
                by=request.user,
                now=clock.now(),
                **form.cleaned_data,
            )
        except ApprovalInvalid as refusal:
            refuse(form, refusal)
        else:
            return go(request, "Asked. Somebody else must decide.", to=_url(row.pk))
    status = 422 if form.is_bound else 200
    return page(request, ASK, {**context, "form": form}, parts=("approval-ask",), status=status)


@never_cache
@sensitive_post_parameters("password", "code")
@require_POST
@permission_required(access.APPROVE, raise_exception=True)
def version_activate(request: Request, name: str, number: int) -> HttpResponse:
    version = request_context(name, number)["version"]
    services.activate(version_id=version.pk, by=request.user, via=via_of(request), now=clock.now())
    words = f"v{number} is active: bots that follow take it at their next candle."
    return go(request, words, to=reverse("strategies:strategy", args=[name]))


@require_POST
@permission_required(access.APPROVE, raise_exception=True)
def version_rollback(request: Request, name: str) -> HttpResponse:
    form = RollBackForm(request.POST)
    reason = form.cleaned_data["reason"] if form.is_valid() else ""
    back = services.roll_back(
        strategy=name, reason=reason, by=request.user, via=via_of(request), now=clock.now()
    )
    words = f"v{back.version.number} is active again."
    return go(request, words, to=reverse("strategies:strategy", args=[name]))


@never_cache
@require_safe
@permission_required(access.VIEW, raise_exception=True)
def policies(request: Request) -> HttpResponse:
    return page(request, POLICIES, policies_context(), parts=("waiver",))


@require_POST
@permission_required(access.ADMINISTER, raise_exception=True)
def policy_change(request: Request, kind: str) -> HttpResponse:
    form = PolicyForm(request.POST, prefix=kind)
    if form.is_valid():
        fixed = {"step_up": True, "allow_red": False, "on_expiry": OnExpiry.NOTHING}
        given = {**fixed, **form.cleaned_data}
        given["deadline_s"] = given.pop("deadline_min") * 60
        try:
            services.change_policy(kind=kind, by=request.user, now=clock.now(), **given)
        except PolicyInvalid as refusal:
            form.add_error(None, refusal.detail)
        else:
            words = "Requests from now on are decided like this."
            return go(request, words, to=reverse("approvals:policies"))
    context = policies_context()
    rows = [(policy, form if policy.kind == kind else own) for policy, own in context["rows"]]
    return page(request, POLICIES, {**context, "rows": rows}, status=422)


@never_cache
@sensitive_post_parameters("password", "code")
@require_POST
@permission_required(access.ADMINISTER, raise_exception=True)
def waiver_grant(request: Request) -> HttpResponse:
    form = WaiverForm(request.POST)
    if form.is_valid() and step_up_by(request, form):
        try:
            services.grant_waiver(
                hours=form.cleaned_data["hours"],
                reason=form.cleaned_data["reason"],
                by=request.user,
                via=via_of(request),
                now=clock.now(),
            )
        except WaiverInvalid as refusal:
            refuse(form, refusal)
        else:
            words = "For these hours people may decide on their own requests. Everybody sees it."
            return go(request, words, to=reverse("approvals:policies"))
    context = {**policies_context(), "waiver_form": form}
    return page(request, POLICIES, context, parts=("waiver",), status=422)


@require_POST
@permission_required(access.ADMINISTER, raise_exception=True)
def waiver_revoke(request: Request, waiver_id: int) -> HttpResponse:
    services.revoke_waiver(waiver_id=waiver_id, by=request.user, now=clock.now())
    words = "Nobody decides on their own request any more."
    return go(request, words, to=reverse("approvals:policies"))


def _again(request: Request, approval_id: int, **forms: Any) -> HttpResponse:
    context = {**detail_context(approval_id, request.user), **forms}
    return page(request, DETAIL, context, parts=DETAIL_PARTS, status=422)


def _url(approval_id: int) -> str:
    return reverse("approvals:approval", args=[approval_id])
