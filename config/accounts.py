"""How people come in: password, then the second factor's code; never by signing up.

Each attempt is in the audit log.
"""

from __future__ import annotations

from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.internal.decorators import login_stage_required
from allauth.account.stages import LoginStage
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.debug import sensitive_post_parameters

from config import clock
from trading import services
from trading.authentication import CodeWrong, LoginLocked, SecondFactorRequired, check_code
from trading.people_forms import CodeForm


class CodeStage(LoginStage):  # type: ignore[misc]  # allauth has no types
    """After the password, for people with a second factor. Nobody is signed in until it is over.

    allauth's own stage would do the same, but brings WebAuthn's packages along.
    """

    key = "mfa_authenticate"
    urlname = "mfa_authenticate"

    def handle(self) -> tuple[HttpResponse | None, bool]:
        user = self.login.user
        if user is not None and services.has_second_factor(user):
            return redirect(self.urlname), True
        return None, True


class ClosedSignupAdapter(DefaultAccountAdapter):  # type: ignore[misc]  # allauth has no types
    """allauth with the door to strangers shut."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False

    def get_login_stages(self) -> list[str]:
        return [f"{CodeStage.__module__}.{CodeStage.__name__}"]

    def post_login(self, request: HttpRequest, user: Any, **kwargs: Any) -> HttpResponse:
        services.record_login(user=user, now=clock.now())
        response: HttpResponse = super().post_login(request, user, **kwargs)
        return response

    def authentication_failed(self, request: HttpRequest, **credentials: Any) -> None:
        username = str(credentials.get("username", ""))
        services.record_login_failed(username=username, now=clock.now())

    def logout(self, request: HttpRequest) -> None:
        if request.user.is_authenticated:
            services.record_logout(user=request.user, now=clock.now())
        super().logout(request)

    def add_message(self, request: HttpRequest, *args: Any, **kwargs: Any) -> None:
        """Nothing: "you have signed in" tells nobody anything."""


@sensitive_post_parameters("code")
@login_stage_required(  # type: ignore[untyped-decorator]
    stage=CodeStage.key, redirect_urlname="trading:home"
)
def login_code(request: HttpRequest) -> HttpResponse:
    """The page after the password. Without a password just before, it is not there."""
    stage = request._login_stage  # type: ignore[attr-defined]  # the decorator's
    user = stage.login.user
    # Reset meanwhile: whoever knew the password begins again, and comes in without a code.
    if "cancel" in request.POST or not services.has_second_factor(user):
        return _response(stage.abort())
    form = CodeForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        try:
            check_code(request, user, form.cleaned_data["code"])
        except (CodeWrong, LoginLocked, SecondFactorRequired) as refusal:
            form.add_error("code", refusal.detail)
        else:
            return _response(stage.exit())
    return render(request, "account/code.html", {"form": form}, status=422 if form.errors else 200)


def _response(given: Any) -> HttpResponse:
    """What allauth answers; it has no types."""
    response: HttpResponse = given
    return response
