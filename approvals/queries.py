"""Reads of this room that more than one place needs."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.contrib.auth.models import User
from django.db.models import Q, QuerySet

from approvals.approval_state import OPEN
from approvals.errors import ApprovalUnknown
from approvals.models import (
    Approval,
    ApprovalKind,
    ApprovalPolicy,
    Channel,
    DeadMansSwitch,
    Delivery,
    OnExpiry,
    Outlook,
    QuietHours,
    Waiver,
)
from marketdata.models import Symbol
from trading import access
from trading.models import Bot, ExchangeAccount, Heartbeat, Order

SILENT_AFTER_S = 15
WATCHED = ("beat", "feed")
NAMED = {"circuit", "feed", "process", "stream"}  # subjects that carry a name, not a number


# Silence is not consent: a proposal that nobody decides on stops everything.
POLICIES: dict[str, dict[str, Any]] = {
    ApprovalKind.ACTIVATION: {"deadline_s": 7_200, "approvers": 1, "on_expiry": OnExpiry.STOP},
    ApprovalKind.GO_LIVE: {
        "deadline_s": 86_400,
        "approvers": 1,
        "step_up": True,
        "on_expiry": OnExpiry.NOTHING,
    },
    # The old limits hold.
    ApprovalKind.LIMITS: {
        "deadline_s": 86_400,
        "approvers": 1,
        "step_up": True,
        "on_expiry": OnExpiry.NOTHING,
    },
    # As it always was: one administrator with a reason.
    ApprovalKind.RESUME: {
        "deadline_s": 86_400,
        "approvers": 0,
        "step_up": True,
        "on_expiry": OnExpiry.NOTHING,
    },
}


def policy_of(kind: str) -> ApprovalPolicy:
    """The stored policy of a kind, or its default, not stored."""
    found = ApprovalPolicy.objects.filter(kind=kind).first()
    return found or ApprovalPolicy(kind=kind, **POLICIES[kind])


def policies() -> list[ApprovalPolicy]:
    """One for each kind."""
    return [policy_of(kind) for kind in ApprovalKind.values]


def approvals() -> QuerySet[Approval]:
    """The newest first, with what lists show."""
    return Approval.objects.select_related(
        "version__strategy",
        "simulation__baseline",
        "simulation__version__strategy",
        "requested_by",
        "ended_by",
        "grant__bot",
        "grant__account",
        "suggestion",
    ).order_by("-id")


def approval(approval_id: int, *, lock: bool = False) -> Approval:
    """One, or ApprovalUnknown; with `lock` its row is held until the transaction ends."""
    rows = approvals()
    if lock:
        rows = rows.select_for_update(of=("self",), no_key=True)
    found = rows.filter(pk=approval_id).first()
    if found is None:
        raise ApprovalUnknown(f"There is no approval {approval_id}.")
    return found


def outlook_of(version_id: int | None) -> Outlook | None:
    """What a worker last saw of the bots that would take this version; None before it looked."""
    return Outlook.objects.filter(version=version_id).select_related("base").first()


def open_approvals() -> QuerySet[Approval]:
    """What waits for people, or for being used; the next deadline first."""
    return approvals().filter(state__in=sorted(OPEN)).order_by("due_at", "pk")


def open_approval_of(version_id: int) -> Approval | None:
    """The open request to activate a version."""
    return open_approvals().filter(version=version_id, kind=ApprovalKind.ACTIVATION).first()


def open_limits_of(about: str) -> Approval | None:
    """The open request for looser limits of "bot:7" or "account:3"."""
    return open_approvals().filter(about=about, kind=ApprovalKind.LIMITS).first()


def standing_waiver(now: datetime) -> Waiver | None:
    """The waiver that lets people decide on their own requests now."""
    rows = Waiver.objects.select_related("granted_by").filter(
        revoked_at=None, granted_at__lte=now, expires_at__gt=now
    )
    return rows.order_by("-expires_at").first()


def channels_of(user: User) -> QuerySet[Channel]:
    """One's own, and for an administrator those of the house."""
    mine = Q(user=user)
    if user.has_perm(access.ADMINISTER):
        mine |= Q(user=None)
    return Channel.objects.filter(mine, removed_at=None).order_by("-user", "name", "pk")


