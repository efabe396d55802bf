"""Bots: made, changed and turned, each with one audit event."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from django.conf import settings

from tests.trading.factories import (
    BAR_MS,
    MIDNIGHT_MS,
    NOW,
    bars,
    make_bot,
    make_candles,
    make_order,
    make_position,
    make_replay,
    make_symbol,
    make_user,
    make_version,
    run,
)
from trading import services
from trading.errors import BotAlreadyRunning, BotInvalid, BotUnknown, KnobsInvalid
from trading.models import AuditEvent, Bot, Fill
from trading.models.bots import BotSymbol
from trading.order_state import OrderStatus

pytestmark = pytest.mark.django_db

D = Decimal


def create(**given: Any) -> Bot:
    asked: dict[str, Any] = {
        "name": "Bot",
        "symbols": [make_symbol()],
        "timeframe": "5m",
        "version": make_version("buy_and_hold"),
        "by": None,
        "now": NOW,
    }
    return services.create_bot(**{**asked, **given})


def update(bot: Bot, **changes: Any) -> Bot:
    return services.update_bot(bot_id=bot.pk, changes=changes, by=None, now=NOW)


def symbols_of(bot: Bot) -> list[str]:
    return [row.symbol.name for row in BotSymbol.objects.filter(bot=bot).order_by("rank")]


def test_a_new_bot_is_stopped_with_its_cash_and_the_environments_knobs() -> None:
    user = make_user()

    bot = create(by=user)

    assert (bot.status, bot.paper_mode, bot.created_by) == (Bot.Status.STOPPED, True, user)
    assert bot.cash == bot.starting_cash == settings.ENV.trading_paper_starting_equity
    assert bot.knobs["max_exposure"] == str(settings.ENV.risk_max_exposure)
    event = AuditEvent.objects.get()
    assert (event.action, event.subject, event.actor) == (
        "bot.created",
        f"bot:{bot.pk}",
        user.username,
    )
    assert event.after is not None
    assert event.after["knobs"] == bot.knobs


def test_symbols_keep_the_order_in_which_they_get_at_the_cash() -> None:
    names = ["SOL/USDT", "BTC/USDT", "ETH/USDT"]

    assert symbols_of(create(symbols=[make_symbol(name) for name in names])) == names


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"name": "  "}, "name"),
        ({"name": "x" * 81}, "name"),
        ({"symbols": []}, "symbols"),
        ({"timeframe": "3m"}, "timeframe"),
        ({"paper_mode": False}, "paper_mode"),
        ({"starting_cash": D(0)}, "starting_cash"),
        ({"starting_cash": D(-1)}, "starting_cash"),
        ({"starting_cash": D("NaN")}, "starting_cash"),
        ({"replay": services.Replay(5, 5)}, "replay"),
        ({"replay": services.Replay(0, 5, -1)}, "replay"),
    ],
)
def test_what_makes_no_bot_is_refused_by_field(wrong: dict[str, Any], field: str) -> None:
    with pytest.raises(BotInvalid) as error:
        create(**wrong)

    assert list(error.value.fields) == [field]
    assert not Bot.objects.exists()
    assert not AuditEvent.objects.exists()


@pytest.mark.parametrize("second", ["BTC/USDT", "BTC/EUR", "bybit:ETH/USDT"])
def test_symbols_of_one_bot_are_different_and_share_one_cash(second: str) -> None:
    exchange, _, name = second.rpartition(":")
    other = make_symbol(name, exchange=exchange or "recorded")

    with pytest.raises(BotInvalid) as error:
        create(symbols=[make_symbol("BTC/USDT"), other])

    assert "symbols" in error.value.fields


@pytest.mark.parametrize("knobs", [{"max_exposure": 2}, {"leverage": 3}, {"volume_cap": "x"}])
def test_wrong_knobs_are_refused_by_name(knobs: dict[str, Any]) -> None:
    with pytest.raises(KnobsInvalid) as error:
        create(knobs=knobs)

    assert list(error.value.fields) == list(knobs)


# Changes


def test_a_change_keeps_before_and_after() -> None:
    bot = make_bot()

    update(bot, name="Other", timeframe="1h")

    event = AuditEvent.objects.get(action="bot.changed")
    assert event.before is not None
    assert event.after is not None
    assert (event.before["name"], event.after["name"]) == ("Bot", "Other")
    assert (event.before["timeframe"], event.after["timeframe"]) == ("5m", "1h")


def test_a_running_bot_changes_only_name_and_knobs() -> None:
    bot = make_replay([100.0] * 3)

    update(bot, name="New", knobs={"cooldown_candles": 3})
    for change in ({"timeframe": "1h"}, {"symbols": [make_symbol("ETH/USDT")]}):
        with pytest.raises(BotAlreadyRunning):
            update(bot, **change)

    bot.refresh_from_db()
    assert (bot.name, bot.timeframe, bot.knobs["cooldown_candles"]) == ("New", "5m", 3)


@pytest.mark.parametrize("change", [{"cash": 1}, {"status": "RUNNING"}, {"paper_mode": False}])
def test_what_is_no_property_of_a_bot_is_not_changed(change: dict[str, Any]) -> None:
    with pytest.raises(BotInvalid):
        update(make_bot(), **change)


def test_a_symbol_with_a_position_or_an_order_stays() -> None:
    held, ordered, free, new = (make_symbol(f"{name}/USDT") for name in ("A", "B", "C", "D"))
    bot = make_bot(held, ordered, free)
    make_position(bot, "1", "100", symbol=held)
    make_order(bot, status=OrderStatus.OPEN, symbol=ordered)

    for kept in ([ordered, new], [held, new]):
        with pytest.raises(BotInvalid):
            update(bot, symbols=kept)
    update(bot, symbols=[new, held, ordered])

    assert symbols_of(bot) == ["D/USDT", "A/USDT", "B/USDT"]


@pytest.mark.parametrize(("name", "exchange"), [("BTC/EUR", "recorded"), ("BTC/USDT", "bybit")])
def test_cash_does_not_change_its_currency_or_place(name: str, exchange: str) -> None:
    bot = make_bot()

    with pytest.raises(BotInvalid):
        update(bot, symbols=[make_symbol(name, exchange=exchange)])


def test_a_symbol_that_joins_a_replay_does_not_take_it_back_in_time() -> None:
    one, other = make_symbol("BTC/USDT"), make_symbol("ETH/USDT")
    make_candles(other, bars([1.0] * 8))
    bot = make_replay([100.0] * 8, symbol=one)
    BotSymbol.objects.filter(bot=bot).update(decided_ms=MIDNIGHT_MS + 4 * BAR_MS)
    services.stop_bot(bot_id=bot.pk, by=None, now=NOW)
    update(bot, symbols=[one, other])
    services.start_bot(bot_id=bot.pk, by=None, now=NOW)

    run(bot)

    first = Fill.objects.filter(symbol=other).earliest("id")
    assert first.at.timestamp() * 1000 == MIDNIGHT_MS + 5 * BAR_MS


def test_knobs_that_are_not_named_stay_as_they_are() -> None:
    bot = make_bot(knobs={"max_exposure": "0.5"})

    services.set_knobs(bot_id=bot.pk, knobs={"max_position": "0.25"}, by=make_user(), now=NOW)

    bot.refresh_from_db()
    assert (bot.knobs["max_exposure"], bot.knobs["max_position"]) == ("0.5", "0.25")
    event = AuditEvent.objects.get(action="bot.knobs_changed")
    assert event.before is not None
    assert (event.before["max_position"], event.after) == ("1", bot.knobs)


def test_knobs_out_of_bounds_change_nothing() -> None:
    bot = make_bot()

    with pytest.raises(KnobsInvalid):
        services.set_knobs(
            bot_id=bot.pk, knobs={"max_position": "0.2", "volume_cap": 7}, by=None, now=NOW
        )

    bot.refresh_from_db()
    assert bot.knobs["max_position"] == "1"


@pytest.mark.parametrize("verb", ["update", "knobs", "start", "stop", "cycle"])
def test_a_bot_that_is_not_there_is_unknown(verb: str) -> None:
    services.ensure_system_state(now=NOW)
    asked: dict[str, Any] = {"bot_id": 99, "by": None, "now": NOW}
    calls: dict[str, Callable[[], object]] = {
        "update": lambda: services.update_bot(changes={}, **asked),
        "knobs": lambda: services.set_knobs(knobs={}, **asked),
        "start": lambda: services.start_bot(**asked),
        "stop": lambda: services.stop_bot(**asked),
        "cycle": lambda: services.run_cycle(**asked),
    }

    with pytest.raises(BotUnknown):
        calls[verb]()


def test_a_version_is_made_once_and_audited_once() -> None:
    user = make_user()
    make_version("sma_cross")
    asked: dict[str, Any] = {
        "strategy_name": "sma_cross",
        "params": {"fast": 7},
        "note": "",
        "by": user,
    }

    first = services.create_version(now=NOW, **asked)
    again = services.create_version(now=NOW.replace(year=2030), **asked)

    assert first.pk == again.pk
    assert AuditEvent.objects.filter(action="strategy_version.created").count() == 1
