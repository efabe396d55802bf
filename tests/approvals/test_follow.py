"""Notifications are derived from the audit log, once each, for those who want and may hear."""

from __future__ import annotations

import uuid
from datetime import time, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import transaction

from approvals import services
from approvals.models import Delivery, FollowCursor, Notification
from approvals.topics import Severity
from strategies.models import Finding
from tests.approvals.factories import SLACK_URL, make_channel, make_person
from tests.trading.factories import NOW, make_bot, make_symbol
from trading.services import record

pytestmark = pytest.mark.django_db
LATER = NOW + timedelta(minutes=10)


@pytest.fixture
def person() -> User:
    """Somebody whose channel was added before the log is followed from here on."""
    user = make_person()
    make_channel(by=user)
    services.follow(now=NOW)
    return user


def happen(action: str, subject: str = "system", minute: int = 1, reason: str = "") -> None:
    at = NOW + timedelta(minutes=minute)
    record(action=action, subject=subject, by=None, now=at, reason=reason)


def titles() -> list[str]:
    return list(Notification.objects.order_by("pk").values_list("title", flat=True))


def test_what_happened_is_told_once_however_often_the_log_is_read(person: User) -> None:
    happen("system.emergency_stopped", reason="fire")

    services.follow(now=LATER)
    services.follow(now=LATER)

    assert titles() == ["EMERGENCY STOP"]
    assert "fire" in Notification.objects.get().body
    assert Delivery.objects.get().due_at == LATER


def test_what_happened_before_anybody_could_listen_is_no_news() -> None:
    happen("system.emergency_stopped")
    make_channel()

    services.follow(now=LATER)

    assert titles() == []


def test_a_change_that_was_rolled_back_is_not_told(person: User) -> None:
    with transaction.atomic():
        happen("system.paused")
        transaction.set_rollback(True)

    services.follow(now=LATER)

    assert titles() == []


def test_a_channel_takes_its_urgency_and_above(person: User) -> None:
    happen("order.filled", "order:1")
    happen("order.rejected", "order:2")

    services.follow(now=LATER)

    assert titles() == ["Order rejected by the exchange"]


def test_a_channel_takes_its_topics() -> None:
    make_channel(topics=("risk",), min_severity=Severity.INFO)
    services.follow(now=NOW)
    happen("system.paused")
    happen("incident.resolved", "incident:1")

    services.follow(now=LATER)

    assert titles() == ["Difference resolved"]


def test_who_may_no_longer_look_is_no_longer_told(person: User) -> None:
    person.groups.clear()
    happen("system.paused")

    services.follow(now=LATER)

    assert titles() == []


def test_who_left_is_no_longer_told(person: User) -> None:
    User.objects.filter(pk=person.pk).update(is_active=False)
    happen("system.paused")

    services.follow(now=LATER)

    assert titles() == []


def test_a_title_names_the_bot(person: User) -> None:
    bot = make_bot(name="Momentum")
    happen("bot.drifted", f"bot:{bot.pk}")

    services.follow(now=LATER)

    assert titles() == ["A bot drifted from its simulation: Momentum"]


def test_a_storm_is_counted_and_told_once_a_window(person: User) -> None:
    for _ in range(40):
        happen("order.unknown", "order:9", minute=1)
    happen("order.unknown", "order:9", minute=7)

    services.follow(now=LATER)

    first, second = Notification.objects.order_by("pk")
    assert first.repeats == 39
    assert "39 more like it" in second.body
    assert Delivery.objects.count() == 2


def test_things_of_different_subjects_are_not_repeats(person: User) -> None:
    happen("order.unknown", "order:9")
    happen("order.unknown", "order:10")

    services.follow(now=LATER)

    assert Notification.objects.count() == 2


def test_quiet_hours_hold_back_what_is_not_critical(person: User) -> None:
    services.set_quiet_hours(
        zone="UTC", start=time(0), end=time(7), urgent_passes=True, by=person, now=NOW
    )
    happen("system.paused")
    happen("system.emergency_stopped")

    services.follow(now=LATER)

    due = dict(Delivery.objects.values_list("notification__title", "due_at"))
    assert due["System paused"] == NOW.replace(hour=7)
    assert due["EMERGENCY STOP"] == LATER


def test_slack_may_be_kept_to_findings(person: User, settings: Any) -> None:
    make_channel(by=person, kind="slack", name="slack", given={"url": SLACK_URL})
    services.follow(now=NOW)
    settings.ENV = settings.ENV.model_copy(update={"slack_analysis_only": True})
    happen("system.emergency_stopped")

    services.follow(now=LATER)

    told = Delivery.objects.filter(notification__title="EMERGENCY STOP")
    assert [row.channel.kind for row in told] == ["webhook"]


def test_a_long_log_is_read_in_batches_without_a_gap(
    person: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("approvals.services._sources.BATCH", 3)
    for number in range(7):
        happen("order.rejected", f"order:{number}")

    assert [services.follow(now=LATER) for _ in range(4)] == [3, 3, 1, 0]
    assert Notification.objects.count() == 7


def test_a_crash_in_the_middle_repeats_the_batch_and_tells_nothing_twice(
    person: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(3):
        happen("order.rejected", f"order:{number}")
    real, calls = Delivery.objects.bulk_create, iter([None, None, OSError("disk")])

    def failing(rows: object) -> object:
        error = next(calls, None)
        if error:
            raise error
        return real(rows)  # type: ignore[arg-type]

    monkeypatch.setattr(Delivery.objects, "bulk_create", failing)
    before = FollowCursor.objects.get(source="audit").position
    with pytest.raises(OSError, match="disk"):
        services.follow(now=LATER)
    assert FollowCursor.objects.get(source="audit").position == before
    assert titles() == []

    services.follow(now=LATER)

    assert Notification.objects.count() == 3
    assert Delivery.objects.count() == 3


def make_finding(score: float = 4, **details: str) -> Finding:
    return Finding.objects.create(
        key=uuid.uuid4(),
        at=NOW,
        last_at=NOW,
        agent="llm_analyst",
        symbol=make_symbol(),
        score=score,
        label="new_trend",
        details=details,
    )


def test_a_strong_finding_is_told_once_and_a_weak_one_to_who_wants_everything(person: User) -> None:
    make_channel(by=person, name="all", min_severity=Severity.INFO, topics=("findings",))
    services.follow(now=NOW)
    make_finding(score=4, summary="a trend began")
    make_finding(score=0.5)

    services.follow(now=LATER)
    services.follow(now=LATER)

    found = Notification.objects.filter(source="findings").order_by("pk")
    assert [(row.severity, row.deliveries.count()) for row in found] == [(20, 2), (10, 1)]
    assert "a trend began" in found[0].body
    assert found[0].title.startswith("new trend: BTC")


def test_a_finding_that_was_committed_late_is_told_all_the_same(person: User) -> None:
    late = make_finding()
    number = late.pk
    late.delete()
    make_finding()
    services.follow(now=LATER)
    late.pk = number
    late.save(force_insert=True)
    make_finding()

    services.follow(now=LATER)

    assert Notification.objects.filter(source="findings").count() == 3
