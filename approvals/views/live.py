"""The two steps to real money that people take together: asking and approving."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.decorators import permission_required
from django.http import HttpResponse
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_POST

from approvals import services
from config import clock
from config.pages import Request, go, page
from trading import access
from trading.authentication import step_up_by, via_of
from trading.errors import GrantInvalid
from trading.live_forms import ApproveForm, GrantForm, refuse
from trading.live_pages import bot_live_context
from trading.services import get_bot, get_grant

GOING, GOING_PARTS = "trading/live/bot.html", ("live-state", "checklist", "live-ask")


@require_POST
@permission_required(access.OPERATE, raise_exception=True)
def grant_ask(request: Request, bot_id: int) -> HttpResponse:
    form = GrantForm(get_bot(bot_id), request.POST)
    if form.is_valid():
        given = dict(form.cleaned_data)
        account_id = given.pop("account").pk
        try:
            services.ask_live(
                bot_id=bot_id, account_id=account_id, by=request.user, now=clock.now(), **given
            )
        except GrantInvalid as refusal:
            refuse(form, refusal)
        else:
            return go(request, "Asked. Somebody else must approve it.", to=_url(bot_id))
    return _again(request, bot_id, ask_form=form)


@never_cache
@sensitive_post_parameters("password", "code")
@require_POST
@permission_required(access.APPROVE_LIVE, raise_exception=True)
def grant_approve(request: Request, grant_id: int) -> HttpResponse:
    bot_id = get_grant(grant_id).bot_id
    form = ApproveForm(request.POST)
    if not form.is_valid() or not step_up_by(request, form):
        return _again(request, bot_id, approve_form=form)
    given = {name: form.cleaned_data[name] for name in ("digest", "typed_name")}
    grant = services.approve_live(
        grant_id=grant_id, by=request.user, via=via_of(request), now=clock.now(), **given
    )
    if grant.approved_at is None:
        words = f"You agreed: a second person must too before {grant.bot.name} is live."
        return go(request, words, to=_url(bot_id))
    until = f"{grant.expires_at:%Y-%m-%d %H:%M} UTC"
    return go(request, f"{grant.bot.name} may trade live until {until}.", to=_url(bot_id))


def _again(request: Request, bot_id: int, **forms: Any) -> HttpResponse:
    context = {**bot_live_context(bot_id, request.user.pk, request.POST), **forms}
    return page(request, GOING, context, parts=GOING_PARTS, status=422)


def _url(bot_id: int) -> str:
    return reverse("trading:bot-live", args=[bot_id])
