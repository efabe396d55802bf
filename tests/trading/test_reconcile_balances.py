"""Balances of an exchange held against what our fills say."""

from __future__ import annotations

from decimal import Decimal as D

import pytest

from tests.exchange import faults
from tests.trading.order_desk import Desk, desk
from tests.trading.reconciling import (
    BALANCES,
    acknowledge,
    actions,
    reconcile,
    reconciled,
    shifted,
    submit,
    unpaced,
)
from trading.errors import (
    IncidentUnconfirmed,
)
from trading.models import (
    BalanceAdjustment,
    Incident,
    ReconcileRun,
)
from trading.order_state import OrderStatus as S

__all__ = ["desk", "unpaced"]

pytestmark = pytest.mark.django_db(transaction=True)

Kind, State, Outcome = Incident.Kind, Incident.State, ReconcileRun.Outcome


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
        moving = faults.Spoil("moving", change=lambda answer: shifted(answer, next(reads)))
        desk.spoil(moving, path=BALANCES[desk.account.exchange], times=99)
        assert reconciled(desk, 30) == [Outcome.CLEAN]
        assert not Incident.objects.exists()
        desk.emulator.heal()
        assert reconciled(desk, 60) == [Outcome.DIFFERENT]
