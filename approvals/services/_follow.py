"""From what happened to who is told: a reader with a cursor for each source.

Whatever happened is recorded in its own transaction already; nothing that trades knows of
this or waits for it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import F

from approvals import queries, wording
from approvals.models import Channel, Delivery, FollowCursor, Notification, QuietHours
from approvals.services._sources import SOURCES, News, Source
from approvals.topics import Topic


@dataclass(frozen=True, slots=True)
class _Listeners:
    """Who may be told, read once for a batch."""

    channels: list[Channel]
    quiet: Mapping[int, QuietHours]
    now: datetime


def follow(*, now: datetime) -> int:
    """Turn the next news of each source into notifications and deliveries; how many news.

    Notifications, deliveries and the cursor are committed together: a crash repeats the batch.
    """
    return sum(_follow(source, now) for source in SOURCES)


def _follow(source: Source, now: datetime) -> int:
    cursors = FollowCursor.objects.filter(source=source.name)
    begun, newest = cursors.values_list("position", flat=True).first(), source.newest()
    if begun is None:
        # The first time: what happened before anybody could listen is no news.
        FollowCursor.objects.get_or_create(source=source.name, defaults={"position": newest})
        return 0
    if newest <= begun:
        return 0  # and no write lock was taken
    with transaction.atomic():
        cursor = cursors.select_for_update().get()
        news, position = source.read(cursor.position)
        if news:
            channels = queries.listening_channels()
            listeners = _Listeners(channels, queries.quiet_hours(), now)
            for item in news:
                _tell(item, listeners)
        cursors.update(position=position)
    return len(news)


def _tell(news: News, known: _Listeners) -> None:
    """One notification for those who take it, or one more repeat of a recent one."""
    takers = [channel for channel in known.channels if _takes(channel, news)]
    if not takers:
        return
    last = Notification.objects.filter(key=news.key).order_by("-at", "-pk").first()
    window = timedelta(seconds=settings.ENV.notify_repeat_s)
    if last is not None and abs(news.at - last.at) < window:
        same = Notification.objects.filter(pk=last.pk)
        same.update(repeats=F("repeats") + 1, last_at=news.at)
        return
    notification = _write(news, missed=last.repeats if last else 0)
    Delivery.objects.bulk_create(
        Delivery(
            notification=notification,
            channel=channel,
            due_at=_due_at(channel, news, known),
            created_at=known.now,
        )
        for channel in takers
    )


def _takes(channel: Channel, news: News) -> bool:
    analysis_only = settings.ENV.slack_analysis_only and channel.kind == Channel.Kind.SLACK
    if analysis_only and news.kind.topic is not Topic.FINDINGS:
        return False
    return channel.takes(news.kind.topic, news.kind.severity)


def _write(news: News, *, missed: int) -> Notification:
    return Notification.objects.create(
        source=news.source,
        source_ref=str(news.ref),
        topic=news.kind.topic,
        severity=news.kind.severity,
        title=news.title,
        body=wording.body_of(
            reason=news.reason,
            actor=news.actor,
            at=news.at,
            before=news.before,
            after=news.after,
            verbose=settings.ENV.alert_verbose,
            missed=missed,
            page=f"{settings.ENV.console_url}{news.page}" if news.page else "",
        ),
        key=news.key,
        at=news.at,
        last_at=news.at,
    )


def _due_at(channel: Channel, news: News, known: _Listeners) -> datetime:
    quiet = known.quiet.get(channel.user_id) if channel.user_id else None
    return (quiet.until(known.now, news.kind.severity) if quiet else None) or known.now
