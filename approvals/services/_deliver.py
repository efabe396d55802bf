"""One attempt at one delivery: claimed, sent outside of any transaction, written down."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import structlog
from celery.exceptions import SoftTimeLimitExceeded
from django.conf import settings
from django.db import transaction
from django.db.models import F, Q

from approvals import outgoing
from approvals.addresses import Address
from approvals.models import Attempt, Channel, Delivery
from approvals.outcomes import FINAL, LATEST, MAX_ATTEMPTS, Attempted, Outcome, pause_after
from approvals.outgoing import Message
from approvals.services._channels import address_of
from trading.sealing import SealBroken
from trading.services import record

log = structlog.get_logger(__name__)

CLAIMED_FOR = timedelta(seconds=60)  # longer than a task may take
Send = Callable[[str, Address, Message], Attempted]
Status = Delivery.Status


def deliver(
    *, delivery_id: int, now: datetime, later: Callable[[], datetime], send: Send | None = None
) -> bool:
    """Try it once; False if it wasn't due any more or its channel is busy.

    At least once, not at most once: a worker that dies after the other side has taken a message
    and before that is written down leaves a delivery that is sent again.
    """
    delivery = _claim(delivery_id, now)
    if delivery is None:
        return False
    if now - delivery.created_at > LATEST:
        result = Attempted(Outcome.TOO_OLD, detail="Nobody wants to read it any more.")
    elif delivery.attempts_made > MAX_ATTEMPTS:
        result = Attempted(Outcome.CRASHED, detail="Whoever tried it died each time.")
    else:
        result = _attempt(delivery, send or _send)
    _write_down(delivery, result, began=now, ended=later())
    return True


def _claim(delivery_id: int, now: datetime) -> Delivery | None:
    """Of several workers one gets it; a channel serves one delivery at a time."""
    free = Q(status=Status.QUEUED, due_at__lte=now) | Q(
        status=Status.SENDING, claimed_until__lte=now
    )
    with transaction.atomic():
        delivery = (
            Delivery.objects.select_related("channel", "notification")
            .filter(pk=delivery_id)
            .first()
        )
        if delivery is None or _is_busy(delivery, now):
            return None
        claimed = Delivery.objects.filter(free, pk=delivery_id).update(
            status=Status.SENDING,
            claimed_until=now + CLAIMED_FOR,
            attempts_made=F("attempts_made") + 1,
        )
        if not claimed:
            return None
        if delivery.status == Status.SENDING:
            left = Attempted(Outcome.CRASHED, detail="Its worker ended before it could tell.")
            _note(delivery, left, began=now, ended=now)
    delivery.refresh_from_db(fields=["attempts_made", "status"])
    return delivery


def _is_busy(delivery: Delivery, now: datetime) -> bool:
    others = delivery.channel.deliveries.filter(status=Status.SENDING, claimed_until__gt=now)
    return others.exclude(pk=delivery.pk).exists()


def _attempt(delivery: Delivery, send: Send) -> Attempted:
    """Whatever goes wrong is an outcome; its words never come from the other side."""
    try:
        address = address_of(delivery.channel)
    except (SealBroken, ValueError):
        return Attempted(Outcome.ADDRESS_BROKEN, detail="The sealed address does not open.")
    try:
        return send(delivery.channel.kind, address, _message(delivery))
    except SoftTimeLimitExceeded:
        return Attempted(Outcome.TOO_SLOW, detail="It took longer than a task may.")
    except Exception as error:
        # Only the kind of error: its text may hold the address.
        log.warning("delivery.crashed", delivery=delivery.pk, error=type(error).__name__)
        return Attempted(Outcome.CRASHED, detail=f"{type(error).__name__} while sending.")


def _send(kind: str, address: Address, message: Message) -> Attempted:
    networks = settings.ENV.notify_private_networks
    return outgoing.send(kind, address, message, networks=networks)


def _message(delivery: Delivery) -> Message:
    told = delivery.notification
    return Message(
        title=told.title,
        body=told.body,
        topic=told.topic,
        severity=told.severity,
        at=told.at,
        ref=str(delivery.pk),
    )


def _write_down(delivery: Delivery, result: Attempted, *, began: datetime, ended: datetime) -> None:
    pause = pause_after(result.outcome, delivery.attempts_made)
    sent = result.outcome is Outcome.SENT
    done = sent or result.outcome is Outcome.TOO_OLD or pause is None
    with transaction.atomic():
        mine = Delivery.objects.filter(
            pk=delivery.pk, status=Status.SENDING, attempts_made=delivery.attempts_made
        )
        mine.update(
            status=Status.SENT if sent else Status.FAILED if done else Status.QUEUED,
            outcome=result.outcome,
            claimed_until=None,
            due_at=delivery.due_at if done or pause is None else ended + pause,
            finished_at=ended if done else None,
        )
        _note(delivery, result, began=began, ended=ended)
        _tell_channel(delivery.channel, result, pause, ended)


def _note(delivery: Delivery, result: Attempted, *, began: datetime, ended: datetime) -> None:
    Attempt.objects.create(
        delivery=delivery,
        number=delivery.attempts.count() + 1,
        at=began,
        outcome=result.outcome,
        status_code=result.status,
        took_ms=max(0, round((ended - began).total_seconds() * 1000)),
        detail=result.detail[:200],
    )


def _tell_channel(
    channel: Channel, result: Attempted, pause: timedelta | None, ended: datetime
) -> None:
    """A failing channel is closed until its next attempt, so that one delivery probes it.

    What will be the same next time closes it for a minute; a subscription that is gone, for good.
    """
    rows = Channel.objects.filter(pk=channel.pk)
    if result.outcome is Outcome.TOO_OLD:
        return
    if result.outcome is Outcome.SENT:
        rows.update(sent_at=ended, failing_since=None, closed_until=None, problem="")
        return
    first = rows.filter(failing_since=None).update(failing_since=ended)
    until = ended + (pause or timedelta(minutes=1))
    rows.update(closed_until=until, problem=f"{result.outcome}: {result.detail}"[:200])
    gone = result.outcome is Outcome.GONE and rows.filter(enabled=True).update(enabled=False)
    if gone or (first and result.outcome in FINAL):
        record(
            action="channel.broken",
            subject=f"channel:{channel.pk}",
            by=None,
            now=ended,
            reason=result.detail,
            after={"outcome": result.outcome},
        )
