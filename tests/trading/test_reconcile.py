"""Our books held against an exchange: what agrees, fills and orders, on both exchanges."""

from __future__ import annotations

from decimal import Decimal as D
from typing import Any

import pytest

from tests.exchange import faults
from tests.exchange.accounts import FeeIn
from tests.trading.factories import make_user
from tests.trading.order_desk import Desk, desk, now_at, steps
from tests.trading.reconciling import (
    FILLS,
    acknowledge,
    actions,
    put_aside,
    reconcile,
    reconciled,
    rows,
    submit,
    unpaced,
)
from trading import services
from trading.models import (
    AuditEvent,
    Bot,
    Fill,
    Incident,
    OpeningBalance,
    Order,
    ReconcileRun,
    Reconciliation,
)
from trading.order_state import OrderStatus as S
from trading.reconciliation import Difference
from trading.services.reconciliation import _look
from trading.services.reconciliation._reconcile import ledger_of

__all__ = ["desk", "unpaced"]

pytestmark = pytest.mark.django_db(transaction=True)

Kind, State, Outcome = Incident.Kind, Incident.State, ReconcileRun.Outcome


class TestClean:
    def test_what_was_traded_and_paid_agrees(self, desk: Desk) -> None:
        assert reconciled(desk, 0) == [Outcome.CLEAN]
        desk.submit(desk.order(type="MARKET"))
        order = desk.submit(desk.order())
        desk.emulator.fill(order.client_order_id, "0.004")

        run = reconcile(desk, 30)

        assert (run.outcome, run.fills_booked, run.orders_seen) == (Outcome.CLEAN, 2, 1)
        assert now_at(order).filled_qty == D("0.004")
        assert not Incident.objects.exists()

    def test_the_opening_is_what_was_there_before_our_own_orders(self, desk: Desk) -> None:
        desk.submit(desk.order(type="MARKET"))
        desk.sweep(3)
        reconcile(desk, 30)
        opening = dict(OpeningBalance.objects.values_list("asset", "qty"))
        assert opening == {"BTC": D(1), "USDT": D(100_000)}
        assert AuditEvent.objects.filter(action="reconciliation.opened").count() == 1

    @pytest.mark.parametrize("fee_in", [FeeIn.RECEIVED, FeeIn.QUOTE, FeeIn.THIRD])
    def test_fees_in_any_asset_agree(self, desk: Desk, fee_in: FeeIn) -> None:
        desk.emulator.deposit("BNB", 5)
        desk.emulator.set_price("BNBUSDT", 600)
        desk.emulator.account.fee_in = fee_in
        reconcile(desk, 0)
        desk.submit(desk.order(type="MARKET"))
        desk.submit(desk.order(type="MARKET", side="SELL", qty="0.00333"))

        run = reconcile(desk, 30)

        assert (run.outcome, run.fills_booked) == (Outcome.CLEAN, 2)
        wanted = {FeeIn.RECEIVED: {"BTC", "USDT"}, FeeIn.QUOTE: {"USDT"}, FeeIn.THIRD: {"BNB"}}
        assert set(Fill.objects.values_list("fee_asset", flat=True)) == wanted[fee_in]

    def test_a_second_cycle_adds_no_row(self, desk: Desk) -> None:
        reconcile(desk, 0)
        order = desk.submit(desk.order())
        desk.emulator.fill(order.client_order_id, "0.004")
        desk.emulator.deposit("USDT", 5)
        reconcile(desk, 30)
        before = rows()

        reconcile(desk, 31)
        reconcile(desk, 62)

        assert rows() == before

    def test_an_order_in_flight_is_not_judged(self, desk: Desk) -> None:
        reconcile(desk, 0)
        desk.spoil(faults.answer_lost)
        order = submit(desk, desk.order(type="MARKET"), at=28)
        assert order.status == S.UNKNOWN

        assert reconciled(desk, 30, 31) == [Outcome.CLEAN, Outcome.CLEAN]

        desk.sweep(32)
        assert now_at(order).status == S.FILLED
        assert reconciled(desk, 60) == [Outcome.CLEAN]
        assert not Incident.objects.exists()

    def test_orders_of_others_are_listed_and_left_alone(self, desk: Desk) -> None:
        reconcile(desk, 0)
        desk.emulator.place_by_hand("BTCUSDT", "BUY", "0.002", "38000")

        run = reconcile(desk, 30)

        assert (run.outcome, run.external_orders) == (Outcome.CLEAN, 1)
        (external,) = Reconciliation.objects.get().external_orders
        assert (external["client_order_id"], external["qty"]) == ("web_1", "0.002")
        assert not desk.emulator.ledger.cancels


