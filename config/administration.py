"""Django's administration, where roles are given: only for who proved minutes ago who they are."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urlencode

from django.contrib.auth.decorators import login_not_required
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from config import clock
from trading.authentication import via_of
from trading.services import FOR_MONEY, confirmed_until, lacks_second_factor

PREFIX = "/admin/"
# They lead to our own pages, or out.
FREE = ("/admin/login/", "/admin/logout/", "/admin/password_change/", "/admin/jsi18n/")


class ConfirmedAdministrationMiddleware:
    """Staff give their password (and code) again before they give roles.

    A stolen session makes no administrator. Only sync, for the reason that DomainErrorMiddleware
    gives.
    """

    sync_capable = True
    async_capable = False

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if not request.path.startswith(PREFIX) or request.path.startswith(FREE):
            return self.get_response(request)
        user = request.user
        if not user.is_authenticated or not user.is_staff:
            return self.get_response(request)
        if lacks_second_factor(user, where=FOR_MONEY):
            return redirect("trading:security")
        if confirmed_until(user=user, via=via_of(request), now=clock.now()) is None:
            # What was posted is gone; the page that posted it is where they come back to.
            back = request.get_full_path() if request.method == "GET" else request.path
            return redirect(f"{reverse('trading:security-confirm')}?{urlencode({'next': back})}")
        return self.get_response(request)


@login_not_required
@require_http_methods(["GET", "HEAD", "POST"])
def sign_in(request: HttpRequest) -> HttpResponse:
    """In place of the administration's own sign-in, which knows neither lockout nor codes."""
    if request.user.is_authenticated:  # but is no staff: to sign in again wouldn't help
        raise PermissionDenied
    return redirect(f"{reverse('account_login')}?{request.GET.urlencode()}")