def deliveries_of(user: User) -> QuerySet[Delivery]:
    """The ledger as this person may see it; of channels that are gone as well."""
    mine = Q(channel__user=user)
    if user.has_perm(access.ADMINISTER):
        mine |= Q(channel__user=None)
    rows = Delivery.objects.filter(mine).select_related("notification", "channel")
    return rows.prefetch_related("attempts").order_by("-pk")


def listening_channels() -> list[Channel]:
    """Channels that are on, of people who may still look at the console."""
    rows = Channel.objects.filter(enabled=True, removed_at=None).select_related("user")
    return [row for row in rows if row.user is None or _may_hear(row.user)]


def quiet_hours() -> dict[int, QuietHours]:
    """By user."""
    return {row.user_id: row for row in QuietHours.objects.all()}


def due_deliveries(now: datetime, *, limit: int) -> list[int]:
    """At most one for each channel: the oldest that may be tried now, or was left by a crash."""
    first: dict[int, int] = {}
    for pk, channel_id in _due(now).values_list("pk", "channel_id")[: limit * 50]:
        first.setdefault(channel_id, pk)
    return list(first.values())[:limit]


def next_of_channel(delivery_id: int, now: datetime) -> int | None:
    """What the channel of a delivery should try next; None if nothing is due there."""
    channel = Delivery.objects.filter(pk=delivery_id).values("channel")
    return _due(now).filter(channel__in=channel).values_list("pk", flat=True).first()


def _due(now: datetime) -> QuerySet[Delivery]:
    waiting = Q(status=Delivery.Status.QUEUED, due_at__lte=now)
    left = Q(status=Delivery.Status.SENDING, claimed_until__lte=now)
    open_now = Q(channel__closed_until=None) | Q(channel__closed_until__lte=now)
    rows = Delivery.objects.filter(waiting | left, channel__enabled=True).filter(open_now)
    return rows.order_by("due_at", "pk")


def silent_processes(now: datetime) -> list[str]:
    """Those of `WATCHED` that show no life."""
    beats = dict(Heartbeat.objects.values_list("process", "at"))
    return [
        name
        for name in WATCHED
        if name not in beats or abs((now - beats[name]).total_seconds()) > SILENT_AFTER_S
    ]


def switch() -> DeadMansSwitch | None:
    """The last heartbeat to the outside; None before the first."""
    return DeadMansSwitch.objects.filter(pk=1).first()


def subject_names(subjects: Iterable[str]) -> dict[str, str]:
    """Audit subjects in people's words: "bot:7" -> its name; unknown ones are left out."""
    parts = [(subject, *subject.partition(":")[::2]) for subject in subjects]
    names = {subject: name for subject, kind, name in parts if kind in NAMED}
    ids: dict[str, set[int]] = {}
    for _, kind, number in parts:
        if number.isdigit():
            ids.setdefault(kind, set()).add(int(number))
    for bot in Bot.objects.filter(pk__in=ids.get("bot", ())):
        names[f"bot:{bot.pk}"] = bot.name
    for symbol in Symbol.objects.filter(pk__in=ids.get("symbol", ())):
        names[f"symbol:{symbol.pk}"] = str(symbol)
    for account in ExchangeAccount.objects.filter(pk__in=ids.get("account", ())):
        names[f"account:{account.pk}"] = account.name
    for channel in Channel.objects.filter(pk__in=ids.get("channel", ())):
        names[f"channel:{channel.pk}"] = channel.name
    orders = Order.objects.filter(pk__in=ids.get("order", ())).select_related("bot", "symbol")
    for order in orders:
        said = f"{order.side.lower()} {order.qty.normalize():f} {order.symbol.name}"
        names[f"order:{order.pk}"] = f"{said}, {order.bot.name}"
    return names


def _may_hear(user: User) -> bool:
    return user.is_active and user.has_perm(access.VIEW)
