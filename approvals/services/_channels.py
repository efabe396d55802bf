"""Channels: added, changed, tried, removed. Their addresses are sealed at once."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Q
from django.views.decorators.debug import sensitive_variables

from approvals import addresses
from approvals.addresses import Address
from approvals.errors import (
    ChannelFixed,
    ChannelInvalid,
    ChannelTestedJustNow,
    ChannelUnknown,
)
from approvals.models import Channel, Delivery, Notification
from approvals.queries import channels_of
from approvals.topics import Severity, Topic
from trading.services import keyring, record

MOST_CHANNELS = 20
TEST_EVERY = timedelta(seconds=10)
HOUSE = {"house Slack": Channel.Kind.SLACK, "house Telegram": Channel.Kind.TELEGRAM}


@sensitive_variables("given", "address")
def add_channel(
    *,
    kind: str,
    name: str,
    given: Mapping[str, Any],
    min_severity: int = Severity.WARNING,
    topics: Sequence[str] = (),
    by: User,
    now: datetime,
) -> Channel:
    """A channel of one's own. Refuses what is no address of its kind."""
    if kind not in Channel.Kind.values:
        raise ChannelInvalid("There is no such kind of channel.")
    address, wrong = addresses.checked(kind, given)
    wrong |= _name_wrong(by, name) | _rule_wrong(min_severity, topics)
    if wrong:
        raise ChannelInvalid("This channel can't be added.", fields=wrong)
    with transaction.atomic():
        channel = Channel.objects.create(
            user=by,
            kind=kind,
            name=name.strip(),
            shown=addresses.shown(kind, address)[:200],
            min_severity=min_severity,
            topics=list(topics),
            created_at=now,
        )
        _seal(channel, address)
        _record("channel.added", channel, by, now, after=_told(channel))
    return channel


@sensitive_variables("given", "address")
def change_channel(
    *,
    channel_id: int,
    changes: Mapping[str, Any],
    given: Mapping[str, Any] | None = None,
    by: User,
    now: datetime,
) -> Channel:
    """Change `name`, `enabled`, `min_severity`, `topics`; and where it leads if `given`."""
    with transaction.atomic():
        channel = _own(channel_id, by)
        before = _told(channel)
        for field in ("name", "enabled", "min_severity", "topics"):
            setattr(channel, field, changes.get(field, getattr(channel, field)))
        wrong = _name_wrong(by, channel.name, but=channel.pk)
        wrong |= _rule_wrong(channel.min_severity, channel.topics)
        if given is not None:
            address, bad = addresses.checked(channel.kind, given)
            wrong |= bad
        if wrong:
            raise ChannelInvalid("This channel can't be changed so.", fields=wrong)
        if given is not None:
            channel.shown = addresses.shown(channel.kind, address)[:200]
            _seal(channel, address)
        # Whoever touched it wants to see whether it works now.
        channel.failing_since, channel.closed_until, channel.problem = None, None, ""
        channel.save()
        _record("channel.changed", channel, by, now, before=before, after=_told(channel))
    return channel


def remove_channel(*, channel_id: int, by: User, now: datetime) -> Channel:
    """Forget the address; the ledger keeps what was sent."""
    with transaction.atomic():
        channel = _own(channel_id, by)
        channel.removed_at, channel.enabled, channel.sealed_address = now, False, ""
        channel.save(update_fields=["removed_at", "enabled", "sealed_address"])
        channel.deliveries.filter(status=Delivery.Status.QUEUED).delete()
        _record("channel.removed", channel, by, now, before=_told(channel))
    return channel


def test_channel(*, channel_id: int, by: User, now: datetime) -> Delivery:
    """Put a test into the outbox, past rule and quiet hours. Refused within ten seconds."""
    with transaction.atomic():
        channel = _visible(channel_id, by)
        if not channel.enabled:
            raise ChannelInvalid("It is off: switch it on first.")
        lately = Q(tested_at=None) | Q(tested_at__lte=now - TEST_EVERY)
        rows = Channel.objects.filter(lately, pk=channel.pk)
        if not rows.update(tested_at=now, closed_until=None):
            raise ChannelTestedJustNow("It was tested a moment ago: look at the ledger.")
        ref = uuid.uuid4().hex
        notification = Notification.objects.create(
            source="test",
            source_ref=ref,
            topic=Topic.SYSTEM,
            severity=Severity.INFO,
            title="A test from Countersign",
            body=f"{by.get_username()} wants to know whether {channel.name} works. It does.",
            key=f"test:{ref}",
            at=now,
            last_at=now,
        )
        delivery = Delivery.objects.create(
            notification=notification, channel=channel, due_at=now, created_at=now
        )
        _record("channel.tested", channel, by, now)
    return delivery


