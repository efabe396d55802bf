"""An order reaches its broker at most once, whatever the broker says or doesn't say."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from tests.trading.factories import (
    NOW,
    later,
    make_account,
    make_bot,
    make_fill,
    make_intent,
    make_order,
)
from tests.trading.fake_broker import FakeBroker
from trading import services
from trading.brokers import Ack, Outcome
from trading.models import AuditEvent, ExchangeAccount, Order, OrderTransition
from trading.order_state import OrderStatus, TransitionNotAllowed
from trading.sealing import SealBroken
from trading.services._orders import LEASE, client_order_id, move, open_order

pytestmark = pytest.mark.django_db

S = OrderStatus
ACKED = Ack(Outcome.ACKED, exchange_order_id="x-1")
AMBIGUOUS = [
    TimeoutError("no answer"),
    ConnectionResetError("reset after accept"),
    ValueError("unreadable"),
    Ack(Outcome.UNKNOWN, code="502"),
    Ack(Outcome.ACKED),  # without an id nothing is proven
    {"id": "1"},
    "OK",
]


def submit(order: Order, broker: Any) -> Order:
    return services.submit_order(order_id=order.pk, now=NOW, broker_for=broker)


def transitions(order: Order) -> list[str]:
    return list(order.transitions.values_list("to_status", flat=True))


def actions(order: Order) -> list[str]:
    rows = AuditEvent.objects.filter(subject=f"order:{order.pk}").order_by("seq")
    return list(rows.values_list("action", flat=True))


def test_an_acknowledged_order_is_open_with_its_broker_id() -> None:
    order = submit(make_order(make_bot()), FakeBroker())

    assert (order.status, order.exchange_order_id) == (S.OPEN, "x-1")
    assert transitions(order) == [S.SUBMITTING, S.OPEN]
    assert actions(order) == ["order.claimed", "order.acknowledged"]


@pytest.mark.parametrize("answer", AMBIGUOUS, ids=lambda answer: type(answer).__name__)
def test_an_order_without_a_clear_answer_is_unknown_and_is_not_sent_again(answer: Any) -> None:
    order, broker = make_order(make_bot()), FakeBroker(answer)

    for _ in range(3):
        order = submit(order, broker)

    assert order.status == S.UNKNOWN
    assert len(broker.placed) == 1
    assert actions(order) == ["order.claimed", "order.unknown"]


@pytest.mark.parametrize(
    ("answer", "status", "action"),
    [
        (Ack(Outcome.REJECTED, code="below_min_qty"), S.REJECTED, "order.rejected"),
        (Ack(Outcome.NOT_SENT), S.NOT_SENT, "order.not_sent"),
    ],
)
def test_a_definitive_answer_is_a_verdict(answer: Ack, status: str, action: str) -> None:
    order = submit(make_order(make_bot()), FakeBroker(answer))

    assert (order.status, order.reject_code) == (status, answer.code)
    assert actions(order)[-1] == action


def test_a_second_worker_finds_the_claim_and_goes_away() -> None:
    order, broker = make_order(make_bot()), FakeBroker()
    submit(order, broker)

    again = submit(order, broker)

    assert again.status == S.OPEN
    assert len(broker.placed) == 1


def test_the_client_order_id_is_a_pure_function_of_the_decision() -> None:
    bot = make_bot()
    intent = make_intent(bot, key="7:3:5m:1704067200000:signal_enter")

    order = open_order(intent, now=NOW)

    assert order.client_order_id == client_order_id(intent.idempotency_key)
    assert len(order.client_order_id) == 27
    assert order.client_order_id.startswith("cs-")


def test_the_broker_hears_our_id_first() -> None:
    order, broker = make_order(make_bot(), qty="2", type="LIMIT", price="99"), FakeBroker()

    submit(order, broker)

    placed = broker.placed[0]
    assert placed.client_order_id == order.client_order_id
    assert (placed.buy, placed.kind) == (True, "LIMIT")
    assert (str(placed.qty), str(placed.price)) == ("2", "99")


def test_the_claim_is_on_record_before_the_broker_is_called() -> None:
    order = make_order(make_bot())
    seen: list[str] = []

    class Watching(FakeBroker):
        def place(self, placement: Any) -> Ack:
            row = Order.objects.get(pk=order.pk)
            seen.append(row.status)
            assert row.sent_at == NOW
            assert row.lease_until == NOW + LEASE
            return super().place(placement)

    submit(order, Watching())

    assert seen == [S.SUBMITTING]


def test_a_key_that_cannot_be_opened_stops_an_order_before_it_is_claimed() -> None:
    account = make_account()
    ExchangeAccount.objects.filter(pk=account.pk).update(sealed_key="v1.k9.AAAA")
    order = make_order(make_bot())
    Order.objects.filter(pk=order.pk).update(account=account)

    with pytest.raises(SealBroken):
        services.submit_order(order_id=order.pk, now=NOW)

    order.refresh_from_db()
    assert order.status == S.NEW


def test_a_worker_that_wakes_up_late_changes_nothing() -> None:
    order = make_order(make_bot())

    class Sleeping(FakeBroker):
        def place(self, placement: Any) -> Ack:
            services.sweep_orders(now=later(60), broker_for=FakeBroker(find=ACKED))
            return Ack(Outcome.REJECTED, code="too_late")

    order = submit(order, Sleeping())

    assert (order.status, order.reject_code) == (S.OPEN, "")
    assert transitions(order) == [S.SUBMITTING, S.UNKNOWN, S.OPEN]


def test_a_row_with_a_newer_fence_is_not_moved() -> None:
    order = make_order(make_bot(), status=S.OPEN)
    Order.objects.filter(pk=order.pk).update(fence=order.fence + 1)

    assert not move(order, S.CANCELED, cause="late", now=NOW)

    assert not OrderTransition.objects.exists()


def test_a_step_that_is_not_allowed_is_a_bug_and_raises() -> None:
    order = make_order(make_bot(), status=S.FILLED)

    with pytest.raises(TransitionNotAllowed):
        move(order, S.CANCELED, cause="wrong", now=NOW)


@pytest.mark.parametrize("verdict", [S.CANCELED, S.NOT_SENT, S.REJECTED, S.EXPIRED])
def test_late_evidence_moves_the_order_and_is_reported(verdict: OrderStatus) -> None:
    order = make_order(make_bot(), status=verdict, qty="1")

    make_fill(order, "1", "100")

    order.refresh_from_db()
    assert order.status == S.FILLED
    event = AuditEvent.objects.get(action="verdict.contradicted")
    assert (event.before, event.after) == ({"status": verdict}, {"status": S.FILLED})


@pytest.mark.parametrize("halt", ["state", "row", "epoch"])
def test_nothing_is_claimed_after_a_stop(halt: str) -> None:
    bot = make_bot()
    order, broker = make_order(bot), FakeBroker()
    _halt(halt)

    order = submit(order, broker)

    assert order.status == S.DENIED
    assert order.intent.denial == ("epoch_over" if halt == "epoch" else "trading_halted")
    assert not broker.placed
    assert actions(order) == ["order.denied"]


def _halt(how: str) -> None:
    from trading.models import HaltRequest, SystemState

    if how == "row":
        HaltRequest.objects.create(reason="fire", requested_by="me", at=NOW)
    elif how == "state":
        SystemState.objects.update(state="PAUSED")
    else:
        SystemState.objects.update(epoch=99)


# What a dead worker leaves


def test_the_sweep_submits_what_lost_its_worker() -> None:
    order, broker = make_order(make_bot()), FakeBroker()

    assert services.sweep_orders(now=later(0.5), broker_for=broker) == 0
    assert services.sweep_orders(now=later(2), broker_for=broker) == 1

    order.refresh_from_db()
    assert order.status == S.OPEN
    assert len(broker.placed) == 1


def test_a_claim_without_an_end_is_looked_up_and_never_sent_again() -> None:
    order, broker = make_order(make_bot(), status=S.SUBMITTING), FakeBroker()
    Order.objects.filter(pk=order.pk).update(lease_until=NOW + LEASE)

    assert services.sweep_orders(now=later(14), broker_for=broker) == 0
    assert services.sweep_orders(now=later(16), broker_for=broker) == 1

    order.refresh_from_db()
    assert order.status == S.OPEN
    assert transitions(order) == [S.UNKNOWN, S.OPEN]
    assert (broker.placed, broker.found) == ([], [order.client_order_id])


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        (ACKED, S.OPEN),
        (Ack(Outcome.NOT_SENT), S.NOT_SENT),
        (Ack(Outcome.UNKNOWN), S.UNKNOWN),
        (TimeoutError(), S.UNKNOWN),
    ],
)
def test_only_a_lookup_that_proves_something_resolves_an_unknown_order(
    answer: Any, status: str
) -> None:
    order = make_order(make_bot(), status=S.UNKNOWN)

    services.sweep_orders(now=NOW, broker_for=FakeBroker(find=answer))

    order.refresh_from_db()
    assert order.status == status


def test_one_order_that_fails_does_not_keep_the_sweep_from_the_others() -> None:
    bot = make_bot()
    broken, fine = (make_order(bot, status=S.UNKNOWN) for _ in range(2))

    class Choosy(FakeBroker):
        def __call__(self, order: Order) -> FakeBroker:
            if not self.found:
                self.found.append("first")
                raise SealBroken("no")
            return self

    assert services.sweep_orders(now=NOW, broker_for=Choosy()) == 1

    broken.refresh_from_db()
    fine.refresh_from_db()
    assert {broken.status, fine.status} == {S.UNKNOWN, S.OPEN}


def test_nothing_is_swept_when_nothing_is_left() -> None:
    make_order(make_bot(), status=S.OPEN)

    assert not services._resolve.orders_left(now=later(60))
    assert services.sweep_orders(now=later(60)) == 0


# The paper broker


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"qty": "0.0005"}, "below_min_qty"),
        ({"qty": "1.0005"}, "qty_not_on_step"),
        ({"type": "LIMIT", "qty": "1", "price": "99.995"}, "price_not_on_tick"),
        ({"type": "LIMIT", "qty": "0.01", "price": "100"}, "below_min_notional"),
        ({"qty": "1"}, ""),
    ],
)
def test_the_paper_broker_rejects_what_an_exchange_would(given: dict[str, Any], code: str) -> None:
    order = services.submit_order(order_id=make_order(make_bot(), **given).pk, now=NOW)

    assert order.reject_code == code
    assert order.status == (S.REJECTED if code else S.OPEN)


def test_a_submission_that_waited_long_still_counts_its_lease_from_now() -> None:
    order = make_order(make_bot())

    services.submit_order(order_id=order.pk, now=NOW + timedelta(hours=1), broker_for=FakeBroker())

    order.refresh_from_db()
    assert order.sent_at == NOW + timedelta(hours=1)
    assert order.lease_until is None
