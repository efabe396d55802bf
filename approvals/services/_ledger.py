"""The ledger: sent again by a person, thinned by age."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Q

from approvals.errors import DeliveryUnderWay, DeliveryUnknown
from approvals.models import Channel, Delivery, Notification
from approvals.queries import deliveries_of
from trading.services import record


def retry_delivery(*, delivery_id: int, by: User, now: datetime) -> Delivery:
    """Start anew with what has failed. Refused while it is under way, sent, or has no channel."""
    with transaction.atomic():
        delivery = deliveries_of(by).filter(pk=delivery_id).first()
        if delivery is None:
            raise DeliveryUnknown(f"There is no delivery {delivery_id} of yours.")
        if not delivery.channel.enabled:
            raise DeliveryUnderWay("Its channel is off or gone.")
        failed = Delivery.objects.filter(pk=delivery_id, status=Delivery.Status.FAILED)
        if not failed.update(
            status=Delivery.Status.QUEUED,
            due_at=now,
            created_at=now,
            finished_at=None,
            attempts_made=0,
        ):
            raise DeliveryUnderWay(f"It is {delivery.get_status_display().lower()}.")
        Channel.objects.filter(pk=delivery.channel_id).update(closed_until=None)
        record(action="delivery.retried", subject=f"delivery:{delivery_id}", by=by, now=now)
    delivery.refresh_from_db()
    return delivery


def prune_notifications(*, now: datetime) -> int:
    """Remove what is older than NOTIFY_KEEP_DAYS, with its deliveries; how many were removed."""
    before = now - timedelta(days=settings.ENV.notify_keep_days)
    under_way = Q(deliveries__status__in=(Delivery.Status.QUEUED, Delivery.Status.SENDING))
    old = Notification.objects.filter(last_at__lt=before).exclude(under_way)
    ids = list(old.values_list("pk", flat=True)[:2000])
    Notification.objects.filter(pk__in=ids).delete()
    return len(ids)
