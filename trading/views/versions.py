"""Versions of a strategy: drafts are made, edited, proposed and deleted; two are compared."""

from __future__ import annotations

from django.contrib.auth.decorators import permission_required
from django.http import HttpResponse
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import (
    require_GET,
    require_http_methods,
    require_POST,
    require_safe,
)

from config import clock
from config.pages import Request, Undo, csv_file, done, go, page
from config.refusals import Refusal
from config.rendering import json_response, to_json
from strategies import access, queries
from strategies.errors import VersionStateWrong
from strategies.models import StrategyVersion
from trading import services
from trading.version_form import DraftForm, draft_form, fields_of
from trading.version_pages import comparison_of, versions_data, versions_table

FORM = "strategies/versions/draft.html"
State = StrategyVersion.State


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@permission_required(access.OPERATE, raise_exception=True)
def draft_new(request: Request, name: str) -> HttpResponse:
    """A draft that begins with the version `from`; with `propose` a candidate at once."""
    sent = request.method == "POST"
    form = draft_form(name, request.POST if sent else request.GET, sent=sent)
    if sent and form.is_valid:
        make = services.create_version if "propose" in request.POST else services.save_draft
        try:
            made = make(strategy_name=name, by=request.user, now=clock.now(), **form.asked)
        except Refusal as refusal:
            form.refuse(refusal)
        else:
            if made.state in (State.DRAFT, State.CANDIDATE):
                return go(request, f"v{made.number} is a {made.state.lower()}.", to=_url(made))
            form.twin = made
    return page(request, FORM, {"form": form}, status=form.status)


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@permission_required(access.OPERATE, raise_exception=True)
def draft_edit(request: Request, name: str, number: int) -> HttpResponse:
    draft = queries.version_numbered(name, number)
    if draft.state != State.DRAFT:
        raise VersionStateWrong(f"v{number} is {draft.state}: its parameters stay.")
    sent = request.method == "POST"
    form = DraftForm(name, start=draft, data=request.POST if sent else None, draft=draft)
    if sent and form.is_valid:
        try:
            services.change_draft(
                version_id=draft.pk,
                seen=form.seen,
                by=request.user,
                now=clock.now(),
                **form.asked,
            )
        except Refusal as refusal:
            form.refuse(refusal)
        else:
            return go(request, f"v{number} is saved.", to=_url(draft))
    return page(request, FORM, {"form": form}, status=form.status)


@require_POST
@permission_required(access.OPERATE, raise_exception=True)
def draft_delete(request: Request, name: str, number: int) -> HttpResponse:
    """From its own page, which is gone then; with `stay` from the list, where it can be undone."""
    gone = services.delete_draft(
        version_id=queries.version_numbered(name, number).pk, by=request.user, now=clock.now()
    )
    words, to = f"Draft v{number} is deleted.", reverse("strategies:strategy", args=[name])
    if "stay" not in request.POST:
        return go(request, words, to=to)
    undo = Undo(reverse("trading:draft-new", args=[name]), fields_of(gone))
    return done(request, words, to=to, undo=undo)


@require_POST
@permission_required(access.OPERATE, raise_exception=True)
def version_propose(request: Request, name: str, number: int) -> HttpResponse:
    version = services.propose_version(
        version_id=queries.version_numbered(name, number).pk, by=request.user, now=clock.now()
    )
    return go(request, f"v{number} is a candidate: its parameters stay.", to=_url(version))


@require_safe
@permission_required(access.VIEW, raise_exception=True)
def versions_compare(request: Request, name: str) -> HttpResponse:
    context = comparison_of(name, request.GET)
    return page(request, "strategies/versions/compare.html", context, parts=("versions-compared",))


@require_GET
@permission_required(access.VIEW, raise_exception=True)
def versions_export(request: Request, name: str, kind: str) -> HttpResponse:
    """All versions with their parameters."""
    queries.strategy_named(name)
    if kind == "csv":
        return csv_file(f"{name}-versions.csv", *versions_table(name))
    answer = json_response(to_json(versions_data(name)))
    answer["Content-Disposition"] = f'attachment; filename="{name}-versions.json"'
    return answer


def _url(version: StrategyVersion) -> str:
    return reverse("approvals:version", args=[version.strategy.name, version.number])