def sync_house_channels(*, now: datetime) -> list[Channel]:
    """Channels of the house as the environment gives them; what it no longer gives is removed."""
    wanted = _house_addresses()
    with transaction.atomic():
        gone = Channel.objects.filter(user=None, removed_at=None).exclude(name__in=wanted)
        gone.update(removed_at=now, enabled=False, sealed_address="")
        return [_house_channel(name, given, now) for name, given in wanted.items()]


def reseal_channels(*, by: User | None, now: datetime) -> int:
    """Seal again what lies under an older key; how many were."""
    ring, changed = keyring(), 0
    for pk in Channel.objects.filter(removed_at=None).values_list("pk", flat=True):
        with transaction.atomic():
            # Locked: an address that is replaced meanwhile must not come back.
            rows = Channel.objects.select_for_update().filter(pk=pk, removed_at=None)
            channel = rows.first()
            if channel is None or ring.is_current(channel.sealed_address):
                continue
            _seal(channel, address_of(channel))
            _record("channel.resealed", channel, by, now)
        changed += 1
    return changed


def address_of(channel: Channel) -> Address:
    """The opened address. Raises SealBroken."""
    found: Address = json.loads(keyring().open(channel.sealed_address, place=_place(channel)))
    return found


def _house_addresses() -> dict[str, Mapping[str, Any]]:
    env = settings.ENV
    wanted: dict[str, Mapping[str, Any]] = {}
    if env.alert_webhook_url:
        wanted["house Slack"] = {"url": env.alert_webhook_url}
    if env.telegram_bot_token and env.telegram_chat_id:
        token, chat = env.telegram_bot_token, env.telegram_chat_id
        wanted["house Telegram"] = {"token": token, "chat": chat}
    return wanted


def _house_channel(name: str, given: Mapping[str, Any], now: datetime) -> Channel:
    """Slack takes other addresses too: a setting of that age may name any webhook."""
    kind = str(HOUSE[name])
    address, wrong = addresses.checked(kind, given)
    if wrong and kind == addresses.SLACK:
        kind = addresses.WEBHOOK
        address, wrong = addresses.checked(kind, given)
    if wrong:
        raise ChannelInvalid(f"The environment's {name} has no valid address.", fields=wrong)
    severity = Severity.INFO if settings.ENV.alert_verbose else Severity.WARNING
    channel, _ = Channel.objects.update_or_create(
        user=None,
        name=name,
        removed_at=None,
        defaults={
            "kind": kind,
            "shown": addresses.shown(kind, address)[:200],
            "min_severity": severity,
        },
        create_defaults={
            "kind": kind,
            "shown": addresses.shown(kind, address)[:200],
            "min_severity": severity,
            "created_at": now,
        },
    )
    _seal(channel, address)
    return channel


def _visible(channel_id: int, by: User) -> Channel:
    found = channels_of(by).filter(pk=channel_id).first()
    if found is None:
        raise ChannelUnknown(f"There is no channel {channel_id} of yours.")
    return found


def _own(channel_id: int, by: User) -> Channel:
    channel = _visible(channel_id, by)
    if channel.user_id is None:
        raise ChannelFixed("It comes from the environment: change it there.")
    return Channel.objects.select_for_update().get(pk=channel.pk)


def _name_wrong(by: User, name: str, but: int | None = None) -> dict[str, object]:
    others = Channel.objects.filter(user=by, removed_at=None).exclude(pk=but or 0)
    if not name.strip() or len(name.strip()) > 40:
        return {"name": ["1 to 40 characters."]}
    if others.filter(name=name.strip()).exists():
        return {"name": ["You have a channel of this name."]}
    if but is None and others.count() >= MOST_CHANNELS:
        return {"name": [f"{MOST_CHANNELS} channels are enough: remove one."]}
    return {}


def _rule_wrong(min_severity: int, topics: Sequence[str]) -> dict[str, object]:
    wrong: dict[str, object] = {}
    if min_severity not in set(Severity):
        wrong["min_severity"] = ["Choose how urgent it must be."]
    if not set(topics) <= set(Topic):
        wrong["topics"] = ["Choose from the list."]
    return wrong


def _told(channel: Channel) -> dict[str, Any]:
    """For the audit log: nothing that lets anybody post."""
    return {
        "kind": channel.kind,
        "name": channel.name,
        "shown": channel.shown,
        "enabled": channel.enabled,
        "min_severity": channel.min_severity,
        "topics": channel.topics,
    }


def _record(
    action: str,
    channel: Channel,
    by: User | None,
    now: datetime,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
) -> None:
    subject = f"channel:{channel.pk}"
    record(action=action, subject=subject, by=by, now=now, before=before, after=after)


def _seal(channel: Channel, address: Address) -> None:
    text = json.dumps(address, sort_keys=True)
    channel.sealed_address = keyring().seal(text, place=_place(channel))
    channel.save(update_fields=["sealed_address"])


def _place(channel: Channel) -> str:
    return f"notification_channel:{channel.pk}:address"
