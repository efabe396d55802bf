"""Pages of notifications: one's channels, quiet hours, and what became of each message."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django import forms
from django.conf import settings
from django.contrib.auth.decorators import permission_required
from django.contrib.staticfiles import finders
from django.http import Http404, HttpResponse
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from approvals import queries, services
from approvals.errors import ChannelInvalid, ChannelUnknown, QuietHoursInvalid
from approvals.forms.notifications import (
    ADDRESS_FORMS,
    DeliveryFilter,
    PushForm,
    QuietForm,
    RuleForm,
    refuse,
)
from approvals.models import Channel, QuietHours
from approvals.outgoing.browsers import public_key
from config import clock
from config.pages import Request, done, go, page, pages_of
from trading import access

LIST, DETAIL, NEW = (f"approvals/channels/{name}.html" for name in ("list", "detail", "new"))
DETAIL_PARTS = ("channel-state", "channel-rule", "channel-address")


@never_cache
@require_safe
@permission_required(access.VIEW, raise_exception=True)
def channels(request: Request) -> HttpResponse:
    return page(request, LIST, _list_context(request), parts=("channels", "quiet-hours"))


@never_cache
@sensitive_post_parameters()
@require_http_methods(["GET", "HEAD", "POST"])
@permission_required(access.VIEW, raise_exception=True)
def channel_new(request: Request, kind: str) -> HttpResponse:
    if kind not in ADDRESS_FORMS:
        raise Http404
    data = request.POST if request.method == "POST" else None
    address, rule = ADDRESS_FORMS[kind](data), RuleForm(data)
    if address.is_valid() and rule.is_valid():
        try:
            made = services.add_channel(
                kind=kind,
                given=address.cleaned_data,
                by=request.user,
                now=clock.now(),
                **rule.cleaned_data,
            )
        except ChannelInvalid as refusal:
            _refuse(refusal, address, rule)
        else:
            return go(request, f"{made.name} was added: test it now.", to=_url(made.pk))
    title = dict(Channel.Kind.choices)[kind]
    context = {"kind": kind, "title": title, "address_form": address, "rule_form": rule}
    status = 422 if rule.is_bound else 200
    return page(request, NEW, context, parts=("channel-form",), status=status)


@never_cache
@require_safe
@permission_required(access.VIEW, raise_exception=True)
def channel(request: Request, channel_id: int) -> HttpResponse:
    return page(request, DETAIL, _context(request, channel_id), parts=DETAIL_PARTS)


@require_POST
@permission_required(access.VIEW, raise_exception=True)
def channel_change(request: Request, channel_id: int) -> HttpResponse:
    form = RuleForm(request.POST)
    if form.is_valid():
        try:
            _change(request, channel_id, form.cleaned_data)
        except ChannelInvalid as refusal:
            refuse(form, refusal)
        else:
            return done(request, "From now on it takes that.", to=_url(channel_id))
    return _again(request, channel_id, rule_form=form)


@never_cache
@sensitive_post_parameters()
@require_POST
@permission_required(access.VIEW, raise_exception=True)
def channel_address(request: Request, channel_id: int) -> HttpResponse:
    form = _address_form(_get(request, channel_id), request.POST)
    if form is not None and form.is_valid():
        try:
            _change(request, channel_id, {}, given=form.cleaned_data)
        except ChannelInvalid as refusal:
            refuse(form, refusal)
        else:
            return go(request, "The address was replaced: test it now.", to=_url(channel_id))
    return _again(request, channel_id, address_form=form)


@require_POST
@permission_required(access.VIEW, raise_exception=True)
def channel_switch(request: Request, channel_id: int) -> HttpResponse:
    enabled = request.POST.get("enabled") == "on"
    changed = _change(request, channel_id, {"enabled": enabled})
    return done(request, f"{changed.name} is {'on' if enabled else 'off'}.", to=_url(channel_id))


@require_POST
@permission_required(access.VIEW, raise_exception=True)
def channel_test(request: Request, channel_id: int) -> HttpResponse:
    services.test_channel(channel_id=channel_id, by=request.user, now=clock.now())
    words = "A test is on its way: the ledger says in a moment how it went."
    return done(request, words, to=reverse("approvals:deliveries"))


@require_POST
@permission_required(access.VIEW, raise_exception=True)
def channel_remove(request: Request, channel_id: int) -> HttpResponse:
    gone = services.remove_channel(channel_id=channel_id, by=request.user, now=clock.now())
    return go(request, f"{gone.name} is forgotten here.", to=reverse("approvals:channels"))


@require_POST
@permission_required(access.VIEW, raise_exception=True)
def push_add(request: Request) -> HttpResponse:
    """What the page's script sends after the browser said yes."""
    form = PushForm(request.POST)
    if not form.is_valid():
        raise ChannelInvalid("This browser gave no subscription.", fields=dict(form.errors))
    given = dict(form.cleaned_data)
    name = given.pop("name")
    made = services.add_channel(
        kind=Channel.Kind.PUSH, name=name, given=given, by=request.user, now=clock.now()
    )
    return go(request, f"{made.name} was added: test it now.", to=_url(made.pk))


