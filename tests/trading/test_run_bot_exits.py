"""A live paper bot watches its stops and targets on every quote."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest

from marketdata.models import Symbol
from tests.trading.cycles import cycle, fill_prices, live, next_candle, reasons
from tests.trading.factories import later
from trading.models import Fill, Position

pytestmark = pytest.mark.django_db
D = Decimal


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
