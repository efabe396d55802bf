"""One's own second factor and sessions; the administrators' page of everybody's."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib.auth.decorators import permission_required
from django.contrib.auth.models import User
from django.http import HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from config import clock
from config.pages import Request, done, go, page
from trading import access, queries, services
from trading.authentication import step_up_by, via_of
from trading.errors import PersonUnknown, SecondFactorInvalid
from trading.live_forms import ProofForm
from trading.people_forms import CodeForm, ResetForm, refuse
from trading.qr_code import qr_code

SECURITY, PEOPLE = "trading/security/detail.html", "trading/people/list.html"
CONFIRM = "trading/security/confirm.html"
PENDING = "second_factor_pending"  # key of the session: what is set up in it, sealed
secret_posts = sensitive_post_parameters("password", "code")


@never_cache
@require_safe
def security(request: Request) -> HttpResponse:
    return _page(request)


@never_cache
@secret_posts
@require_POST
@sensitive_variables("kept")
def security_begin(request: Request) -> HttpResponse:
    """With the password, a seed for this session; it counts once a code of it was given."""
    form = _proof("begin", request.POST)
    if not form.is_valid() or not step_up_by(request, form):
        return _page(request, status=422, begin_form=form)
    kept, _ = services.begin_second_factor(user=request.user, now=clock.now())
    request.session[PENDING] = kept
    return go(request, "Scan the picture, then give the code.", to=_url())


@never_cache
@secret_posts
@require_http_methods(["GET", "HEAD", "POST"])
def security_confirm(request: Request) -> HttpResponse:
    """Who is there, before something that shows no form for it; then on to `next`."""
    asked = request.POST.get("next") or request.GET.get("next", "")
    here = {request.get_host()}
    to = asked if url_has_allowed_host_and_scheme(asked, here, request.is_secure()) else "/"
    form = ProofForm(request.POST if request.method == "POST" else None)
    if form.is_valid() and step_up_by(request, form):
        return redirect(to)
    context = {"form": form, "next": to, "minutes": settings.ENV.live_confirm_minutes}
    return page(request, CONFIRM, context, status=422 if form.is_bound else 200)


@never_cache
@secret_posts
@require_POST
@sensitive_variables("codes", "pending")
def security_set(request: Request) -> HttpResponse:
    """A code of this session's seed switches it on; the recovery codes are shown this once."""
    now = clock.now()
    pending = services.pending_second_factor(
        user=request.user, kept=request.session.get(PENDING), now=now
    )
    if pending is None:
        return go(request, "That took more than ten minutes: begin again.", to=_url())
    form = CodeForm(request.POST)
    if form.is_valid():
        try:
            codes = services.set_second_factor(
                user=request.user,
                pending=pending,
                code=form.cleaned_data["code"],
                keep_session=request.session.session_key or "",
                now=now,
            )
        except SecondFactorInvalid as refusal:
            refuse(form, refusal)
        else:
            del request.session[PENDING]
            return _page(request, codes=codes)
    return _page(request, status=422, code_form=form)


@never_cache
@secret_posts
@require_POST
@sensitive_variables("codes")
def security_renew(request: Request) -> HttpResponse:
    form = _proof("renew", request.POST)
    if not form.is_valid() or not step_up_by(request, form):
        return _page(request, status=422, renew_form=form)
    codes = services.renew_recovery_codes(user=request.user, now=clock.now())
    return _page(request, codes=codes)


@never_cache
@secret_posts
@require_POST
def security_remove(request: Request) -> HttpResponse:
    form = _proof("remove", request.POST)
    if not form.is_valid() or not step_up_by(request, form):
        return _page(request, status=422, remove_form=form)
    services.remove_second_factor(user=request.user, now=clock.now())
    return go(request, "Your password alone signs you in from now on.", to=_url())


@require_POST
def sessions_end(request: Request) -> HttpResponse:
    """One's own in other browsers."""
    kept, user = request.session.session_key or "", request.user
    ended = services.end_sessions(user=user, by=user, keep=kept, now=clock.now())
    words = f"Signed out of {ended} other browsers." if ended else "You are signed in here only."
    return done(request, words, to=_url())


@never_cache
@require_safe
@permission_required(access.ADMINISTER, raise_exception=True)
def people(request: Request) -> HttpResponse:
    return _people(request)


@never_cache
@secret_posts
@require_POST
@permission_required(access.ADMINISTER, raise_exception=True)
def second_factor_reset(request: Request) -> HttpResponse:
    """For somebody whose phone is lost."""
    form = ResetForm(queries.people_with_second_factor(but=request.user), request.POST)
    if not form.is_valid() or not step_up_by(request, form):
        return _people(request, status=422, form=form)
    given, now = form.cleaned_data, clock.now()
    name, via = given["person"].get_username(), via_of(request)
    services.reset_second_factor(
        username=name, by=request.user, via=via, reason=given["reason"], now=now
    )
    words = f"{name} signs in with the password alone until they set up another."
    return go(request, words, to=reverse("trading:people"))


@require_POST
@permission_required(access.ADMINISTER, raise_exception=True)
def person_sign_out(request: Request, user_id: int) -> HttpResponse:
    """End every session of somebody."""
    person = User.objects.filter(pk=user_id).first()
    if person is None:
        raise PersonUnknown("There is no such person.")
    ended = services.end_sessions(user=person, by=request.user, now=clock.now())
    words = f"{person} was signed out of {ended} browsers. API tokens stay."
    return done(request, words, to=reverse("trading:people"))


@sensitive_variables()
def _page(request: Request, status: int = 200, **more: Any) -> HttpResponse:
    now = clock.now()
    factor = services.second_factor_of(request.user)
    kept = None if factor else request.session.get(PENDING)
    pending = services.pending_second_factor(user=request.user, kept=kept, now=now)
    context = {
        "factor": factor,
        "pending": pending,
        "qr": qr_code(pending.address) if pending else None,
        "codes_text": "\n".join(more.get("codes", ())),
        "needed": services.lacks_second_factor(request.user, where=services.FOR_ALL),
        "may_remove": services.may_remove_second_factor(),
        "begin_form": _proof("begin"),
        "code_form": CodeForm(),
        "renew_form": _proof("renew"),
        "remove_form": _proof("remove"),
        **more,
    }
    return page(request, SECURITY, context, status=status)


def _people(request: Request, status: int = 200, **more: Any) -> HttpResponse:
    form = ResetForm(queries.people_with_second_factor(but=request.user))
    context = {"people": queries.people(), "form": form, **more}
    return page(request, PEOPLE, context, status=status)


def _proof(name: str, data: Any = None) -> ProofForm:
    """Several of them are on the page, so each names its fields apart."""
    return ProofForm(data, auto_id=f"{name}_%s")


def _url() -> str:
    return reverse("trading:security")
