"""API tokens: one's own, and everybody's for an administrator."""

from __future__ import annotations

from django.contrib.auth.decorators import permission_required
from django.db.models import QuerySet
from django.http import HttpResponse
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from config import clock
from config.pages import Request, done, page
from trading import access, services
from trading.forms import TokenForm
from trading.models import ApiToken


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@permission_required(access.VIEW, raise_exception=True)
def tokens(request: Request) -> HttpResponse:
    """The list; a POST makes one and shows its secret this one time."""
    form = TokenForm(request.POST if request.method == "POST" else None)
    secret = ""
    if form.is_bound and form.is_valid():
        _, secret = services.create_token(user=request.user, now=clock.now(), **form.cleaned_data)
        form = TokenForm()
    context = {"tokens": _visible(request), "form": form, "secret": secret, "now": clock.now()}
    status = 422 if form.is_bound else 200
    return page(request, "trading/tokens/list.html", context, parts=("tokens",), status=status)


@require_POST
@permission_required(access.VIEW, raise_exception=True)
def token_revoke(request: Request, token_id: int) -> HttpResponse:
    token = services.revoke_token(token_id=token_id, by=request.user, now=clock.now())
    return done(request, f"{token.name} is useless from now on.", to=reverse("trading:tokens"))


def _visible(request: Request) -> QuerySet[ApiToken]:
    everybody = request.user.has_perm(access.ADMINISTER)
    rows = ApiToken.objects.all() if everybody else request.user.api_tokens.all()
    return rows.select_related("user")
