"""A live paper bot: the newest closed candle decides, quotes fill."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest

from marketdata.models import Symbol
from tests.trading.cycles import JUST_AFTER, cycle, fill_prices, live, next_candle, reasons
from tests.trading.factories import NOW as MIDNIGHT
from tests.trading.factories import QUICK, later, make_position, make_symbol, no_quotes
from trading import services
from trading.models import DecisionRecord, Fill, Order, PortfolioSnapshot, Position

pytestmark = pytest.mark.django_db
D = Decimal


def test_the_newest_closed_candle_decides_and_the_quote_fills() -> None:
    bot = cycle(live(), 101.0, ask=101.5)

    assert reasons(bot) == ["signal_enter"]
    assert fill_prices(bot) == [("BUY", D("101.5"))]
    assert Fill.objects.get().at == JUST_AFTER


def test_a_candle_is_decided_once_however_often_the_bot_runs() -> None:
    bot = live()
    for second in range(1, 6):
        cycle(bot, now=later(second))

    assert reasons(bot) == ["signal_enter"]
    assert Order.objects.count() == Fill.objects.count() == 1


def test_each_following_candle_is_decided_when_it_closes() -> None:
    bot = cycle(live())
    cycle(bot, now=later(200))
    cycle(bot, now=next_candle(bot, 1))

    assert reasons(bot) == ["signal_enter", "already_long"]


@pytest.mark.parametrize(("age_s", "code"), [(29, "signal_enter"), (31, "price_stale")])
def test_a_stale_price_denies_the_order(age_s: int, code: str) -> None:
    bot = live(knobs={"max_price_age_s": 30})

    cycle(bot, now=later(60), at=later(60 - age_s))

    decision = DecisionRecord.objects.get()
    assert decision.reason == code
    assert (decision.action == "DENIED") == (code == "price_stale")


def test_without_a_quote_the_close_is_the_price_and_it_grows_old() -> None:
    bot = live(knobs={"max_price_age_s": 30})

    cycle(bot, None, now=later(31))

    assert reasons(bot) == ["price_stale"]


def test_a_quote_from_before_the_close_fills_no_order_of_that_close() -> None:
    bot = live()

    cycle(bot, 90.0, now=later(2), at=later(-1))
    assert not Fill.objects.exists()
    cycle(bot, 101.0, now=later(3))

    assert fill_prices(bot) == [("BUY", D(101))]


def test_candles_that_closed_while_the_bot_was_away_are_recorded_as_missed() -> None:
    bot = cycle(live())
    for number in range(1, 11):
        at = next_candle(bot, number)

    cycle(bot, now=at)

    assert reasons(bot) == ["signal_enter", *["missed"] * 9, "already_long"]


def test_a_candle_that_comes_a_candle_too_late_is_not_acted_on() -> None:
    bot = live(strategy="buy_and_hold")

    cycle(bot, now=later(301))

    assert reasons(bot) == ["missed"]
    assert not Order.objects.exists()


def test_a_bot_that_starts_again_did_not_miss_what_closed_while_it_was_stopped() -> None:
    bot = cycle(live())
    services.stop_bot(bot_id=bot.pk, by=None, now=later(2))
    for number in range(1, 6):
        at = next_candle(bot, number)
    services.start_bot(bot_id=bot.pk, by=None, now=at)

    cycle(bot, now=at)

    assert reasons(bot) == ["signal_enter", "already_long"]


def test_too_few_candles_are_a_warm_up() -> None:
    services.ensure_system_state(now=MIDNIGHT)
    bot = live(strategy="sma_cross", params=QUICK, start=False, closes=[100.0] * 20)

    services.run_cycle(bot_id=bot.pk, by=None, now=JUST_AFTER, quote_for=no_quotes)

    assert reasons(bot) == ["warmup"]


def test_what_one_symbol_decides_sees_the_price_of_the_others() -> None:
    first, second = make_symbol("BTC/USDT"), make_symbol("ETH/USDT")
    bot = live(first, second)
    make_position(bot, "50", "100", symbol=second)

    cycle(bot, {first: 100.0, second: 50.0})

    # Half of 5,000 in cash and 2,500 in the other one.
    assert Order.objects.get(symbol=first).qty == D("37.5")


def test_a_position_above_the_maximum_exposure_lets_nothing_in() -> None:
    first, second = make_symbol("BTC/USDT"), make_symbol("ETH/USDT")
    bot = live(first, second, knobs={"max_exposure": "0.5"})
    make_position(bot, "60", "100", symbol=second)

    cycle(bot)

    decision = DecisionRecord.objects.get(symbol=first)
    assert (decision.action, decision.reason) == ("DENIED", "max_exposure_reached")


def test_rebalance_adds_up_to_the_maximum_exposure_only() -> None:
    bot = live(knobs={"position_mode": "rebalance", "max_exposure": "0.6"})
    make_position(bot, "70", "100")

    cycle(bot)

    assert reasons(bot) == ["max_exposure_reached"]


def test_a_rebalance_follows_a_price_that_ran_away() -> None:
    bot = live(knobs={"position_mode": "rebalance"}, closes=[100.0] * 60)
    make_position(bot, "50", "100")

    cycle(bot)

    assert reasons(bot) == ["rebalance"]
    assert Position.objects.get().qty == 100


def test_a_halted_symbol_is_not_bought() -> None:
    symbol = make_symbol()
    bot = live(symbol)
    Symbol.objects.filter(pk=symbol.pk).update(status=Symbol.Status.HALTED)

    cycle(bot)

    assert reasons(bot) == ["symbol_halted"]


def test_snapshots_are_marked_to_market() -> None:
    bot = cycle(live())
    cycle(bot, 110.0, now=later(10))

    newest = PortfolioSnapshot.objects.latest("at")
    assert (newest.equity, newest.cash, newest.positions_value) == (11_000, 0, 11_000)
    assert newest.prices == {"BTC/USDT": 110.0}
    bot.refresh_from_db()
    assert bot.peak_equity == 11_000


def test_the_drawdown_of_a_snapshot_is_from_the_peak() -> None:
    bot = cycle(live())
    for second, price in ((10, 120.0), (20, 90.0)):
        cycle(bot, price, now=later(second))

    assert PortfolioSnapshot.objects.latest("at").drawdown == pytest.approx(0.25)


def test_an_error_is_noted_and_the_bot_tries_again_later() -> None:
    bot = live()

    def broken(symbol_id: int) -> None:
        raise RuntimeError("no feed")

    with pytest.raises(RuntimeError):
        services.run_bot(bot_id=bot.pk, now=JUST_AFTER, quote_for=broken)

    bot.refresh_from_db()
    assert bot.last_error == "RuntimeError: no feed"
    assert (bot.lease_until, bot.due_at) == (None, JUST_AFTER + timedelta(seconds=30))
    assert bot.is_running


def test_a_rebalance_sells_what_is_too_much() -> None:
    first, second = make_symbol("BTC/USDT"), make_symbol("ETH/USDT")
    bot = live(first, second, knobs={"position_mode": "rebalance"})
    make_position(bot, "80", "100", symbol=first)

    cycle(bot)

    assert Position.objects.get(symbol=first).qty == 50
