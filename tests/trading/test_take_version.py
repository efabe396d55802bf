"""A running bot takes a newly active version between two candles, never in an order, never live."""

from __future__ import annotations

from typing import Any

import pytest

from config import clock
from strategies import services as strategy_services
from strategies.models import StrategyVersion
from tests.strategies.factories import make_version
from tests.trading.factories import (
    BAR_MS,
    bars,
    later,
    make_bot,
    make_candles,
    make_order,
    make_symbol,
    quote,
    quotes,
)
from tests.trading.factories import NOW as MIDNIGHT
from trading import services
from trading.errors import LeaseLost
from trading.models import AuditEvent, Bot, DecisionRecord
from trading.services import _take_version

pytestmark = pytest.mark.django_db
CLOSE = clock.to_ms(MIDNIGHT)
HISTORY = 900


def running(**given: Any) -> Bot:
    """A bot on version 1 that has decided its newest candle."""
    symbol = make_symbol()
    make_candles(symbol, bars([100.0] * HISTORY, start_ms=CLOSE - HISTORY * BAR_MS))
    first = active()
    bot = make_bot(symbol, strategy="trend_ema", version=first)
    Bot.objects.filter(pk=bot.pk).update(follows_active=True, **given)
    services.start_bot(bot_id=bot.pk, by=None, now=MIDNIGHT)
    cycle(bot, 1)
    return Bot.objects.get(pk=bot.pk)


def active() -> StrategyVersion:
    make_version("trend_ema")
    return StrategyVersion.objects.get(strategy__name="trend_ema", state="ACTIVE")


def replace_active() -> StrategyVersion:
    """Version 2 becomes active, as an approval would make it."""
    version = make_version("trend_ema", fast=7)
    strategy_services.mark_simulated(version_id=version.pk)
    strategy_services.approve_version(version_id=version.pk)
    strategy_services.activate_version(version_id=version.pk, by=None, now=MIDNIGHT)
    version.refresh_from_db()
    return version


def cycle(bot: Bot, seconds: float) -> None:
    symbol = bot.symbols.get()
    now = later(seconds)
    prices = quotes({symbol: quote(100.0, at=now)})
    services.run_bot(bot_id=bot.pk, now=now, quote_for=prices)


def close_candle(bot: Bot, number: int = 1) -> None:
    rows = bars([100.0], start_ms=CLOSE + (number - 1) * BAR_MS)
    make_candles(bot.symbols.get(), rows)


def numbers(bot: Bot) -> list[int]:
    rows = DecisionRecord.objects.filter(bot=bot).order_by("candle_close_ms")
    return list(rows.values_list("version__number", flat=True))


def test_the_next_candle_is_decided_by_the_new_version_and_says_so() -> None:
    bot = running()
    version = replace_active()

    cycle(bot, 20)
    assert Bot.objects.get(pk=bot.pk).version_id != version.pk
    close_candle(bot)
    cycle(bot, 301)

    assert Bot.objects.get(pk=bot.pk).version == version
    assert numbers(bot) == [1, 2]
    event = AuditEvent.objects.get(action="bot.version_taken")
    assert (event.actor, (event.after or {})["number"]) == ("system", 2)


def test_an_order_that_works_keeps_the_version_until_it_is_done() -> None:
    bot = running()
    order = make_order(bot, type="LIMIT", price="50")
    replace_active()
    close_candle(bot)

    cycle(bot, 301)
    assert numbers(bot) == [1, 1]
    services.cancel_order(order_id=order.pk, by=None, now=later(302))
    close_candle(bot, 2)
    cycle(bot, 601)

    assert numbers(bot) == [1, 1, 2]


@pytest.mark.parametrize("kept", [{"follows_active": False}, {"source": "REPLAY"}])
def test_a_bot_that_does_not_follow_keeps_its_version(kept: dict[str, Any]) -> None:
    bot = running()
    Bot.objects.filter(pk=bot.pk).update(**kept)
    replace_active()

    assert services.active_for(Bot.objects.get(pk=bot.pk)) is None


def test_a_live_bot_keeps_the_version_that_people_granted() -> None:
    bot = running()
    replace_active()
    bot.paper_mode = False

    assert services.active_for(bot) is None


def test_a_worker_that_lost_its_lease_changes_no_version() -> None:
    bot = running()
    version = replace_active()
    close_candle(bot)
    claimed = Bot.objects.select_related("version__strategy").get(pk=bot.pk)
    Bot.objects.filter(pk=bot.pk).update(fence=claimed.fence + 1)

    with pytest.raises(LeaseLost):
        _take_version.take_active_version(claimed, now=later(301))
    assert Bot.objects.get(pk=bot.pk).version_id != version.pk


def test_a_rollback_is_taken_like_any_other_version() -> None:
    bot = running()
    replace_active()
    close_candle(bot)
    cycle(bot, 301)
    strategy_services.roll_back_version(strategy_name="trend_ema", by=None, now=later(310))
    close_candle(bot, 2)
    cycle(bot, 601)

    assert numbers(bot) == [1, 2, 1]
