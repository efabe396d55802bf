"""A live paper bot: the newest closed candle decides, quotes fill."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from config import clock
from marketdata.models import Symbol
from marketdata.quotes import Quote
from tests.trading.factories import (
    BAR_MS,
    QUICK,
    bars,
    later,
    make_bot,
    make_candles,
    make_order,
    make_position,
    make_symbol,
    no_quotes,
    quote,
    quotes,
)
from tests.trading.factories import NOW as MIDNIGHT
from trading import services
from trading.models import Bot, DecisionRecord, Fill, Order, PortfolioSnapshot, Position
from trading.order_state import OrderStatus

pytestmark = pytest.mark.django_db

D = Decimal
S = OrderStatus
CLOSE = clock.to_ms(MIDNIGHT)  # a candle of every timeframe closes now
JUST_AFTER = later(1)


def live(
    *symbols: Symbol, closes: Sequence[float] = (100.0,) * 60, start: bool = True, **given: Any
) -> Bot:
    """A running bot whose newest candle has just closed."""
    symbols = symbols or (make_symbol(),)
    for symbol in symbols:
        make_candles(symbol, bars(closes, start_ms=CLOSE - len(closes) * BAR_MS))
    bot = make_bot(*symbols, **given)
    if start:
        services.start_bot(bot_id=bot.pk, by=None, now=MIDNIGHT)
    bot.refresh_from_db()
    return bot


def cycle(
    bot: Bot,
    price: float | Mapping[Symbol, float] | None = 100.0,
    *,
    now: datetime = JUST_AFTER,
    at: datetime | None = None,
    **sides: float,
) -> Bot:
    """One run with this price quoted `at` (now, unless given) for every symbol."""
    prices = price if isinstance(price, Mapping) else dict.fromkeys(bot.symbols.all(), price)
    known = {
        symbol: quote(value, at=at or now, **sides)
        for symbol, value in prices.items()
        if value is not None
    }
    services.run_bot(bot_id=bot.pk, now=now, quote_for=quotes(known))
    bot.refresh_from_db()
    return bot


def next_candle(bot: Bot, number: int, close: float = 100.0) -> datetime:
    """Store candle `number` after the start for all symbols; a second after its close."""
    for symbol in bot.symbols.all():
        make_candles(symbol, bars([close], start_ms=CLOSE + (number - 1) * BAR_MS))
    return later(number * 300 + 1)


def reasons(bot: Bot) -> list[str]:
    rows = DecisionRecord.objects.filter(bot=bot).order_by("candle_close_ms", "id")
    return list(rows.values_list("reason", flat=True))


def fill_prices(bot: Bot) -> list[tuple[str, Decimal]]:
    return list(Fill.objects.filter(bot=bot).order_by("id").values_list("side", "price"))


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


def test_a_stop_is_watched_on_every_quote() -> None:
    bot = cycle(live(params={"stop_loss": 0.05}))

    cycle(bot, 95.01, now=later(10))
    assert Position.objects.get().qty == 100
    cycle(bot, 95.2, now=later(11), bid=94.9)

    assert fill_prices(bot)[1] == ("SELL", D("94.9"))
    assert reasons(bot) == ["signal_enter", "stop_loss"]


def test_a_profit_target_sells_into_the_bid() -> None:
    bot = cycle(live(params={"take_profit": 0.05}))

    cycle(bot, 105.0, now=later(10), ask=105.1)
    assert Fill.objects.count() == 1
    cycle(bot, 105.2, now=later(11))

    assert fill_prices(bot)[1] == ("SELL", D("105.2"))


def test_a_trailing_stop_remembers_the_high_between_cycles() -> None:
    bot = cycle(live(params={"trailing": 0.1}))
    for second, price in enumerate([110.0, 120.0, 109.0], start=2):
        cycle(bot, price, now=later(second))
    assert Fill.objects.count() == 1

    cycle(bot, 107.9, now=later(10))

    assert fill_prices(bot)[1] == ("SELL", D("107.9"))


def test_an_exit_in_a_candle_is_that_candles_decision() -> None:
    bot = cycle(live(params={"stop_loss": 0.05}))
    cycle(bot, 90.0, now=later(10))

    cycle(bot, 90.0, now=next_candle(bot, 1))
    cycle(bot, 90.0, now=next_candle(bot, 2))

    assert reasons(bot) == ["signal_enter", "stop_loss", "signal_enter"]


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


# Orders of a stopped bot


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


# What happens between the look and the fill


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


def test_a_halted_symbol_is_not_sold_by_a_stop_either() -> None:
    bot = cycle(live(params={"stop_loss": 0.05}))
    Symbol.objects.update(status=Symbol.Status.HALTED)

    cycle(bot, 90.0, now=later(10))

    assert Position.objects.get().qty == 100
    assert reasons(bot) == ["signal_enter"]


def test_a_candle_that_comes_after_the_exit_in_the_next_one_is_not_acted_on() -> None:
    bot = cycle(live(params={"stop_loss": 0.05}))
    cycle(bot, 90.0, now=later(305))  # the candle that closed at 300 isn't stored yet

    cycle(bot, 90.0, now=next_candle(bot, 1) + timedelta(seconds=8))

    assert reasons(bot) == ["signal_enter", "missed", "stop_loss"]


def test_a_rebalance_sells_what_is_too_much() -> None:
    first, second = make_symbol("BTC/USDT"), make_symbol("ETH/USDT")
    bot = live(first, second, knobs={"position_mode": "rebalance"})
    make_position(bot, "80", "100", symbol=first)

    cycle(bot)

    assert Position.objects.get(symbol=first).qty == 50


def test_an_order_that_was_never_submitted_is_submitted_by_the_next_cycle() -> None:
    bot = live()
    order = make_order(bot, qty="10")

    cycle(bot)

    order.refresh_from_db()
    assert order.status in {S.OPEN, S.FILLED}
