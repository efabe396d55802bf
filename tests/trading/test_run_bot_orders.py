"""What a live paper bot's cycle does with orders that wait, work or were left behind."""

from __future__ import annotations

import pytest

from marketdata.quotes import Quote
from tests.trading.cycles import JUST_AFTER, cycle, live, next_candle, reasons
from tests.trading.factories import later, make_order, make_position, quote
from trading import services
from trading.models import Bot, DecisionRecord, Fill, PortfolioSnapshot, Position
from trading.order_state import OrderStatus

pytestmark = pytest.mark.django_db
S = OrderStatus


def test_an_order_takes_at_most_its_share_of_a_candle_over_many_quotes() -> None:
    bot = live(closes=[100.0] * 60, knobs={"volume_cap": "0.05"})  # 50 of 1000 a candle
    for second in range(1, 6):
        cycle(bot, now=later(second))
    assert Position.objects.get().qty == 50

    cycle(bot, now=next_candle(bot, 1))

    assert Position.objects.get().qty == 100


def test_the_same_quote_fills_an_order_once() -> None:
    bot = live(knobs={"volume_cap": "0.05"})
    for second in (1, 2, 3):
        cycle(bot, now=later(second), at=JUST_AFTER)

    assert Fill.objects.count() == 1


@pytest.mark.parametrize("status", [S.SUBMITTING, S.UNKNOWN])
def test_what_a_dead_worker_left_is_looked_up_before_anything_else(status: OrderStatus) -> None:
    bot = live()
    order = make_order(bot, status=status, qty="10")

    cycle(bot)

    order.refresh_from_db()
    assert order.status in {S.OPEN, S.FILLED}


def test_an_order_that_waits_for_a_person_blocks_entries() -> None:
    bot = live()
    make_order(bot, status=S.NEEDS_HUMAN)

    cycle(bot)

    assert reasons(bot) == ["order_unresolved"]


def test_quotes_still_fill_the_working_orders_of_a_stopped_bot() -> None:
    bot = live()
    order = make_order(bot, status=S.OPEN, qty="1", type="LIMIT", price="99")
    services.stop_bot(bot_id=bot.pk, by=None, now=JUST_AFTER)
    assert services.tick(process="beat", now=later(2)).bots == [bot.pk]

    cycle(bot, 98.0, now=later(3))

    order.refresh_from_db()
    bot.refresh_from_db()
    assert order.status == S.FILLED
    assert bot.status == Bot.Status.STOPPED
    assert not DecisionRecord.objects.exists()
    assert PortfolioSnapshot.objects.latest("at").cash == bot.cash


def test_a_stopped_bot_without_orders_is_left_alone() -> None:
    bot = live()
    make_position(bot, "1", "100")
    services.stop_bot(bot_id=bot.pk, by=None, now=JUST_AFTER)

    assert services.tick(process="beat", now=later(2)).bots == []


def test_an_order_that_is_canceled_during_the_cycle_is_not_filled() -> None:
    bot = live(knobs={"max_price_age_s": 30})
    order = make_order(bot, status=S.OPEN, qty="1")
    symbol = bot.symbols.get()

    def canceling(symbol_id: int) -> Quote:
        services.cancel_order(order_id=order.pk, by=None, now=JUST_AFTER)
        return quote(100.0, at=JUST_AFTER)

    services.stop_bot(bot_id=bot.pk, by=None, now=JUST_AFTER)
    services.run_bot(bot_id=bot.pk, now=JUST_AFTER, quote_for=canceling)

    order.refresh_from_db()
    assert (order.status, symbol.fills.count()) == (S.CANCELED, 0)


def test_an_order_that_was_never_submitted_is_submitted_by_the_next_cycle() -> None:
    bot = live()
    order = make_order(bot, qty="10")

    cycle(bot)

    order.refresh_from_db()
    assert order.status in {S.OPEN, S.FILLED}
