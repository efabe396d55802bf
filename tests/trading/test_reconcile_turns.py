"""Silence, turns and people: when cycles run, and what ends an incident."""

from __future__ import annotations

import pytest
from django.conf import settings

from tests.exchange import faults
from tests.trading.factories import make_user
from tests.trading.order_desk import Desk, desk, now_at
from tests.trading.reconciling import (
    BALANCES,
    FILLS,
    OPEN_ORDERS,
    actions,
    due,
    put_aside,
    reconcile,
    reconciled,
    rows,
    unpaced,
)
from trading import services, tasks
from trading.brokers import AccountBroker
from trading.errors import (
    IncidentNotOpen,
    IncidentUnknown,
    IncidentWithoutOrder,
    ReasonRequired,
)
from trading.models import (
    AuditEvent,
    BalanceAdjustment,
    Bot,
    ExchangeAccount,
    HaltRequest,
    Incident,
    Order,
    ReconcileRun,
    Reconciliation,
)
from trading.order_state import OrderStatus as S
from trading.services.reconciliation._reconcile import LEASE, _lease

__all__ = ["desk", "unpaced"]

pytestmark = pytest.mark.django_db(transaction=True)

Kind, State, Outcome = Incident.Kind, Incident.State, ReconcileRun.Outcome


class TestCancelThere:
    def cancel(self, desk: Desk, incident: Incident) -> None:
        def broker_of(account: ExchangeAccount) -> AccountBroker:
            return desk.broker

        services.cancel_incident_order(
            incident_id=incident.pk, by=make_user(), now=desk.at(31), broker_of=broker_of
        )

    @pytest.mark.parametrize("kind", [Kind.ORPHAN, Kind.ORDER_STATE])
    def test_an_order_with_our_mark_that_works_there_only_is_canceled_by_a_person(
        self, desk: Desk, kind: str
    ) -> None:
        reconcile(desk, 0)
        order = desk.submit(desk.order())
        if kind == Kind.ORPHAN:
            put_aside(order)
        else:
            Order.objects.filter(pk=order.pk).update(status=S.CANCELED)
        reconcile(desk, 30)
        incident = Incident.objects.get()
        assert incident.kind == kind

        self.cancel(desk, incident)

        assert not desk.emulator.ledger.open_orders()
        assert due(desk, 31)
        assert actions()[-1] == "cancel_asked"
        assert reconciled(desk, 32) == [Outcome.CLEAN]
        assert Incident.objects.get().state == State.RESOLVED
        with pytest.raises(IncidentNotOpen):
            self.cancel(desk, incident)

    def test_nothing_else_is(self, desk: Desk) -> None:
        reconcile(desk, 0)
        desk.emulator.place_by_hand("BTCUSDT", "BUY", "0.002", "38000")
        desk.emulator.deposit("USDT", 5)
        reconcile(desk, 30)

        with pytest.raises(IncidentWithoutOrder):
            self.cancel(desk, Incident.objects.get())
        with pytest.raises(IncidentUnknown):
            services.cancel_incident_order(incident_id=0, by=make_user(), now=desk.at(31))
        assert len(desk.emulator.ledger.open_orders()) == 1


class TestSilence:
    @pytest.mark.parametrize("where", [OPEN_ORDERS, FILLS, BALANCES])
    @pytest.mark.parametrize("spoil", [faults.status(500), faults.status(429), faults.truncated])
    def test_an_exchange_that_does_not_tell_changes_nothing(
        self, desk: Desk, where: dict[str, str], spoil: faults.Spoil
    ) -> None:
        reconcile(desk, 0)
        order = desk.submit(desk.order())
        desk.emulator.deposit("USDT", 5)
        reconcile(desk, 30)
        before = rows()
        desk.spoil(spoil, path=where[desk.account.exchange], times=9)

        run = reconcile(desk, 60)

        assert (run.outcome, rows()) == (Outcome.ABORTED, before)
        assert run.error
        assert Incident.objects.get().sightings == 1
        assert now_at(order).status == S.OPEN
        standing = Reconciliation.objects.get()
        assert (standing.unreachable_since, standing.due_at) == (desk.at(60), desk.at(65))
        desk.emulator.heal()
        assert reconcile(desk, 65).outcome == Outcome.DIFFERENT
        assert Reconciliation.objects.get().unreachable_since is None

    def test_no_answer_about_one_order_is_no_verdict(self, desk: Desk) -> None:
        reconcile(desk, 0)
        order = desk.submit(desk.order())
        desk.emulator.fill(order.client_order_id)
        path = {"binance": "GET /api/v3/order", "bybit": "GET /v5/order/history"}
        if desk.account.exchange == "binance":
            desk.spoil(faults.reset, path=path["binance"], times=9)
            assert reconciled(desk, 30) == [Outcome.ABORTED]
            assert now_at(order).status == S.OPEN