class TestFills:
    def test_a_fill_that_overtook_our_cancel_is_booked(self, desk: Desk) -> None:
        reconcile(desk, 0)
        order = desk.submit(desk.order())
        desk.emulator.fill(order.client_order_id, "0.004")
        desk.emulator.cancel(order.client_order_id)
        Order.objects.filter(pk=order.pk).update(status=S.CANCELED)

        assert reconciled(desk, 30) == [Outcome.CLEAN]

        assert now_at(order).filled_qty == D("0.004")
        assert AuditEvent.objects.filter(action="verdict.contradicted").exists()
        reconcile(desk, 60)
        assert now_at(order).status == S.CANCELED

    def test_an_order_held_for_never_sent_that_works_is_taken_up(self, desk: Desk) -> None:
        reconcile(desk, 0)
        order = desk.submit(desk.order())
        Order.objects.filter(pk=order.pk).update(status=S.NOT_SENT, exchange_order_id="")

        assert reconciled(desk, 30) == [Outcome.CLEAN]

        assert now_at(order).status == S.OPEN
        assert now_at(order).exchange_order_id
        assert AuditEvent.objects.filter(action="verdict.contradicted").exists()

    def test_an_order_held_for_never_sent_that_filled_is_booked(self, desk: Desk) -> None:
        reconcile(desk, 0)
        order = desk.submit(desk.order(type="MARKET"))
        Order.objects.filter(pk=order.pk).update(status=S.NOT_SENT, exchange_order_id="")

        assert reconciled(desk, 30) == [Outcome.CLEAN]
        assert (now_at(order).status, now_at(order).filled_qty) == (S.FILLED, D("0.01"))

    def test_more_than_was_ordered_is_a_difference_and_not_booked(self, desk: Desk) -> None:
        reconcile(desk, 0)
        order = desk.submit(desk.order(type="MARKET"))
        desk.sweep(3)
        Fill.objects.filter(order=order).update(exchange_fill_id="another")

        assert reconciled(desk, 30) == [Outcome.DIFFERENT]
        (incident,) = Incident.objects.filter(kind=Kind.FILLS)
        assert (incident.order, incident.ours, incident.theirs) == (order, "0.01", "0.02")

    def test_a_sale_of_more_than_is_held_is_a_difference_and_ends_no_cycle(
        self, desk: Desk
    ) -> None:
        reconcile(desk, 0)
        order = desk.submit(desk.order(side="SELL", type="MARKET", qty="0.001"))

        assert reconciled(desk, 30, 60) == [Outcome.DIFFERENT] * 2

        incident = Incident.objects.get(kind=Kind.FILLS)
        assert (incident.order, incident.ours, incident.theirs) == (order, "0", "0.001")
        assert incident.blocks

    def test_a_fill_that_another_worker_books_after_the_balances_is_no_difference(
        self, desk: Desk, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        reconcile(desk, 0)
        order = desk.submit(desk.order())
        real = _look._orders_that_differ

        def overtaken(*args: Any) -> list[Difference]:
            desk.emulator.fill(order.client_order_id)
            desk.sweep(30)
            return real(*args)

        monkeypatch.setattr(_look, "_orders_that_differ", overtaken)

        assert reconciled(desk, 30) == [Outcome.CLEAN]
        assert now_at(order).status == S.FILLED
        assert reconciled(desk, 60) == [Outcome.CLEAN]

    def test_fills_that_the_exchange_counts_but_does_not_list_differ(self, desk: Desk) -> None:
        reconcile(desk, 0)
        order = desk.submit(desk.order())
        desk.emulator.fill(order.client_order_id, "0.004")
        desk.spoil(faults.mangled(lambda rows: []), path=FILLS[desk.account.exchange], times=4)

        assert reconciled(desk, 30) == [Outcome.DIFFERENT]
        assert Incident.objects.filter(kind=Kind.FILLS, ours="0", theirs="0.004").exists()
        desk.emulator.heal()
        assert reconciled(desk, 60) == [Outcome.CLEAN]
        assert set(Incident.objects.values_list("state", flat=True)) == {State.RESOLVED}


class TestOrders:
    def test_an_order_of_ours_without_a_row_is_an_orphan_that_blocks_at_once(
        self, desk: Desk
    ) -> None:
        Bot.objects.filter(pk=desk.bot.pk).update(status=Bot.Status.RUNNING)
        reconcile(desk, 0)
        order = desk.submit(desk.order())
        put_aside(order)

        assert reconciled(desk, 30) == [Outcome.DIFFERENT]

        incident = Incident.objects.get()
        assert (incident.kind, incident.key) == (Kind.ORPHAN, order.client_order_id)
        assert incident.blocks
        assert Bot.objects.get(pk=desk.bot.pk).stop_requested
        blocked = submit(desk, desk.order(), at=31)
        assert (blocked.status, blocked.intent.denial) == (S.DENIED, "symbol_blocked")
        assert len(desk.emulator.ledger.open_orders()) == 1

        desk.emulator.cancel(order.client_order_id)
        assert reconciled(desk, 60) == [Outcome.CLEAN]
        assert Incident.objects.get().state == State.RESOLVED
        assert actions() == ["opened", "confirmed", "resolved"]

    def test_a_working_order_that_the_exchange_does_not_know_is_missing(self, desk: Desk) -> None:
        reconcile(desk, 0)
        order = desk.order()
        Order.objects.filter(pk=order.pk).update(
            status=S.OPEN, exchange_order_id="4711", sent_at=desk.at(0)
        )

        assert reconciled(desk, 30, 60) == [Outcome.DIFFERENT] * 2

        incident = Incident.objects.get()
        assert (incident.kind, incident.theirs, incident.drift) == (
            Kind.ORDER_MISSING,
            "absent",
            True,
        )
        services.acknowledge_incident(
            incident_id=incident.pk, reason="gone", by=make_user(), now=desk.at(61)
        )
        assert now_at(order).status == S.CANCELED
        assert reconciled(desk, 90) == [Outcome.CLEAN]

    def test_an_order_that_works_there_and_ended_here_differs(self, desk: Desk) -> None:
        reconcile(desk, 0)
        order = desk.submit(desk.order())
        Order.objects.filter(pk=order.pk).update(status=S.CANCELED)

        assert reconciled(desk, 30, 60) == [Outcome.DIFFERENT] * 2

        incident = Incident.objects.get()
        assert (incident.kind, incident.ours, incident.theirs) == (
            Kind.ORDER_STATE,
            "CANCELED",
            "OPEN",
        )
        assert incident.blocks
        assert steps(order)[-1] == S.OPEN


def test_the_ledger_is_what_the_exchange_owes(desk: Desk) -> None:
    reconcile(desk, 0)
    desk.submit(desk.order(type="MARKET"))
    desk.emulator.deposit("USDT", 3)
    reconciled(desk, 30, 60)
    acknowledge(desk, Incident.objects.get())
    totals = {"BTC": D(1), "USDT": D(100_000)}
    for asset, change in ledger_of(desk.account):
        totals[asset] += change
    owned = {name: held.total for name, held in desk.emulator.account.balances.items()}
    assert totals == {asset: qty for asset, qty in owned.items() if qty}