@require_POST
@permission_required(access.VIEW, raise_exception=True)
def quiet_hours(request: Request) -> HttpResponse:
    to = reverse("approvals:channels")
    if "off" in request.POST:
        services.clear_quiet_hours(by=request.user, now=clock.now())
        return done(request, "There are no quiet hours any more.", to=to)
    form = QuietForm(request.POST)
    if form.is_valid():
        try:
            services.set_quiet_hours(by=request.user, now=clock.now(), **form.cleaned_data)
        except QuietHoursInvalid as refusal:
            refuse(form, refusal)
        else:
            return done(request, "What comes in these hours waits until they end.", to=to)
    context = {**_list_context(request), "quiet_form": form}
    return page(request, LIST, context, parts=("quiet-hours",), status=422)


@require_safe
@permission_required(access.VIEW, raise_exception=True)
def deliveries(request: Request) -> HttpResponse:
    own = Channel.objects.filter(pk__in=queries.deliveries_of(request.user).values("channel"))
    filter = DeliveryFilter(own, request.GET)
    rows = filter.narrow(queries.deliveries_of(request.user))
    context = {"filter": filter, "page": pages_of(request, rows)}
    return page(request, "approvals/deliveries/list.html", context, parts=("deliveries",))


@require_POST
@permission_required(access.VIEW, raise_exception=True)
def delivery_retry(request: Request, delivery_id: int) -> HttpResponse:
    services.retry_delivery(delivery_id=delivery_id, by=request.user, now=clock.now())
    return done(request, "It is on its way again.", to=reverse("approvals:deliveries"))


@require_safe
@permission_required(access.VIEW, raise_exception=True)
def push_worker(request: Request) -> HttpResponse:
    """The script that shows pushes. At the root, because it serves what lies below its address."""
    path = finders.find("js/push-worker.js")
    if not isinstance(path, str):
        raise Http404
    return HttpResponse(Path(path).read_bytes(), content_type="text/javascript")


def _get(request: Request, channel_id: int) -> Channel:
    found = queries.channels_of(request.user).filter(pk=channel_id).first()
    if found is None:
        raise ChannelUnknown(f"There is no channel {channel_id} of yours.")
    return found


def _change(
    request: Request, channel_id: int, changes: dict[str, Any], given: dict[str, Any] | None = None
) -> Channel:
    return services.change_channel(
        channel_id=channel_id, changes=changes, given=given, by=request.user, now=clock.now()
    )


def _list_context(request: Request) -> dict[str, Any]:
    hours = QuietHours.objects.filter(user=request.user).first()
    return {
        "channels": queries.channels_of(request.user),
        "kinds": [choice for choice in Channel.Kind.choices if choice[0] in ADDRESS_FORMS],
        "hours": hours,
        "quiet_form": QuietForm.of(hours),
        "push_key": public_key,
        "heartbeat_on": bool(settings.ENV.heartbeat_url),
        "switch": queries.switch,
    }


def _context(request: Request, channel_id: int) -> dict[str, Any]:
    found = _get(request, channel_id)
    latest = queries.deliveries_of(request.user).filter(channel=found)[:8]
    return {
        "channel": found,
        "deliveries": latest,
        "rule_form": RuleForm.of(found),
        "address_form": _address_form(found),
    }


def _address_form(channel: Channel, data: Any = None) -> forms.Form | None:
    form = ADDRESS_FORMS.get(channel.kind)
    return form(data) if form else None


def _again(request: Request, channel_id: int, **changed: Any) -> HttpResponse:
    context = {**_context(request, channel_id), **changed}
    return page(request, DETAIL, context, parts=DETAIL_PARTS, status=422)


def _refuse(refusal: ChannelInvalid, address: forms.Form, rule: forms.Form) -> None:
    """Each field's words at the form that has it."""
    for form in (address, rule):
        mine = {name: words for name, words in refusal.fields.items() if name in form.fields}
        if mine:
            refuse(form, ChannelInvalid(refusal.detail, fields=mine))
    if address.is_valid() and rule.is_valid():
        rule.add_error(None, refusal.detail)


def _url(channel_id: int) -> str:
    return reverse("approvals:channel", args=[channel_id])
