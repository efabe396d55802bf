"""AUTH_SECOND_FACTOR=required: who is signed in without one sets one up first."""

from __future__ import annotations

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse

from config.errors import answer, is_api
from trading.authentication import is_by_token
from trading.errors import SecondFactorNeeded
from trading.services import FOR_ALL, has_second_factor

# What such a person still needs: to come in and go, to set one up, and what anybody may ask.
OPEN = ("/accounts/", "/security/", "/health", "/db-health", "/metrics")


class SecondFactorMiddleware:
    """Pages lead to the one that sets it up; programs with a session and streams get a 403.

    Tokens are left alone: each was made by somebody who was let in. Only sync, for the reason
    that DomainErrorMiddleware gives.
    """

    sync_capable = True
    async_capable = False

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if _is_free(request) or not _lacks(request):
            return self.get_response(request)
        to = reverse("trading:security")
        if getattr(request, "htmx", False):
            response = HttpResponse(status=204)
            response["HX-Redirect"] = to
            return response
        if request.method in {"GET", "HEAD"} and not is_api(request) and request.path != "/sse":
            return redirect(to)
        return answer(
            request,
            status=SecondFactorNeeded.status,
            code=SecondFactorNeeded.code,
            detail=f"Set up a second factor first: {to}",
        )


def _is_free(request: HttpRequest) -> bool:
    return request.path.startswith(OPEN) or (is_api(request) and is_by_token(request))


def _lacks(request: HttpRequest) -> bool:
    # The setting first: else every request would read its session.
    if settings.ENV.auth_second_factor not in FOR_ALL or not request.user.is_authenticated:
        return False
    return not has_second_factor(request.user)
