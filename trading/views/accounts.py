"""Exchange accounts: what their keys may do, and the few things to do with them."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.decorators import permission_required
from django.http import HttpResponse
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from config import clock
from config.pages import Request, done, go, page
from trading import access, services
from trading.errors import AccountInvalid, LimitsNeedApproval
from trading.live_forms import AccountForm, KeyForm, LimitsForm, refuse
from trading.live_pages import account_context, accounts_context, looser_account_context

DETAIL, PARTS = "trading/accounts/detail.html", ("account-state", "account-limits", "account-key")


@require_safe
@permission_required(access.VIEW, raise_exception=True)
def accounts(request: Request) -> HttpResponse:
    return page(request, "trading/accounts/list.html", accounts_context(), parts=("accounts",))


@never_cache
@sensitive_post_parameters("key", "secret")
@require_http_methods(["GET", "HEAD", "POST"])
@permission_required(access.ADMINISTER, raise_exception=True)
def account_new(request: Request) -> HttpResponse:
    form = AccountForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        try:
            made = services.add_account(by=request.user, now=clock.now(), **form.cleaned_data)
        except AccountInvalid as refusal:
            refuse(form, refusal)
        else:
            return go(request, f"{made.name} was added: check it now.", to=_url(made.pk))
    status = 422 if form.is_bound else 200
    context = {"form": form}
    return page(
        request, "trading/accounts/new.html", context, parts=("account-form",), status=status
    )


@require_safe
@permission_required(access.VIEW, raise_exception=True)
def account(request: Request, account_id: int) -> HttpResponse:
    return page(request, DETAIL, account_context(account_id), parts=PARTS)


@require_POST
@permission_required(access.OPERATE, raise_exception=True)
def account_check(request: Request, account_id: int) -> HttpResponse:
    found = services.check_account(account_id=account_id, by=request.user, now=clock.now())
    problem = found.key_problem
    level = "warning" if problem else "success"
    return done(
        request,
        problem or f"{found.name} answers, and its key may trade.",
        to=_url(account_id),
        level=level,
    )


@require_POST
@permission_required(access.ADMINISTER, raise_exception=True)
def account_switch(request: Request, account_id: int) -> HttpResponse:
    enabled = request.POST.get("enabled") == "on"
    changed = services.update_account(
        account_id=account_id, changes={"enabled": enabled}, by=request.user, now=clock.now()
    )
    said = "is on" if changed.enabled else "is off: no order leaves for it"
    return done(request, f"{changed.name} {said}.", to=_url(account_id))


@require_POST
@permission_required(access.ADMINISTER, raise_exception=True)
def account_limits(request: Request, account_id: int) -> HttpResponse:
    form = LimitsForm(request.POST)
    if form.is_valid():
        try:
            services.set_account_limits(
                account_id=account_id, by=request.user, now=clock.now(), **form.cleaned_data
            )
        except AccountInvalid as refusal:
            refuse(form, refusal)
        except LimitsNeedApproval:
            context = looser_account_context(account_id, form)
            return page(request, DETAIL, context, parts=PARTS, status=409)
        else:
            return done(request, "The limits hold from the next order on.", to=_url(account_id))
    return _again(request, account_id, limits_form=form)


@never_cache
@sensitive_post_parameters("key", "secret")
@require_POST
@permission_required(access.ADMINISTER, raise_exception=True)
def account_key(request: Request, account_id: int) -> HttpResponse:
    form = KeyForm(request.POST)
    if form.is_valid():
        try:
            services.replace_key(
                account_id=account_id, by=request.user, now=clock.now(), **form.cleaned_data
            )
        except AccountInvalid as refusal:
            refuse(form, refusal)
        else:
            return go(request, "The key was replaced: check it now.", to=_url(account_id))
    return _again(request, account_id, key_form=form)


@require_POST
@permission_required(access.ADMINISTER, raise_exception=True)
def account_remove(request: Request, account_id: int) -> HttpResponse:
    gone = services.remove_account(account_id=account_id, by=request.user, now=clock.now())
    return go(request, f"The key of {gone.name} is forgotten here.", to=reverse("trading:accounts"))


def _again(request: Request, account_id: int, **forms: Any) -> HttpResponse:
    context = {**account_context(account_id), **forms}
    return page(request, DETAIL, context, parts=PARTS, status=422)


def _url(account_id: int) -> str:
    return reverse("trading:account", args=[account_id])