class TestTurns:
    def test_two_workers_take_turns(self, desk: Desk) -> None:
        reconcile(desk, 0)
        Reconciliation.objects.update(lease_until=desk.at(120))
        held = services.reconcile_account(account_id=desk.account.pk, now=desk.at(30))
        assert held is None
        assert reconciled(desk, 121) == [Outcome.CLEAN]

    def test_a_worker_that_was_overtaken_writes_nothing(self, desk: Desk) -> None:
        reconcile(desk, 0)
        desk.emulator.deposit("USDT", 5)

        def broker_of(account: ExchangeAccount) -> AccountBroker:
            Reconciliation.objects.update(fence=99)
            return desk.broker

        run = services.reconcile_account(
            account_id=desk.account.pk, now=desk.at(30), broker_of=broker_of
        )
        assert run is None
        assert ReconcileRun.objects.count() == 1
        assert not Incident.objects.exists()

    def test_it_is_due_each_half_minute(self, desk: Desk) -> None:
        assert due(desk, 0)
        reconcile(desk, 0)
        assert [due(desk, seconds) for seconds in (0, 29, 30)] == [False, False, True]

    def test_it_is_due_a_second_after_a_stop(self, desk: Desk) -> None:
        reconcile(desk, 0)
        HaltRequest.objects.create(reason="x", requested_by="x", at=desk.at(5))
        assert [due(desk, seconds) for seconds in (5.5, 6)] == [False, True]
        reconcile(desk, 6)
        assert not due(desk, 8)

    def test_it_is_due_at_once_when_an_account_answers_again(self, desk: Desk) -> None:
        reconcile(desk, 0)
        desk.submit(desk.order())
        desk.spoil(faults.status(500), path="GET ", times=1)
        desk.sweep(3)
        assert Reconciliation.objects.get().unreachable_since == desk.at(3)
        desk.sweep(5.5)
        assert due(desk, 5.5)

    def test_it_is_due_when_a_person_asks(self, desk: Desk) -> None:
        reconcile(desk, 0)
        asked = services.request_reconciliation(by=make_user(), now=desk.at(3))
        assert asked == [desk.account]
        assert due(desk, 3)
        assert AuditEvent.objects.filter(action="reconciliation.requested").exists()

    def test_it_is_due_a_second_after_a_stream_came_back(self, desk: Desk) -> None:
        reconcile(desk, 0)
        services.reconcile_soon(account_id=desk.account.pk, now=desk.at(3))
        assert [due(desk, seconds) for seconds in (3.5, 4)] == [False, True]

    def test_a_cycle_of_a_worker_that_died_is_over_when_its_lease_is(self, desk: Desk) -> None:
        assert _lease(desk.account.pk, desk.at(0)) is not None
        assert not Reconciliation.objects.filter(lease_until=None).exists()
        assert reconciled(desk, 61) == [Outcome.CLEAN]

    def test_accounts_that_nothing_uses_are_left_alone(self, desk: Desk) -> None:
        Bot.objects.update(paper_mode=True, account=None)
        assert not due(desk, 0)
        order = desk.order()
        Order.objects.filter(pk=order.pk).update(account=desk.account, status=S.OPEN)
        ExchangeAccount.objects.update(enabled=False)
        assert due(desk, 0)
        Order.objects.filter(pk=order.pk).update(status=S.CANCELED)
        assert not due(desk, 0)

    def test_the_tick_names_accounts_that_are_due(self, desk: Desk) -> None:
        hints = services.tick(process="beat", now=desk.at(0))
        assert hints.accounts == (desk.account.pk,)

    def test_its_hints_are_tasks_that_end_before_their_lease(
        self, desk: Desk, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        sent: list[dict[str, int]] = []
        task = tasks.reconcile_account
        monkeypatch.setattr(task, "apply_async", lambda kwargs, expires: sent.append(kwargs))

        tasks.send_hints(services.tick(process="beat", now=desk.at(0)))

        assert sent == [{"account_id": desk.account.pk}]
        assert (task.time_limit or 999) < LEASE.total_seconds()
        assert settings.CELERY_TASK_ROUTES[task.name]["queue"] == "orders"

    def test_all_that_are_due_are_reconciled(self, desk: Desk) -> None:
        def broker_of(account: ExchangeAccount) -> AccountBroker:
            return desk.broker

        assert services.reconcile_due(now=desk.at(0), broker_of=broker_of) == 1
        assert services.reconcile_due(now=desk.at(1), broker_of=broker_of) == 0

    def test_old_runs_are_pruned(self, desk: Desk) -> None:
        reconcile(desk, 0)
        ReconcileRun.objects.update(started_at=desk.at(-8 * 86_400))
        reconcile(desk, 30)
        assert ReconcileRun.objects.count() == 1


class TestAcknowledge:
    def test_it_needs_a_reason_and_an_open_incident(self, desk: Desk) -> None:
        reconcile(desk, 0)
        desk.emulator.deposit("USDT", 5)
        reconciled(desk, 30, 60)
        incident, person, now = Incident.objects.get(), make_user(), desk.at(61)
        with pytest.raises(ReasonRequired):
            services.acknowledge_incident(incident_id=incident.pk, reason=" ", by=person, now=now)
        with pytest.raises(IncidentUnknown):
            services.acknowledge_incident(incident_id=0, reason="x", by=person, now=now)
        services.acknowledge_incident(incident_id=incident.pk, reason="x", by=person, now=now)
        with pytest.raises(IncidentNotOpen):
            services.acknowledge_incident(incident_id=incident.pk, reason="x", by=person, now=now)
        assert BalanceAdjustment.objects.count() == 1
