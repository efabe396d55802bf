"""Fills into the books: each counted once, everything else a sum over them."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.trading.factories import NOW, make_bot, make_fill, make_order, make_symbol
from trading import services
from trading.models import AuditEvent, Bot, Fill, Order, Position, Trade
from trading.order_state import OrderStatus
from trading.positions import Filled, Holding, apply_fill
from trading.services import FillReport
from trading.services._fills import holding_of

pytestmark = pytest.mark.django_db

D = Decimal
S = OrderStatus


def report(id: str, qty: str, price: str = "100", *, fee: str = "0.1") -> FillReport:
    return FillReport(id, D(qty), D(price), D(fee), "USDT", False, NOW)


def open_order(bot: Bot, side: str = "BUY", qty: str = "3") -> Order:
    return make_order(bot, status=S.OPEN, side=side, qty=qty)


def test_a_fill_moves_order_position_trade_and_cash_together() -> None:
    bot = make_bot()
    order = open_order(bot, qty="2")

    services.apply_fills(order=order, reports=[report("a", "1"), report("b", "1", "110")], now=NOW)

    order.refresh_from_db()
    bot.refresh_from_db()
    position, trade = Position.objects.get(), Trade.objects.get()
    assert (order.status, order.filled_qty, order.avg_price) == (S.FILLED, 2, 105)
    assert (position.qty, position.avg_cost, position.entry_price) == (2, D("105.1"), 105)
    assert (trade.qty, trade.entry_price, trade.fees, trade.pnl) == (2, 105, D("0.2"), None)
    assert bot.cash == D("10000") - 210 - D("0.2")


def test_a_fill_that_is_told_again_changes_nothing() -> None:
    bot = make_bot()
    order = open_order(bot)
    for _ in range(3):
        services.apply_fills(order=order, reports=[report("a", "1"), report("a", "1")], now=NOW)

    bot.refresh_from_db()
    order.refresh_from_db()
    assert Fill.objects.count() == 1
    assert (bot.cash, order.filled_qty, order.status) == (D("9899.9"), 1, S.PARTIAL)
    assert AuditEvent.objects.filter(action="order.filled").count() == 1


def test_fills_add_up_in_any_order_of_arrival() -> None:
    totals: set[tuple[Decimal, ...]] = set()
    for order_of_arrival in ([0, 1, 2], [2, 0, 1], [1, 1, 0, 2, 0]):
        bot = make_bot(make_symbol(f"C{len(totals)}{order_of_arrival[0]}/USDT"))
        order = open_order(bot)
        told = [report("a", "1", "90"), report("b", "1", "100"), report("c", "1", "110")]
        for index in order_of_arrival:
            services.apply_fills(order=order, reports=[told[index]], now=NOW)
        bot.refresh_from_db()
        order.refresh_from_db()
        average = order.avg_price or D(0)
        totals.add((bot.cash, order.filled_qty, average, Position.objects.get(bot=bot).qty))

    assert totals == {(D("9699.7"), D(3), D(100), D(3))}


def test_the_same_fill_id_of_another_symbol_is_another_fill() -> None:
    one, other = make_symbol("BTC/USDT"), make_symbol("ETH/USDT")
    bot = make_bot(one, other)
    for symbol in (one, other):
        order = make_order(bot, status=S.OPEN, symbol=symbol, qty="1")
        services.apply_fills(order=order, reports=[report("1", "1")], now=NOW)

    assert Fill.objects.count() == 2


@pytest.mark.parametrize("status", [S.SUBMITTING, S.UNKNOWN, S.NEEDS_HUMAN, S.OPEN, S.PARTIAL])
def test_a_fill_may_come_before_the_answer(status: OrderStatus) -> None:
    order = make_order(make_bot(), status=status, qty="1")

    make_fill(order, "1", "100")

    order.refresh_from_db()
    assert order.status == S.FILLED


def test_a_round_trip_closes_with_its_profit_after_fees() -> None:
    bot = make_bot()
    services.apply_fills(order=open_order(bot, qty="1"), reports=[report("a", "1")], now=NOW)
    services.apply_fills(
        order=open_order(bot, "SELL", "1"), reports=[report("b", "1", "110")], now=NOW
    )

    trade, position = Trade.objects.get(), Position.objects.get()
    assert (trade.status, trade.pnl, trade.exit_price) == ("CLOSED", D("9.8"), 110)
    assert (position.qty, position.realized_pnl, position.opened_at) == (0, D("9.8"), None)
    bot.refresh_from_db()
    assert bot.cash == bot.starting_cash + trade.pnl


def test_a_second_entry_after_a_round_trip_is_a_trade_of_its_own() -> None:
    bot = make_bot()
    for number, side in enumerate(("BUY", "SELL", "BUY")):
        services.apply_fills(
            order=open_order(bot, side, "1"), reports=[report(str(number), "1")], now=NOW
        )

    assert list(Trade.objects.order_by("id").values_list("status", flat=True)) == ["CLOSED", "OPEN"]


def test_what_is_left_below_one_lot_ends_the_round_trip() -> None:
    bot = make_bot()
    services.apply_fills(order=open_order(bot, qty="1"), reports=[report("a", "1")], now=NOW)
    services.apply_fills(
        order=open_order(bot, "SELL", "1"), reports=[report("b", "0.9995")], now=NOW
    )

    assert Trade.objects.get().status == "CLOSED"
    assert Position.objects.get().qty == D("0.0005")


@settings(
    max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)
@given(
    moves=st.lists(
        st.tuples(
            st.booleans(),
            st.decimals("0.001", "5", places=3),
            st.decimals("1", "50000", places=2),
            st.decimals("0", "3", places=8),
        ),
        min_size=1,
        max_size=8,
    )
)
def test_the_stored_rows_are_the_fold_over_the_fills(
    moves: list[tuple[bool, Decimal, Decimal, Decimal]],
) -> None:
    bot = make_bot(cash="1000000")
    held = D(0)
    for number, (buy, qty, price, fee) in enumerate(moves):
        buy = buy or not held
        qty = qty if buy else min(qty, held)
        held += qty if buy else -qty
        order = open_order(bot, "BUY" if buy else "SELL", str(qty))
        services.apply_fills(
            order=order,
            reports=[report(f"{bot.pk}-{number}", str(qty), str(price), fee=str(fee))],
            now=NOW,
        )

    _check_books(bot)


def _check_books(bot: Bot) -> None:
    bot.refresh_from_db()
    position, folded, cash = Position.objects.get(bot=bot), Holding(), bot.starting_cash
    for fill in Fill.objects.filter(bot=bot).order_by("id"):
        told = Filled(fill.side == "BUY", fill.qty, fill.price, fill.fee)
        folded, cash = apply_fill(folded, told), cash + told.cash_change
    assert holding_of(position) == folded
    assert bot.cash == cash
    closed = sum((trade.pnl or 0 for trade in Trade.objects.filter(bot=bot)), D(0))
    if not position.qty:
        assert abs(closed - position.realized_pnl) < D("1e-12")
