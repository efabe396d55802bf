"""Asking others for looser limits, where the form of the limits stands."""

from __future__ import annotations

from django.contrib.auth.decorators import permission_required
from django.http import HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_POST

from approvals import access, services
from approvals.errors import ApprovalInvalid
from approvals.models import Approval
from config import clock
from config.pages import Request, go, page
from trading.bot_pages import bot_context, looser_context
from trading.forms import KnobsForm
from trading.live_forms import AskOthersForm, LimitsForm, refuse
from trading.live_pages import account_context, looser_account_context

BOT, ACCOUNT = "trading/bots/detail.html", "trading/accounts/detail.html"


@require_POST
@permission_required(access.OPERATE_BOTS, raise_exception=True)
def bot_limits_ask(request: Request, bot_id: int) -> HttpResponse:
    """The settings' form as it was refused, with a reason."""
    form = KnobsForm(request.POST, prefix="knobs")
    ask_form = AskOthersForm(request.POST, auto_id="ask_%s")
    if not form.is_valid():
        context = {**bot_context(bot_id, {"tab": "settings"}), "knobs_form": form}
        return page(request, BOT, context, parts=("bot-tab",), status=422)
    if ask_form.is_valid():
        try:
            row = services.request_limits(
                bot_id=bot_id,
                changes=form.cleaned_data,
                by=request.user,
                now=clock.now(),
                **ask_form.cleaned_data,
            )
        except ApprovalInvalid as refusal:
            refuse(ask_form, refusal)
        else:
            return _asked(request, row)
    context = looser_context(bot_id, form, ask_form)
    return page(request, BOT, context, parts=("bot-tab",), status=422)


@require_POST
@permission_required(access.ADMINISTER, raise_exception=True)
def account_limits_ask(request: Request, account_id: int) -> HttpResponse:
    """The account's form as it was refused, with a reason."""
    form, ask_form = LimitsForm(request.POST), AskOthersForm(request.POST, auto_id="ask_%s")
    if not form.is_valid():
        context = {**account_context(account_id), "limits_form": form}
        return page(request, ACCOUNT, context, parts=("account-limits",), status=422)
    if ask_form.is_valid():
        try:
            row = services.request_limits(
                account_id=account_id,
                changes=form.cleaned_data,
                by=request.user,
                now=clock.now(),
                **ask_form.cleaned_data,
            )
        except ApprovalInvalid as refusal:
            refuse(ask_form, refusal)
        else:
            return _asked(request, row)
    context = looser_account_context(account_id, form, ask_form)
    return page(request, ACCOUNT, context, parts=("account-limits",), status=422)


def _asked(request: Request, row: Approval) -> HttpResponse:
    words = "Asked. Until others agree the limits stay as they are."
    return go(request, words, to=reverse("approvals:approval", args=[row.pk]))
