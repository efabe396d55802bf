"""What workers run for notifications and for advice, in queues where nothing that trades waits."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from celery import current_app, shared_task
from celery.signals import worker_process_init

from approvals import queries, services
from config import clock

AT_ONCE = 20  # deliveries told of in one go
LONGEST_S = 15  # of one attempt; the claim lasts longer
ADVICE_S = 100  # a model's minute and what is around it; less than a step's claim lasts
SHADOWS_S = 300
OUTLOOKS_S = 60
NOTIFICATIONS = {"notifications"}
MOST_BYTES = 1_000_000_000


@shared_task(soft_time_limit=LONGEST_S, time_limit=LONGEST_S + 5)
def notify(**_: Any) -> None:
    """Every two seconds, from beat: read what happened, hint at what is due."""
    services.follow(now=clock.now())
    for delivery_id in queries.due_deliveries(clock.now(), limit=AT_ONCE):
        deliver.apply_async(kwargs={"delivery_id": delivery_id}, expires=2)


@shared_task(soft_time_limit=LONGEST_S, time_limit=LONGEST_S + 5)
def deliver(*, delivery_id: int, **_: Any) -> None:
    done = services.deliver(delivery_id=delivery_id, now=clock.now(), later=clock.now)
    after = queries.next_of_channel(delivery_id, clock.now()) if done else None
    if after is not None:  # a burst need not wait for the next look at the outbox
        deliver.apply_async(kwargs={"delivery_id": after}, expires=2)


@shared_task(soft_time_limit=LONGEST_S, time_limit=LONGEST_S + 5)
def beat_outside(**_: Any) -> None:
    """Each minute, from beat."""
    services.beat_outside(now=clock.now())


@shared_task(soft_time_limit=ADVICE_S, time_limit=ADVICE_S + 10)
def advise(**_: Any) -> None:
    """Every two seconds, from beat: one step of the review that waits longest."""
    if services.advance_reviews(now=clock.now(), later=clock.now):
        advise.apply_async(expires=10)


@shared_task
def expire_approvals(**_: Any) -> None:
    """Each second, from beat; the feed's watch does it too."""
    services.check_approvals(now=clock.now(), reading=clock.read())


@shared_task(soft_time_limit=SHADOWS_S, time_limit=SHADOWS_S + 10)
def measure_shadows(**_: Any) -> None:
    """Each half hour, from beat: what decided suggestions were worth."""
    services.measure_shadows(now=clock.now())


@shared_task(soft_time_limit=OUTLOOKS_S, time_limit=OUTLOOKS_S + 10)
def measure_outlooks(**_: Any) -> None:
    """Every five seconds, from beat: what bots would do with what people are asked about."""
    services.measure_outlooks(now=clock.now())


@shared_task
def offer_demo(**_: Any) -> None:
    """Every half minute, from beat; does nothing but on a demo's first start."""
    services.offer_demo(now=clock.now())


@shared_task
def prune_notifications(**_: Any) -> None:
    services.prune_notifications(now=clock.now())


@worker_process_init.connect
def _keep_small(**_: Any) -> None:
    """Only where notifications leave: an answer without end must not take the machine's memory."""
    if set(current_app.amqp.queues.consume_from) != NOTIFICATIONS:
        return
    with suppress(ImportError, OSError, ValueError):
        import resource

        resource.setrlimit(resource.RLIMIT_DATA, (MOST_BYTES, MOST_BYTES))
