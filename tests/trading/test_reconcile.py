"""Our books held against an exchange: each class of difference, on both exchanges."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal as D
from typing import Any

import orjson
import pytest
from django.conf import settings
from django.db import connection

from tests.exchange import faults
from tests.exchange.accounts import FeeIn
from tests.trading.factories import make_user
from tests.trading.test_live_orders import Desk, desk, now_at, steps
from trading import services, tasks
from trading.brokers import AccountBroker
from trading.errors import (
    IncidentNotOpen,
    IncidentUnconfirmed,
    IncidentUnknown,
    IncidentWithoutOrder,
    ReasonRequired,
)
from trading.models import (
    AuditEvent,
    BalanceAdjustment,
    Bot,
    ExchangeAccount,
    Fill,
    FillCursor,
    HaltRequest,
    Incident,
    OpeningBalance,
    Order,
    OrderIntent,
    ReconcileRun,
    Reconciliation,
)
from trading.order_state import OrderStatus as S
from trading.reconciliation import Difference
from trading.services.reconciliation import _look
from trading.services.reconciliation._reconcile import LEASE, _lease, due_accounts, ledger_of

__all__ = ["desk"]

pytestmark = pytest.mark.django_db(transaction=True)

Kind, State, Outcome = Incident.Kind, Incident.State, ReconcileRun.Outcome
OPEN_ORDERS = {"binance": "GET /api/v3/openOrders", "bybit": "GET /v5/order/realtime"}
FILLS = {"binance": "GET /api/v3/myTrades", "bybit": "GET /v5/execution/list"}
BALANCES = {"binance": "GET /api/v3/account", "bybit": "GET /v5/account/wallet-balance"}
CANCELING = {"binance": "DELETE /api/v3/order", "bybit": "POST /v5/order/cancel"}


@pytest.fixture(autouse=True)
def unpaced(desk: Desk) -> None:
    """The emulator has no limits to keep to, and is slow only where the machine is."""
    desk.broker._client.enableRateLimit = False
    desk.broker._client.timeout = 10_000


def reconcile(desk: Desk, at: float) -> ReconcileRun:
    def broker_of(account: ExchangeAccount) -> AccountBroker:
        return desk.broker

    run = services.reconcile_account(
        account_id=desk.account.pk, now=desk.at(at), broker_of=broker_of
    )
    assert run is not None
    return run


def submit(desk: Desk, order: Order, at: float) -> Order:
    """At that time by the exchange's clock, too: it takes no request from the future."""
    desk.emulator.skew_ms = round(at * 1000)
    sent = desk.submit(order, at=at)
    desk.emulator.skew_ms = 0
    return sent


def reconciled(desk: Desk, *at: float) -> list[str]:
    return [reconcile(desk, seconds).outcome for seconds in at]


def rows() -> dict[str, int]:
    models: list[Any] = [
        Fill, Order, OrderIntent, Incident, OpeningBalance, BalanceAdjustment, FillCursor,
    ]  # fmt: skip
    return {model.__name__: model.objects.count() for model in models}


def actions() -> list[str]:
    kept = AuditEvent.objects.filter(action__startswith="incident.").order_by("seq")
    return [action.removeprefix("incident.") for action in kept.values_list("action", flat=True)]


def put_aside(order: Order) -> None:
    """As if a backup from before the order had been restored."""
    with connection.cursor() as cursor:
        for table in ("trading_ordertransition", "trading_order"):
            column = "id" if table == "trading_order" else "order_id"
            cursor.execute(f"DELETE FROM {table} WHERE {column} = %s", [order.pk])  # noqa: S608


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


