"""Where what is noticed meets trading: signals that were acted on, news that stops entries."""

from __future__ import annotations

from typing import Any

import pytest

from strategies import services as strategy_services
from strategies.models import Signal
from tests.trading.cycles import cycle, live, next_candle, reasons
from tests.trading.factories import NOW, QUICK, later
from trading import services
from trading.models import AuditEvent, Bot, Order

pytestmark = pytest.mark.django_db


def test_a_bots_order_marks_the_signal_that_it_follows() -> None:
    bot = cycle(live())

    [signal] = Signal.objects.all()
    assert (signal.kind, signal.executed, signal.timeframe) == ("ENTER", True, bot.timeframe)
    assert signal.strategy == bot.version.strategy.name
    assert signal.details == {"target": 1.0, "version": bot.version.number}
    assert Order.objects.filter(intent__decision__candle_close_ms=signal.candle_close_ms).exists()


def test_holding_on_marks_nothing() -> None:
    bot = cycle(live())
    cycle(bot, now=next_candle(bot, 1))

    assert reasons(bot) == ["signal_enter", "already_long"]
    assert Signal.objects.count() == 1


@pytest.fixture
def news(settings: Any) -> None:
    """Something is published a quarter of an hour after the bot's first candle closes."""
    at = f"CPI@{later(900).isoformat()}"
    changed = {"macro_windows": (at,), "macro_block_entries": True}
    settings.ENV = settings.ENV.model_copy(update=changed)


def test_around_news_nothing_is_entered(news: None) -> None:
    bot = cycle(live())

    assert reasons(bot) == ["news_window"]
    assert not Order.objects.exists()


def test_news_stops_entries_only_where_that_is_set(news: None, settings: Any) -> None:
    settings.ENV = settings.ENV.model_copy(update={"macro_block_entries": False})

    assert reasons(cycle(live())) == ["signal_enter"]


def test_what_is_held_may_be_sold_around_news(settings: Any) -> None:
    closes = [100.0 + i for i in range(60)]
    bot = cycle(live(closes=closes, strategy="sma_cross", params=QUICK), 159.0)
    assert reasons(bot) == ["signal_enter"]
    at = f"CPI@{later(900).isoformat()}"
    changed = {"macro_windows": (at,), "macro_block_entries": True}
    settings.ENV = settings.ENV.model_copy(update=changed)

    for number in range(1, 4):
        bot = cycle(bot, 50.0, now=next_candle(bot, number, close=50.0))

    assert "signal_exit" in reasons(bot)


def test_the_tick_tells_of_agents_and_series_once() -> None:
    strategy_services.sync_agents(now=NOW)

    first = services.tick(process="beat", now=NOW)
    second = services.tick(process="beat", now=later(1))

    assert "rvol_spike" in first.agents
    assert second.agents == ()


def test_agents_run_by_hand_are_audited_whatever_comes_of_it() -> None:
    strategy_services.sync_agents(now=NOW)

    [result] = services.run_agents(names=["cusum"], by=None, now=NOW)

    assert result.resting == "the feed gives no live prices"
    event = AuditEvent.objects.get(action="agent.run_by_hand")
    assert event.after == {"agents": ["cusum"], "symbol": None, "insert": True}
    assert not Bot.objects.exists()
