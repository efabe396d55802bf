"""Cancels: asked first, written down under the order's lock, never by assumption."""

from __future__ import annotations

from typing import Any

import pytest

from tests.trading.factories import (
    NOW,
    later,
    make_bot,
    make_fill,
    make_order,
    make_user,
)
from tests.trading.fake_broker import FakeBroker
from trading import services
from trading.brokers import Ack, Outcome, Reference
from trading.errors import OrderNotOpen, OrderUnknown
from trading.models import AuditEvent, Order
from trading.order_state import OrderStatus

pytestmark = pytest.mark.django_db

S = OrderStatus
LATER = [TimeoutError(), Ack(Outcome.UNKNOWN), Ack(Outcome.REJECTED, code="unknown_order")]


def cancel(order: Order, broker: Any = None) -> Order:
    return services.cancel_order(
        order_id=order.pk, by=None, now=NOW, broker_for=broker or FakeBroker()
    )


@pytest.mark.parametrize("status", [S.OPEN, S.PARTIAL])
def test_a_working_order_is_canceled_with_one_event(status: OrderStatus) -> None:
    order, user = make_order(make_bot(), status=status), make_user()

    canceled = services.cancel_order(order_id=order.pk, by=user, now=NOW)

    assert (canceled.status, canceled.pending_cancel_at) == (S.CANCELED, None)
    event = AuditEvent.objects.get(subject=f"order:{order.pk}")
    assert (event.action, event.actor, event.reason) == (
        "order.canceled",
        user.username,
        "requested",
    )


def test_an_order_that_never_left_is_canceled_without_asking() -> None:
    order, broker = make_order(make_bot()), FakeBroker()

    assert cancel(order, broker).status == S.CANCELED
    assert broker.canceled == []
    assert services.submit_order(order_id=order.pk, now=NOW, broker_for=broker).status == S.CANCELED
    assert broker.placed == []


@pytest.mark.parametrize(
    "status", [S.SUBMITTING, S.UNKNOWN, S.NEEDS_HUMAN, S.FILLED, S.CANCELED, S.DENIED, S.REJECTED]
)
def test_what_is_over_or_unresolved_is_not_canceled(status: OrderStatus) -> None:
    order, broker = make_order(make_bot(), status=status), FakeBroker()

    with pytest.raises(OrderNotOpen):
        cancel(order, broker)

    assert broker.canceled == []


def test_an_order_that_does_not_exist_is_unknown() -> None:
    with pytest.raises(OrderUnknown):
        services.cancel_order(order_id=1, by=None, now=NOW)


@pytest.mark.parametrize("answer", LATER, ids=lambda answer: type(answer).__name__)
def test_a_cancel_without_a_clear_answer_changes_no_status(answer: Any) -> None:
    order = make_order(make_bot(), status=S.OPEN)

    with pytest.raises(OrderNotOpen):
        cancel(order, FakeBroker(cancel=answer))

    order.refresh_from_db()
    assert (order.status, order.pending_cancel_at) == (S.OPEN, NOW)


def test_the_sweep_asks_again_for_a_cancel_without_an_answer() -> None:
    order = make_order(make_bot(), status=S.OPEN)
    with pytest.raises(OrderNotOpen):
        cancel(order, FakeBroker(cancel=TimeoutError()))

    assert services.sweep_orders(now=later(1), broker_for=FakeBroker()) == 1

    order.refresh_from_db()
    assert order.status == S.CANCELED


def test_a_fill_that_overtakes_the_cancel_stays_a_fill() -> None:
    order = working = make_order(make_bot(), status=S.OPEN, qty="1")

    class Filling(FakeBroker):
        def cancel(self, order: Reference) -> Ack:
            make_fill(working, "1", "100")
            return super().cancel(order)

    with pytest.raises(OrderNotOpen, match="FILLED"):
        cancel(order, Filling())

    order.refresh_from_db()
    assert (order.status, order.filled_qty) == (S.FILLED, 1)
    assert not AuditEvent.objects.filter(action="verdict.contradicted").exists()


def test_a_partial_fill_during_the_cancel_does_not_save_the_rest() -> None:
    order = working = make_order(make_bot(), status=S.OPEN, qty="2")

    class Filling(FakeBroker):
        def cancel(self, order: Reference) -> Ack:
            make_fill(working, "1", "100")
            return super().cancel(order)

    canceled = cancel(order, Filling())

    assert (canceled.status, canceled.filled_qty) == (S.CANCELED, 1)


def test_a_new_order_that_is_placed_while_we_cancel_is_asked_for_then() -> None:
    order, broker = make_order(make_bot()), FakeBroker()
    stale = Order.objects.get(pk=order.pk)
    services.submit_order(order_id=order.pk, now=NOW, broker_for=broker)

    canceled = services._orders.cancel_one(stale, by=None, now=NOW, cause="race", broker_for=broker)

    assert canceled
    assert broker.canceled == [order.client_order_id]


def test_cancel_all_takes_what_may_still_fill_and_nothing_of_other_bots() -> None:
    bot, other = make_bot(), make_bot(name="Other")
    mine = [make_order(bot, status=status) for status in S]
    theirs = make_order(other, status=S.OPEN)

    canceled = services.cancel_all_orders(by=None, now=NOW, cause="test", bot_id=bot.pk)

    assert canceled == 3
    gone = {order.pk for order in mine if order.status in {S.NEW, S.OPEN, S.PARTIAL}}
    rows = Order.objects.filter(transitions__to_status=S.CANCELED)
    assert set(rows.values_list("pk", flat=True)) == gone
    theirs.refresh_from_db()
    assert theirs.status == S.OPEN


@pytest.mark.parametrize("status", [S.SUBMITTING, S.UNKNOWN, S.NEEDS_HUMAN])
def test_cancel_all_takes_what_has_no_answer_as_soon_as_it_is_found(status: OrderStatus) -> None:
    order = make_order(make_bot(), status=status)
    Order.objects.filter(pk=order.pk).update(lease_until=NOW)

    assert services.cancel_all_orders(by=None, now=NOW, cause="test") == 0
    for seconds in (1, 2):
        services.sweep_orders(now=later(seconds), broker_for=FakeBroker())

    order.refresh_from_db()
    assert order.status == S.CANCELED


def test_one_broker_error_does_not_keep_the_other_orders_alive() -> None:
    bot = make_bot()
    orders = [make_order(bot, status=S.OPEN) for _ in range(3)]

    class Shaky(FakeBroker):
        def cancel(self, order: Reference) -> Ack:
            if len(self.canceled) == 1:
                self.canceled.append(order.client_order_id)
                raise TimeoutError
            return super().cancel(order)

    assert services.cancel_all_orders(by=None, now=NOW, cause="test", broker_for=Shaky()) == 2

    assert Order.objects.filter(pk__in=[order.pk for order in orders], status=S.OPEN).count() == 1