class TestBalances:
    @pytest.mark.parametrize(("asset", "qty"), [("USDT", "250"), ("BTC", "-0.25"), ("DOGE", "7")])
    def test_money_from_elsewhere_is_a_drift_until_somebody_says_what_it_is(
        self, desk: Desk, asset: str, qty: str
    ) -> None:
        reconcile(desk, 0)
        desk.emulator.deposit(asset, qty)

        reconcile(desk, 30)
        incident = Incident.objects.get()
        assert (incident.kind, incident.asset, incident.drift) == (Kind.BALANCE, asset, False)
        assert incident.evidence["difference"] == qty
        with pytest.raises(IncidentUnconfirmed):
            acknowledge(desk, incident)

        reconcile(desk, 60)
        incident.refresh_from_db()
        assert (incident.drift, incident.sightings) == (True, 2)

        person = acknowledge(desk, incident)
        incident.refresh_from_db()
        assert (incident.owner, incident.reason) == (person, "a transfer")
        assert BalanceAdjustment.objects.get().change == D(qty)
        assert reconciled(desk, 90) == [Outcome.CLEAN]
        incident.refresh_from_db()
        assert incident.state == State.RESOLVED
        assert actions() == ["opened", "confirmed", "acknowledged", "resolved"]

    def test_less_than_a_step_is_no_difference(self, desk: Desk) -> None:
        reconcile(desk, 0)
        desk.emulator.deposit("BTC", "0.00001")
        desk.emulator.deposit("USDT", "-0.01")
        assert reconciled(desk, 30) == [Outcome.CLEAN]

    def test_a_difference_blocks_what_it_touches_and_nothing_is_bought(self, desk: Desk) -> None:
        reconcile(desk, 0)
        desk.emulator.deposit("BTC", 1)
        reconciled(desk, 30)
        assert submit(desk, desk.order(qty="0.001"), at=31).status == S.OPEN
        reconciled(desk, 60)

        order = submit(desk, desk.order(qty="0.001"), at=61)
        assert (order.status, order.intent.denial) == (S.DENIED, "symbol_blocked")
        sale = submit(desk, desk.order(side="SELL", type="MARKET", qty="0.001"), at=61)
        assert sale.status == S.OPEN

        acknowledge(desk, Incident.objects.get(state=State.OPEN))
        assert submit(desk, desk.order(qty="0.001"), at=63).status == S.OPEN

    def test_nothing_is_bought_on_books_that_were_not_read_for_long(self, desk: Desk) -> None:
        reconcile(desk, 0)
        assert submit(desk, desk.order(qty="0.001"), at=119).status == S.OPEN

        order = submit(desk, desk.order(qty="0.001"), at=121)
        assert (order.status, order.intent.denial) == (S.DENIED, "books_unread")
        sale = submit(desk, desk.order(side="SELL", type="MARKET", qty="0.001"), at=121)
        assert sale.status == S.OPEN

    def test_another_asset_blocks_nothing_of_this_symbol(self, desk: Desk) -> None:
        reconcile(desk, 0)
        desk.emulator.deposit("DOGE", 1000)
        reconciled(desk, 30, 60)
        assert Incident.objects.get().blocks
        assert submit(desk, desk.order(), at=61).status == S.OPEN

    def test_trades_of_others_are_the_evidence(self, desk: Desk) -> None:
        reconcile(desk, 0)
        desk.emulator.place_by_hand("BTCUSDT", "BUY", "0.002", "38000")
        desk.emulator.fill("web_1")
        reconcile(desk, 30)
        found = {row.asset: row.evidence["external_fills"] for row in Incident.objects.all()}
        assert set(found) == {"BTC", "USDT"}
        assert found["BTC"][0]["qty"] == "0.002"

    def test_a_difference_that_goes_away_is_over(self, desk: Desk) -> None:
        reconcile(desk, 0)
        desk.emulator.deposit("USDT", 5)
        reconcile(desk, 30)
        desk.emulator.deposit("USDT", -5)
        assert reconciled(desk, 60) == [Outcome.CLEAN]
        incident = Incident.objects.get()
        assert (incident.state, incident.drift) == (State.RESOLVED, False)
        desk.emulator.deposit("USDT", 5)
        reconciled(desk, 90)
        assert Incident.objects.count() == 2

    def test_what_was_acknowledged_and_grows_is_open_again(self, desk: Desk) -> None:
        reconcile(desk, 0)
        desk.emulator.deposit("USDT", 5)
        reconciled(desk, 30, 60)
        desk.emulator.deposit("USDT", 7)
        acknowledge(desk, Incident.objects.get())

        reconcile(desk, 90)

        incident = Incident.objects.get()
        assert incident.blocks
        assert incident.evidence["difference"] == "7"
        acknowledge(desk, incident)
        assert reconciled(desk, 120) == [Outcome.CLEAN]

    def test_balances_that_move_while_they_are_read_are_not_judged(self, desk: Desk) -> None:
        reconcile(desk, 0)
        desk.emulator.deposit("USDT", 5)
        reads = iter(range(100))
        moving = faults.Spoil("moving", change=lambda answer: _shifted(answer, next(reads)))
        desk.spoil(moving, path=BALANCES[desk.account.exchange], times=99)
        assert reconciled(desk, 30) == [Outcome.CLEAN]
        assert not Incident.objects.exists()
        desk.emulator.heal()
        assert reconciled(desk, 60) == [Outcome.DIFFERENT]


def acknowledge(desk: Desk, incident: Incident) -> Any:
    person = make_user()
    services.acknowledge_incident(
        incident_id=incident.pk, reason="a transfer", by=person, now=desk.at(62)
    )
    return person


def _shifted(answer: faults.Answer, by: int) -> faults.Answer:
    body = orjson.loads(answer.body)
    if "balances" in body:
        held, field = body["balances"][0], "free"
    else:
        held, field = body["result"]["list"][0]["coin"][0], "walletBalance"
    held[field] = str(D(held[field]) + by)
    return faults.Answer(answer.status, orjson.dumps(body), answer.headers)


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


def due(desk: Desk, at: float) -> bool:
    now: datetime = desk.at(at)
    return due_accounts(now).filter(pk=desk.account.pk).exists()


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
