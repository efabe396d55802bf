"""Bots: the list, one in detail, making one, and the verbs."""

from __future__ import annotations

from functools import cache, partial

from django.contrib.auth.decorators import permission_required
from django.http import HttpResponse
from django.urls import reverse
from django.views.decorators.http import (
    require_GET,
    require_http_methods,
    require_POST,
    require_safe,
)

from config import clock
from config.pages import Request, csv_file, done, go, page
from strategies import registry
from trading import access, queries, services
from trading.bot_pages import (
    DETAIL_PARTS,
    bot_context,
    bot_export,
    looser_context,
    review_context,
)
from trading.bot_wizard import BotWizard
from trading.errors import BotInvalid, LimitsNeedApproval
from trading.forms import KnobsForm, NameForm

DETAIL = "trading/bots/detail.html"


@require_safe
@permission_required(access.VIEW, raise_exception=True)
def bots(request: Request) -> HttpResponse:
    context = {"cards": cache(queries.bot_cards)}
    return page(request, "trading/bots/list.html", context, parts=("bots",))


@require_safe
@permission_required(access.VIEW, raise_exception=True)
def bot(request: Request, bot_id: int) -> HttpResponse:
    context = bot_context(bot_id, request.GET)
    return page(request, DETAIL, context, parts=DETAIL_PARTS)


@require_http_methods(["GET", "HEAD", "POST"])
@permission_required(access.OPERATE, raise_exception=True)
def bot_new(request: Request) -> HttpResponse:
    """The wizard; a POST goes a step on or back, and the last one makes the bot."""
    if request.method != "POST":
        wizard = BotWizard.begin(request.GET.get("strategy", ""))
        return _wizard(request, wizard)
    wizard = BotWizard(request.POST)
    wizard.move(request.POST.get("go", ""))
    wants = request.POST.get("create", "")
    if wants and wizard.is_complete:
        return _create(request, wizard, wants)
    return _wizard(request, wizard)


def _create(request: Request, wizard: BotWizard, wants: str) -> HttpResponse:
    by, now = request.user, clock.now()
    version = services.create_version(
        strategy_name=wizard.strategy_name, params=wizard.params, note="", by=by, now=now
    )
    try:
        made = services.create_bot(version=version, by=by, now=now, **wizard.answers)
    except BotInvalid as refusal:
        wizard.refuse(refusal)
        return _wizard(request, wizard)
    if wants == "start":
        services.start_bot(bot_id=made.pk, by=by, now=now)
    return go(request, f"{made.name} was made.", to=reverse("trading:bot", args=[made.pk]))


def _wizard(request: Request, wizard: BotWizard) -> HttpResponse:
    context = {
        "wizard": wizard,
        "strategies": registry.STRATEGIES.values(),
        "review": cache(partial(review_context, wizard)),
    }
    status = 422 if wizard.refused else 200
    return page(request, "trading/bots/new.html", context, parts=("wizard",), status=status)


@require_POST
@permission_required(access.OPERATE, raise_exception=True)
def bot_start(request: Request, bot_id: int) -> HttpResponse:
    job = services.start_bot(bot_id=bot_id, by=request.user, now=clock.now())
    return done(request, f"{job.bot} is running.", to=_url(bot_id))


@require_POST
@permission_required(access.OPERATE, raise_exception=True)
def bot_stop(request: Request, bot_id: int) -> HttpResponse:
    stopped = services.stop_bot(bot_id=bot_id, by=request.user, now=clock.now())
    return done(request, f"{stopped.name} was stopped.", to=_url(bot_id))


@require_POST
@permission_required(access.OPERATE, raise_exception=True)
def bot_cycle(request: Request, bot_id: int) -> HttpResponse:
    made = services.run_cycle(bot_id=bot_id, by=request.user, now=clock.now())
    return done(request, f"One cycle ran: {len(made)} newest decisions below.", to=_url(bot_id))


@require_POST
@permission_required(access.OPERATE, raise_exception=True)
def bot_drift(request: Request, bot_id: int) -> HttpResponse:
    services.start_drift(bot_id=bot_id, by=request.user, now=clock.now())
    return done(request, "Its drift is being measured.", to=f"{_url(bot_id)}?tab=drift")


@require_POST
@permission_required(access.OPERATE, raise_exception=True)
def bot_knobs(request: Request, bot_id: int) -> HttpResponse:
    form = KnobsForm(request.POST, prefix="knobs")
    if not form.is_valid():
        context = {**bot_context(bot_id, {"tab": "settings"}), "knobs_form": form}
        return page(request, DETAIL, context, parts=("bot-tab",), status=422)
    try:
        services.set_knobs(bot_id=bot_id, knobs=form.cleaned_data, by=request.user, now=clock.now())
    except LimitsNeedApproval:
        context = looser_context(bot_id, form)
        return page(request, DETAIL, context, parts=("bot-tab",), status=409)
    return done(request, "The knobs hold from the next candle on.", to=_url(bot_id))


@require_POST
@permission_required(access.OPERATE, raise_exception=True)
def bot_rename(request: Request, bot_id: int) -> HttpResponse:
    form = NameForm(request.POST)
    changes = {"name": form.cleaned_data["name"] if form.is_valid() else ""}
    renamed = services.update_bot(bot_id=bot_id, changes=changes, by=request.user, now=clock.now())
    return done(request, f"Its name is {renamed.name} now.", to=_url(bot_id))


@require_POST
@permission_required(access.OPERATE, raise_exception=True)
def bot_follow(request: Request, bot_id: int) -> HttpResponse:
    follows = request.POST.get("follow") == "on"
    changes = {"follows_active": follows}
    services.update_bot(bot_id=bot_id, changes=changes, by=request.user, now=clock.now())
    words = "It takes what is activated." if follows else "It keeps its version."
    return done(request, words, to=_url(bot_id))


@require_GET
@permission_required(access.VIEW, raise_exception=True)
def bot_csv(request: Request, bot_id: int, what: str) -> HttpResponse:
    """Decisions, fills or trades of one bot."""
    header, rows = bot_export(bot_id, what)
    return csv_file(f"bot-{bot_id}-{what}.csv", header, rows)


def _url(bot_id: int) -> str:
    return reverse("trading:bot", args=[bot_id])
