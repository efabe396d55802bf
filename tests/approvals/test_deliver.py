"""A delivery is claimed, tried, written down, and tried again later when that may help."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from celery.exceptions import SoftTimeLimitExceeded

from approvals import queries, services
from approvals.addresses import Address
from approvals.errors import DeliveryUnderWay, DeliveryUnknown
from approvals.models import Attempt, Channel, Delivery, Notification
from approvals.outcomes import MAX_ATTEMPTS, Attempted, Outcome
from approvals.outgoing import Message
from tests.approvals.factories import make_channel, make_delivery, make_person
from tests.trading.factories import NOW
from trading.models import AuditEvent

pytestmark = pytest.mark.django_db
S = Delivery.Status


class Network:
    """Answers as it is told, and remembers what it was given."""

    def __init__(self, outcome: Outcome = Outcome.SENT, status: int | None = None) -> None:
        self.answer, self.got = Attempted(outcome, status, "in our words"), list[Address]()

    def __call__(self, kind: str, address: Address, message: Message) -> Attempted:
        self.got.append(address)
        return self.answer


def run(
    delivery: Delivery,
    network: Callable[[str, Address, Message], Attempted],
    now: datetime = NOW,
    took_s: float = 0.25,
) -> Delivery:
    services.deliver(
        delivery_id=delivery.pk,
        now=now,
        later=lambda: now + timedelta(seconds=took_s),
        send=network,
    )
    delivery.refresh_from_db()
    return delivery


def test_a_success_is_written_down_with_its_time() -> None:
    channel, network = make_channel(), Network()

    delivery = run(make_delivery(channel), network)

    assert delivery.status == S.SENT
    assert network.got == [{"url": "https://hooks.example.org/secret-path"}]
    attempt = Attempt.objects.get()
    assert (attempt.outcome, attempt.took_ms, attempt.number) == ("SENT", 250, 1)
    channel.refresh_from_db()
    assert channel.sent_at is not None


def test_what_was_sent_is_not_sent_again() -> None:
    delivery, network = make_delivery(make_channel()), Network()

    run(run(delivery, network), network)

    assert len(network.got) == 1


def test_what_is_not_due_waits() -> None:
    network = Network()

    run(make_delivery(make_channel(), due_at=NOW + timedelta(hours=1)), network)

    assert network.got == []


def test_a_failure_is_tried_again_after_a_pause_and_given_up_in_the_end() -> None:
    delivery, network, now = make_delivery(make_channel()), Network(Outcome.FAILING, 503), NOW

    for _ in range(MAX_ATTEMPTS):
        run(delivery, network, now)
        now = delivery.due_at
    run(delivery, network, now + timedelta(days=1))

    assert len(network.got) == MAX_ATTEMPTS
    assert delivery.status == S.FAILED
    numbers = Attempt.objects.order_by("number").values_list("number", flat=True)
    assert list(numbers) == list(range(1, MAX_ATTEMPTS + 1))


def test_a_refusal_is_final_and_told_to_the_other_channels() -> None:
    channel = make_channel()

    delivery = run(make_delivery(channel), Network(Outcome.REFUSED, 404))
    run(make_delivery(channel), Network(Outcome.REFUSED, 404), NOW + timedelta(minutes=5))

    assert delivery.status == S.FAILED
    assert AuditEvent.objects.filter(action="channel.broken").count() == 1


def test_a_subscription_that_is_gone_switches_its_channel_off() -> None:
    channel = make_channel()

    run(make_delivery(channel), Network(Outcome.GONE, 410))

    channel.refresh_from_db()
    assert not channel.enabled
    assert channel.problem.startswith("GONE")


def test_a_failing_channel_is_probed_by_one_delivery_at_a_time() -> None:
    channel = make_channel()
    first, _second = make_delivery(channel), make_delivery(channel)

    run(first, Network(Outcome.UNREACHABLE))

    soon = NOW + timedelta(seconds=5)
    assert queries.due_deliveries(soon, limit=20) == []
    again = NOW + timedelta(seconds=20)
    assert len(queries.due_deliveries(again, limit=20)) == 1


def test_one_channel_that_fails_holds_up_no_other() -> None:
    person = make_person()
    bad, good = make_channel(by=person, name="bad"), make_channel(by=person, name="good")
    stuck = make_delivery(bad)
    run(stuck, Network(Outcome.UNREACHABLE))

    fine = make_delivery(good)

    assert queries.due_deliveries(NOW, limit=20) == [fine.pk]


def test_what_waits_for_a_channel_that_is_off_waits_on() -> None:
    channel = make_channel()
    make_delivery(channel)
    Channel.objects.update(enabled=False)

    assert queries.due_deliveries(NOW, limit=20) == []


def test_a_burst_goes_out_one_after_the_other() -> None:
    channel = make_channel()
    first, second = make_delivery(channel), make_delivery(channel)
    run(first, Network())

    assert queries.next_of_channel(first.pk, NOW) == second.pk
    run(second, Network(Outcome.UNREACHABLE))
    assert queries.next_of_channel(second.pk, NOW) is None


def test_a_channel_serves_one_delivery_at_a_time() -> None:
    channel, network = make_channel(), Network()
    make_delivery(channel, status=S.SENDING, claimed_until=NOW + timedelta(seconds=30))

    run(make_delivery(channel), network)

    assert network.got == []


def test_a_delivery_whose_worker_died_is_tried_again_and_the_ledger_says_so() -> None:
    delivery = make_delivery(
        make_channel(), status=S.SENDING, claimed_until=NOW - timedelta(seconds=1), attempts_made=1
    )

    run(delivery, Network())

    assert delivery.status == S.SENT
    assert list(Attempt.objects.values_list("outcome", flat=True)) == ["CRASHED", "SENT"]


def test_a_message_that_kills_each_worker_is_given_up() -> None:
    delivery, network = make_delivery(make_channel(), attempts_made=MAX_ATTEMPTS), Network()

    run(delivery, network)

    assert delivery.status == S.FAILED
    assert network.got == []


def test_an_attempt_that_takes_too_long_ends_and_is_tried_again() -> None:
    def slow(kind: str, address: Address, message: Message) -> Attempted:
        raise SoftTimeLimitExceeded

    delivery = run(make_delivery(make_channel()), slow)

    assert (delivery.status, delivery.outcome) == (S.QUEUED, "TOO_SLOW")


def test_an_error_leaves_neither_its_words_nor_the_address_anywhere(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def broken(kind: str, address: Address, message: Message) -> Attempted:
        raise RuntimeError(f"could not reach {address['url']}")

    with caplog.at_level("DEBUG"):
        delivery = run(make_delivery(make_channel()), broken)

    assert delivery.outcome == "CRASHED"
    assert "secret-path" not in caplog.text
    assert "secret-path" not in Attempt.objects.get().detail


def test_an_address_that_was_moved_to_another_row_does_not_open() -> None:
    person, network = make_person(), Network()
    mine, other = make_channel(by=person), make_channel(by=person, name="other")
    Channel.objects.filter(pk=mine.pk).update(sealed_address=other.sealed_address)

    delivery = run(make_delivery(mine), network)

    assert (delivery.status, delivery.outcome) == (S.FAILED, "ADDRESS_BROKEN")
    assert network.got == []


def test_old_news_is_not_sent_any_more() -> None:
    delivery, network = make_delivery(make_channel()), Network()

    run(delivery, network, NOW + timedelta(hours=25))

    assert (delivery.status, delivery.outcome) == (S.FAILED, "TOO_OLD")
    assert network.got == []


def test_a_person_sends_again_what_has_failed() -> None:
    person, network = make_person(), Network()
    delivery = run(make_delivery(make_channel(by=person)), Network(Outcome.REFUSED, 400))

    services.retry_delivery(delivery_id=delivery.pk, by=person, now=NOW + timedelta(days=2))
    run(delivery, network, NOW + timedelta(days=2))

    assert delivery.status == S.SENT
    assert [row.number for row in delivery.attempts.all()] == [1, 2]


def test_what_was_sent_can_not_be_sent_again() -> None:
    person = make_person()
    delivery = run(make_delivery(make_channel(by=person)), Network())

    with pytest.raises(DeliveryUnderWay):
        services.retry_delivery(delivery_id=delivery.pk, by=person, now=NOW)


def test_somebody_else_s_delivery_is_not_there() -> None:
    delivery = run(make_delivery(make_channel()), Network(Outcome.REFUSED))

    with pytest.raises(DeliveryUnknown):
        services.retry_delivery(delivery_id=delivery.pk, by=make_person("admin"), now=NOW)


def test_the_ledger_is_thinned_by_age_but_not_of_what_is_under_way() -> None:
    channel = make_channel()
    run(make_delivery(channel), Network())
    waiting = make_delivery(channel)

    assert services.prune_notifications(now=NOW + timedelta(days=31)) == 1
    assert list(Notification.objects.values_list("pk", flat=True)) == [waiting.notification_id]
