"""Real money: asked for, approved by somebody else, ended; and orders by hand."""

from __future__ import annotations

import uuid
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
from trading.authentication import step_up_by, via_of
from trading.errors import BotInvalid
from trading.forms import ReasonForm
from trading.live_forms import LiveOrderForm, SendForm, refuse
from trading.live_pages import bot_live_context, live_context, live_order_context, wanted_of
from trading.models import Order
from trading.order_state import OrderStatus

GOING, GOING_PARTS = "trading/live/bot.html", ("live-state", "checklist", "live-ask")
ORDER = "trading/live/order.html"


@require_safe
@permission_required(access.VIEW, raise_exception=True)
def live(request: Request) -> HttpResponse:
    parts = ("live", "waiting-count")
    return page(request, "trading/live/list.html", live_context(), parts=parts)


@require_safe
@permission_required(access.VIEW, raise_exception=True)
def bot_live(request: Request, bot_id: int) -> HttpResponse:
    context = bot_live_context(bot_id, request.user.pk, request.GET)
    return page(request, GOING, context, parts=GOING_PARTS)


@require_POST
@permission_required(access.OPERATE, raise_exception=True)
def grant_revoke(request: Request, grant_id: int) -> HttpResponse:
    grant = services.revoke_grant(
        grant_id=grant_id, reason=_reason(request), by=request.user, now=clock.now()
    )
    return done(request, f"{grant.bot.name} buys nothing from now on.", to=_url(grant.bot_id))


@require_POST
@permission_required(access.OPERATE, raise_exception=True)
def bot_paper(request: Request, bot_id: int) -> HttpResponse:
    bot = services.bring_to_paper(
        bot_id=bot_id, by=request.user, now=clock.now(), reason=_reason(request)
    )
    return done(request, f"{bot.name} trades on paper again.", to=_url(bot_id))


@require_http_methods(["GET", "HEAD", "POST"])
@permission_required(access.ADMINISTER, raise_exception=True)
def live_order(request: Request, bot_id: int) -> HttpResponse:
    """An order by hand; a POST shows what would be sent, and sends nothing."""
    if request.method != "POST":
        return page(request, ORDER, live_order_context(bot_id))
    bot = services.get_bot(bot_id)
    form = LiveOrderForm(bot, request.POST)
    more: dict[str, Any] = {}
    if form.is_valid():
        key, wanted = uuid.uuid4().hex, wanted_of(bot_id, form)
        try:
            more["preview"] = services.preview_live_order(
                wanted=wanted, now=clock.now(), idempotency_key=_key(request, key)
            )
            more["send_form"] = SendForm.of(bot, form.cleaned_data, key)
        except BotInvalid as refusal:
            refuse(form, refusal)
    context = live_order_context(bot_id, form, **more)
    return page(request, ORDER, context, parts=("live-order",), status=200 if more else 422)


@never_cache
@sensitive_post_parameters("password", "code")
@require_POST
@permission_required(access.ADMINISTER, raise_exception=True)
def live_order_send(request: Request, bot_id: int) -> HttpResponse:
    """Send what was previewed, once however often it is pressed."""
    form = SendForm(services.get_bot(bot_id), request.POST)
    if not form.is_valid() or not step_up_by(request, form):
        context = live_order_context(bot_id, send_form=form)
        return page(request, ORDER, context, parts=("live-send",), status=422)
    order = services.place_live_order(
        wanted=wanted_of(bot_id, form),
        by=request.user,
        via=via_of(request),
        now=clock.now(),
        idempotency_key=_key(request, form.cleaned_data["key"]),
    )
    return go(request, _said(order), to=f"{reverse('trading:orders')}?bot={bot_id}")


def _said(order: Order) -> str:
    """What is known of an order that was just sent, and no more."""
    if order.status == OrderStatus.UNKNOWN:
        return "Sent, but the answer was lost: it is being looked up. Don't send it again."
    if order.status == OrderStatus.REJECTED:
        return f"The exchange refused it: {order.reject_code}."
    return f"The order is {order.status.replace('_', ' ').lower()}."


def _key(request: Request, key: str) -> str:
    return f"{request.user.pk}:{key}"


def _again(request: Request, bot_id: int, **forms: Any) -> HttpResponse:
    context = {**bot_live_context(bot_id, request.user.pk, request.POST), **forms}
    return page(request, GOING, context, parts=GOING_PARTS, status=422)


def _reason(request: Request) -> str:
    form = ReasonForm(request.POST)
    return str(form.cleaned_data["reason"]) if form.is_valid() else ""


def _url(bot_id: int) -> str:
    return reverse("trading:bot-live", args=[bot_id])
