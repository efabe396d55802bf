"""The stop: the halt row first, nothing claimed after it, everything canceled, and proof."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.trading.factories import (
    NOW,
    bars,
    later,
    make_bot,
    make_order,
    make_replay,
    make_user,
    no_quotes,
)
from tests.trading.fake_broker import FakeBroker
from trading import services
from trading.brokers import Ack, Outcome, Placement
from trading.errors import ReasonRequired, ResumeNotAllowed, SystemHalted
from trading.models import AuditEvent, Bot, DecisionRecord, Fill, HaltRequest, Job, SystemState
from trading.models.orders import Order
from trading.order_state import OrderStatus
from trading.services import _replay
from trading.services._gate import claim_denial

pytestmark = pytest.mark.django_db

S = OrderStatus
State = SystemState.State


def stop(*, reason: str = "fire") -> services.StopProof:
    return services.emergency_stop(reason=reason, by=None, now=NOW, read_clock=lambda: later(0.02))


def state() -> SystemState:
    return SystemState.objects.get(pk=1)


def test_a_stop_stops_bots_cancels_orders_and_proves_it() -> None:
    running = make_replay([100.0] * 5)
    orders = [make_order(running, status=status) for status in (S.NEW, S.OPEN, S.PARTIAL)]

    proof = stop()

    running.refresh_from_db()
    assert (running.status, running.stop_requested) == (Bot.Status.STOPPED, True)
    assert {Order.objects.get(pk=order.pk).status for order in orders} == {S.CANCELED}
    assert (proof.bots_stopped, proof.orders_canceled, proof.orders_unresolved) == (1, 3, [])
    assert (proof.claims_after_stop, proof.halted_s) == (0, 0.02)
    assert Job.objects.get(bot=running).status == Job.Status.DONE


def test_a_stop_is_one_event_and_a_new_epoch() -> None:
    services.ensure_system_state(now=NOW)
    admin = make_user("admin")

    services.emergency_stop(reason="fire", by=admin, now=NOW)

    assert (state().state, state().epoch, state().reason) == (State.EMERGENCY_STOP, 2, "fire")
    event = AuditEvent.objects.get(action="system.emergency_stopped")
    assert (event.actor, event.reason) == (admin.username, "fire")
    assert (event.before, event.after) == (
        {"state": "RUNNING"},
        {"state": "EMERGENCY_STOP", "epoch": 2},
    )


def test_an_order_on_the_wire_at_the_stop_is_listed_then_canceled_by_the_sweep() -> None:
    order = make_order(make_bot(), status=S.SUBMITTING)
    Order.objects.filter(pk=order.pk).update(lease_until=later(15))

    proof = stop()
    assert proof.orders_unresolved == [order.client_order_id]
    services.sweep_orders(now=later(16), broker_for=FakeBroker())
    services.sweep_orders(now=later(17), broker_for=FakeBroker())

    order.refresh_from_db()
    assert order.status == S.CANCELED


def test_a_stop_between_claim_and_answer_does_not_leave_the_order_open() -> None:
    order = make_order(make_bot())

    class Stopping(FakeBroker):
        def place(self, placement: Placement) -> Ack:
            stop()
            return super().place(placement)

    services.submit_order(order_id=order.pk, now=NOW, broker_for=Stopping())
    assert services.tick(process="beat", now=later(1)).sweep
    services.sweep_orders(now=later(1), broker_for=FakeBroker())

    order.refresh_from_db()
    assert order.status == S.CANCELED


@pytest.mark.parametrize(
    "answer", [Ack(Outcome.ACKED, exchange_order_id="x-1"), Ack(Outcome.UNKNOWN)]
)
def test_an_order_on_the_wire_at_the_stop_is_canceled_also_after_an_early_resume(
    answer: Ack,
) -> None:
    order, admin = make_order(make_bot()), make_user("admin")

    class StoppedMeanwhile(FakeBroker):
        def place(self, placement: Placement) -> Ack:
            stop()
            services.resume_system(reason="looked", by=admin, now=NOW)
            return answer

    services.submit_order(order_id=order.pk, now=NOW, broker_for=StoppedMeanwhile())
    for seconds in (1, 2, 3):
        services.sweep_orders(now=later(seconds), broker_for=FakeBroker())

    order.refresh_from_db()
    assert order.status == S.CANCELED


def test_an_order_is_unwanted_also_when_the_stop_died_before_it_canceled_anything() -> None:
    order = make_order(make_bot(), status=S.OPEN)
    SystemState.objects.update(epoch=2)  # stopped, dead, resumed

    assert services.tick(process="beat", now=later(1)).sweep
    services.sweep_orders(now=later(1), broker_for=FakeBroker())

    order.refresh_from_db()
    assert order.status == S.CANCELED


def test_intents_from_before_a_stop_are_void_after_the_resume() -> None:
    bot = make_bot()
    before = make_order(bot)
    Order.objects.filter(pk=before.pk).update(status=S.NEW)
    HaltRequest.objects.create(reason="fire", requested_by="me", at=NOW, lifted_at=NOW)
    SystemState.objects.update(epoch=2)

    services.sweep_orders(now=later(2), broker_for=FakeBroker())

    before.refresh_from_db()
    assert (before.status, before.intent.denial) == (S.DENIED, "epoch_over")


def test_a_cycle_under_way_at_a_stop_decides_and_fills_nothing_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bot = make_replay(rows=bars([100.0] * 40, volume=10))
    monkeypatch.setattr(_replay, "COMMIT_EVERY", 1)
    seen = 0
    real = _replay._replay_tick

    def tick(*args: object) -> None:
        nonlocal seen
        seen += 1
        if seen == 5:
            stop()
        real(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(_replay, "_replay_tick", tick)

    assert not services.run_bot(bot_id=bot.pk, now=NOW, quote_for=no_quotes)

    assert DecisionRecord.objects.filter(bot=bot).count() == 4
    assert Fill.objects.filter(bot=bot).count() == 3
    assert not Order.objects.filter(bot=bot, status__in={S.NEW, S.OPEN, S.PARTIAL}).exists()
    bot.refresh_from_db()
    assert (bot.status, bot.last_error) == (Bot.Status.STOPPED, "")


def test_a_halt_row_alone_denies_claims() -> None:
    services.ensure_system_state(now=NOW)
    assert claim_denial(epoch=1) is None

    HaltRequest.objects.create(reason="fire", requested_by="me", at=NOW)

    assert claim_denial(epoch=1) == "trading_halted"


def test_a_stop_whose_process_died_after_its_halt_row_is_finished_by_the_tick() -> None:
    bot = make_replay([100.0] * 5)
    HaltRequest.objects.create(reason="fire", requested_by="me", at=NOW)

    services.tick(process="beat", now=later(1))
    assert state().state == State.RUNNING
    services.tick(process="beat", now=later(6))

    bot.refresh_from_db()
    assert (state().state, state().reason) == (State.EMERGENCY_STOP, "fire")
    assert bot.status == Bot.Status.STOPPED
    services.tick(process="beat", now=later(12))
    assert AuditEvent.objects.filter(action="system.emergency_stopped").count() == 1


def test_a_halt_without_a_stop_can_be_lifted_by_an_administrator_only() -> None:
    services.ensure_system_state(now=NOW)
    HaltRequest.objects.create(reason="fire", requested_by="me", at=NOW)
    operator, admin = make_user("operator"), make_user("admin")

    with pytest.raises(ResumeNotAllowed):
        services.resume_system(reason="fine", by=operator, now=NOW)
    services.resume_system(reason="fine", by=admin, now=NOW)

    assert claim_denial(epoch=1) is None


# Resume


@pytest.mark.parametrize("role", ["viewer", "operator"])
def test_only_an_administrator_resumes_after_a_stop(role: str) -> None:
    services.ensure_system_state(now=NOW)
    stop()

    with pytest.raises(ResumeNotAllowed):
        services.resume_system(reason="fine", by=make_user(role), now=NOW)

    assert state().state == State.EMERGENCY_STOP


@pytest.mark.parametrize("reason", ["", "   "])
def test_a_resume_after_a_stop_says_why(reason: str) -> None:
    services.ensure_system_state(now=NOW)
    stop()

    with pytest.raises(ReasonRequired):
        services.resume_system(reason=reason, by=make_user("admin"), now=NOW)


def test_a_resume_lifts_every_halt_and_starts_no_bot() -> None:
    bot = make_replay([100.0] * 5)
    stop()
    stop()

    services.resume_system(reason="checked", by=make_user("admin"), now=later(5))

    bot.refresh_from_db()
    assert not HaltRequest.objects.filter(lifted_at=None).exists()
    assert (state().state, state().epoch) == (State.RUNNING, 3)
    assert bot.status == Bot.Status.STOPPED
    assert claim_denial(epoch=3) is None
    assert claim_denial(epoch=2) == "epoch_over"


def test_what_runs_is_not_resumed() -> None:
    services.ensure_system_state(now=NOW)

    with pytest.raises(SystemHalted):
        services.resume_system(reason="why not", by=make_user("admin"), now=NOW)


# Pause


def test_a_pause_holds_bots_and_claims_but_keeps_orders() -> None:
    bot = make_replay([100.0] * 5)
    order = make_order(bot, status=S.OPEN)
    operator = make_user("operator")

    services.pause_system(reason="lunch", by=operator, now=NOW)
    services.run_bot(bot_id=bot.pk, now=NOW)

    order.refresh_from_db()
    assert order.status == S.OPEN
    assert not DecisionRecord.objects.exists()
    assert claim_denial(epoch=1) == "trading_halted"
    services.resume_system(reason="", by=operator, now=NOW + timedelta(minutes=1))
    services.run_bot(bot_id=bot.pk, now=NOW)
    assert DecisionRecord.objects.count() == 5


@pytest.mark.parametrize("before", [State.PAUSED, State.EMERGENCY_STOP])
def test_only_what_runs_is_paused(before: str) -> None:
    services.ensure_system_state(now=NOW)
    SystemState.objects.update(state=before)

    with pytest.raises(SystemHalted):
        services.pause_system(reason="", by=make_user(), now=NOW)


@pytest.mark.parametrize("wanted", list(State))
def test_a_state_asked_for_by_name_goes_its_own_way(wanted: str) -> None:
    services.ensure_system_state(now=NOW)
    SystemState.objects.update(state=State.PAUSED if wanted == State.RUNNING else State.RUNNING)

    reached = services.set_system_state(
        state=wanted, reason="asked", by=make_user("admin"), now=NOW
    )

    assert reached.state == wanted


def test_an_unknown_order_at_the_stop_stays_in_the_proof_until_it_is_found() -> None:
    order = make_order(make_bot(), status=S.UNKNOWN)

    assert stop().orders_unresolved == [order.client_order_id]
    services.sweep_orders(now=NOW, broker_for=FakeBroker(find=Ack(Outcome.NOT_SENT)))

    assert stop().orders_unresolved == []
