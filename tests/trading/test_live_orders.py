"""Live orders at an exchange that loses answers, comes late and fills what should be canceled."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal as D
from typing import Any

import pytest

from marketdata.models import Ticker
from tests.exchange import faults
from tests.exchange.faults import Spoil
from tests.exchange.orders import Status
from tests.trading.factories import make_user
from tests.trading.order_desk import CANCELING, Desk, desk, now_at, steps
from trading import services
from trading.errors import OrderNotOpen
from trading.models import AuditEvent, Bot, Fill, LiveGrant, Order, Position
from trading.order_state import OrderStatus as S
from trading.services import _resolve
from trading.services._fills import apply_fills

__all__ = ["desk"]

pytestmark = pytest.mark.django_db(transaction=True)


class TestAnswers:
    def test_an_acknowledged_order_is_open_with_the_exchanges_id(self, desk: Desk) -> None:
        order = desk.submit(desk.order())
        (taken,) = desk.emulator.ledger.by_client_id(order.client_order_id)
        assert (order.status, order.exchange_order_id) == (S.OPEN, taken.id)
        assert order.account == desk.account

    @pytest.mark.parametrize(
        "spoil", [faults.answer_lost, faults.truncated, faults.status(502, accepted=True)]
    )
    def test_an_order_whose_answer_is_lost_is_found_by_our_id_and_sent_once(
        self, desk: Desk, spoil: Spoil
    ) -> None:
        desk.spoil(spoil)
        order = desk.submit(desk.order())
        assert order.status == S.UNKNOWN

        desk.sweep(1)

        assert now_at(order).status == S.OPEN
        assert steps(order) == [S.SUBMITTING, S.UNKNOWN, S.OPEN]
        assert desk.posts == 1

    def test_an_order_that_never_arrived_is_not_sent_only_when_it_is_too_late_to_arrive(
        self, desk: Desk
    ) -> None:
        desk.spoil(faults.reset)
        order = desk.submit(desk.order())

        desk.sweep(1, 5, 19)
        assert now_at(order).status == S.UNKNOWN
        desk.sweep(21)
        assert now_at(order).status == S.UNKNOWN  # it must be absent twice
        desk.sweep(22)
        assert now_at(order).status == S.UNKNOWN
        desk.sweep(24)

        assert now_at(order).status == S.NOT_SENT
        assert desk.posts == 1
        assert not desk.emulator.ledger.orders

    def test_an_order_that_becomes_visible_late_is_found(self, desk: Desk) -> None:
        desk.spoil(faults.lost_and_hidden(queries=4))
        order = desk.submit(desk.order())
        desk.sweep(1, 2, 3, 4, 5, 6)
        assert now_at(order).status == S.OPEN
        assert desk.posts == 1

    def test_without_any_answer_a_person_must_look_and_the_bot_is_asked_to_stop(
        self, desk: Desk
    ) -> None:
        Bot.objects.filter(pk=desk.bot.pk).update(status=Bot.Status.RUNNING)
        desk.spoil(faults.answer_lost)
        order = desk.submit(desk.order())
        desk.spoil(faults.reset, path="GET ", times=50)

        desk.sweep(30, 60, 119)
        assert now_at(order).status == S.UNKNOWN
        desk.sweep(121)
        assert now_at(order).status == S.NEEDS_HUMAN
        assert Bot.objects.get(pk=desk.bot.pk).stop_requested

        desk.emulator.heal()
        desk.sweep(130)
        assert now_at(order).status == S.OPEN

    def test_an_exchange_that_turns_us_away_has_nothing_and_nothing_is_repeated(
        self, desk: Desk
    ) -> None:
        desk.spoil(faults.status(429), times=9)
        order = desk.submit(desk.order())
        desk.sweep(1, 30)
        assert now_at(order).status == S.NOT_SENT
        assert desk.posts == 1

    def test_a_rejection_names_the_exchanges_code(self, desk: Desk) -> None:
        order = desk.submit(desk.order(qty="0.0001"))
        assert order.status == S.REJECTED
        assert order.reject_code.lstrip("-").isdigit()

    def test_a_claim_that_was_frozen_comes_too_late(self, desk: Desk) -> None:
        desk.began -= timedelta(seconds=40)  # claimed then, sent now
        LiveGrant.objects.update(approved_at=desk.began)
        order = desk.submit(desk.order())
        assert order.status == S.NOT_SENT
        assert not desk.emulator.ledger.orders


class TestFills:
    def test_a_market_order_is_booked_with_the_fee_in_what_was_bought(self, desk: Desk) -> None:
        order = desk.submit(desk.order(type="MARKET"))
        desk.sweep(3)
        order = now_at(order)
        assert (order.status, order.filled_qty) == (S.FILLED, D("0.01"))
        fee = sum(fill.fee for fill in Fill.objects.all())
        assert fee > 0
        assert Position.objects.get().qty == D("0.01") - fee

    def test_the_same_fills_told_again_are_booked_once(self, desk: Desk) -> None:
        order = desk.submit(desk.order())
        desk.emulator.fill(order.client_order_id, "0.004")
        desk.sweep(3)
        desk.emulator.fill(order.client_order_id, "0.003")
        desk.sweep(6, 9, 12)
        order = now_at(order)
        assert (order.status, order.filled_qty) == (S.PARTIAL, D("0.007"))
        assert Fill.objects.count() == 2

    def test_no_end_is_believed_before_all_its_fills_are_booked(self, desk: Desk) -> None:
        order = desk.submit(desk.order())
        desk.emulator.fill(order.client_order_id, "0.004")
        desk.emulator.cancel(order.client_order_id)
        fills = {"binance": "GET /api/v3/myTrades", "bybit": "GET /v5/execution/list"}
        desk.spoil(faults.mangled(lambda rows: []), path=fills[desk.account.exchange])

        desk.sweep(3)
        assert now_at(order).status == S.OPEN
        desk.sweep(6)

        order = now_at(order)
        assert (order.status, order.filled_qty) == (S.CANCELED, D("0.004"))

    def test_an_order_that_the_exchange_ended_is_ended(self, desk: Desk) -> None:
        order = desk.submit(desk.order())
        desk.emulator.expire(order.client_order_id)
        desk.sweep(3)
        assert now_at(order).status in (S.EXPIRED, S.CANCELED)

    def test_an_order_that_is_refused_after_a_partial_fill_keeps_the_fill(self, desk: Desk) -> None:
        order = desk.submit(desk.order())
        desk.emulator.fill(order.client_order_id, "0.004")
        desk.sweep(3)
        desk.emulator.reject(order.client_order_id)
        desk.sweep(6)
        order = now_at(order)
        assert (order.status, order.filled_qty) == (S.CANCELED, D("0.004"))

    def test_an_order_that_can_not_be_booked_does_not_keep_the_others(
        self, desk: Desk, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        bad, good = desk.submit(desk.order()), desk.submit(desk.order())
        for each in (bad, good):
            desk.emulator.fill(each.client_order_id)
        real = apply_fills

        def fussy(*, order: Order, **given: Any) -> Any:
            if order.pk == bad.pk:
                raise ArithmeticError
            return real(order=order, **given)

        monkeypatch.setattr(_resolve, "apply_fills", fussy)
        desk.sweep(3)
        assert (now_at(bad).status, now_at(good).status) == (S.OPEN, S.FILLED)

    def test_an_account_that_does_not_answer_changes_nothing(self, desk: Desk) -> None:
        order = desk.submit(desk.order())
        desk.emulator.fill(order.client_order_id)
        desk.spoil(faults.status(500), path="GET ", times=4)
        desk.sweep(3)
        assert now_at(order).status == S.OPEN
        desk.emulator.heal()
        desk.sweep(6)
        assert now_at(order).status == S.FILLED


class TestCancel:
    def test_an_order_is_canceled_when_the_exchange_shows_it(self, desk: Desk) -> None:
        order = desk.submit(desk.order())
        with pytest.raises(OrderNotOpen):
            services.cancel_order(order_id=order.pk, by=None, now=desk.at(1), broker_for=desk)
        assert now_at(order).status == S.OPEN
        desk.sweep(4)
        order = now_at(order)
        assert (order.status, order.pending_cancel_at) == (S.CANCELED, None)

    def test_a_fill_that_was_faster_stays_a_fill(self, desk: Desk) -> None:
        order = desk.submit(desk.order())
        desk.spoil(faults.fill_wins, path=CANCELING[desk.account.exchange])
        services.cancel_all_orders(by=None, now=desk.at(1), cause="test", broker_for=desk)
        desk.sweep(4)
        assert now_at(order).status == S.FILLED

    def test_a_cancel_that_is_lost_is_asked_again(self, desk: Desk) -> None:
        order = desk.submit(desk.order())
        desk.spoil(faults.reset, path=CANCELING[desk.account.exchange])
        services.cancel_all_orders(by=None, now=desk.at(1), cause="test", broker_for=desk)
        desk.sweep(2, 3, 4)
        assert now_at(order).status == S.OPEN
        desk.sweep(7, 10)
        assert now_at(order).status == S.CANCELED

    def test_an_emergency_stop_cancels_ours_and_leaves_what_others_placed(self, desk: Desk) -> None:
        ours = [desk.submit(desk.order(price=str(39_000 + n), qty="0.001")) for n in range(3)]
        desk.emulator.place_by_hand("BTCUSDT", "BUY", "0.002", "38000")
        services.cancel_all_orders(by=None, now=desk.at(1), cause="emergency_stop", broker_for=desk)
        desk.sweep(4)
        assert {now_at(order).status for order in ours} == {S.CANCELED}
        assert desk.emulator.ledger.order("web_1").status is Status.NEW


class TestGrant:
    def denied(self, desk: Desk, **wanted: Any) -> str:
        order = desk.submit(desk.order(**wanted))
        assert (order.status, desk.posts) == (S.DENIED, 0)
        assert AuditEvent.objects.filter(action="order.denied").exists()
        return str(order.intent.denial)

    def test_without_a_grant_nothing_is_bought(self, desk: Desk) -> None:
        LiveGrant.objects.all().delete()
        assert self.denied(desk) == "live_not_granted"

    @pytest.mark.parametrize(
        "given",
        [{"approved_at": None, "approved_by": None}, {"expires_at": None}, {"revoked_at": None}],
    )
    def test_a_grant_counts_only_while_it_stands(self, desk: Desk, given: dict[str, Any]) -> None:
        changes = {**given}
        if "expires_at" in changes:
            changes["expires_at"] = desk.began
        if "revoked_at" in changes:
            changes["revoked_at"] = desk.began
        LiveGrant.objects.update(**changes)
        assert self.denied(desk) == "live_not_granted"

    def test_an_order_beyond_the_grant_is_denied(self, desk: Desk) -> None:
        assert self.denied(desk, qty="0.126") == "grant_order_exceeded"

    def test_orders_that_work_count_as_exposure(self, desk: Desk) -> None:
        desk.submit(desk.order(qty="0.12"))
        order = desk.submit(desk.order(qty="0.08"))
        assert order.status == S.DENIED
        assert order.intent.denial == "grant_exposure_exceeded"

    def test_a_market_order_without_any_price_is_denied(self, desk: Desk) -> None:
        Ticker.objects.all().delete()
        assert self.denied(desk, type="MARKET") == "live_price_unknown"

    def test_a_disabled_account_sends_nothing(self, desk: Desk) -> None:
        services.set_account_enabled(
            account=desk.account, enabled=False, by=make_user("admin"), now=desk.began
        )
        assert self.denied(desk) == "account_disabled"

    def test_what_was_bought_may_be_sold_without_a_grant(self, desk: Desk) -> None:
        LiveGrant.objects.all().delete()
        order = desk.submit(desk.order(side="SELL", type="MARKET"))
        assert order.status == S.OPEN
