"""A live position without a stop is seen on the bot's page, on the controls, over the API."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client

from tests.console.pages import fragment, text_of
from tests.trading.factories import NOW, make_account, make_bot, make_symbol
from trading.models import Bot, Protection


@pytest.fixture
def bot(db: None) -> Bot:
    bot = make_bot(make_symbol(exchange="binance"), name="Rosa")
    Bot.objects.filter(pk=bot.pk).update(paper_mode=False, account=make_account())
    bot.refresh_from_db()
    return bot


def protect(bot: Bot, state: str, reason: str = "", **given: object) -> Protection:
    return Protection.objects.create(
        bot=bot,
        symbol=bot.symbols.get(),
        state=state,
        reason=reason,
        level="41160.49",
        since=NOW - timedelta(minutes=5),
        **given,
    )


def test_a_lost_stop_heads_the_page_of_its_bot(viewer: Client, bot: Bot) -> None:
    protect(bot, "UNPROTECTED", "refused", detail="-1013", watched=True, alarmed_at=NOW)

    text = text_of(viewer.get(f"/bots/{bot.pk}/"))

    assert "BTC/USDT is unprotected: the exchange refused the stop: -1013." in text
    assert "Since 2024-01-30 23:55 UTC. The software stop watches" in text


def test_a_stop_at_the_exchange_stands_beside_the_position(viewer: Client, bot: Bot) -> None:
    protect(bot, "EXCHANGE")

    text = text_of(fragment(viewer, f"/bots/{bot.pk}/", "bot-side"))

    assert "BTC stop 41,160.49 USDT It waits at the exchange" in text
    assert "unprotected" not in text


def test_a_paper_bot_says_nothing_of_it(viewer: Client) -> None:
    paper = make_bot(make_symbol())
    protect(paper, "UNPROTECTED", "placing")
    assert "unprotected" not in text_of(viewer.get(f"/bots/{paper.pk}/"))


def test_the_controls_name_what_is_unprotected(viewer: Client, bot: Bot) -> None:
    protect(bot, "UNPROTECTED", "canceled_outside", alarmed_at=NOW)

    text = text_of(viewer.get("/controls/"))

    assert "Live positions are protected" in text
    assert (
        "Rosa: BTC/USDT is unprotected since 23:55:00 UTC"
        " (somebody canceled the stop at the exchange)." in text
    )


def test_the_api_gives_it_with_the_bot(viewer: Client, bot: Bot) -> None:
    row = protect(bot, "UNPROTECTED", "refused", detail="-1013")
    body = viewer.get(f"/api/v1/bots/{bot.pk}").json()
    assert body["protection"] == [
        {
            "symbol_id": row.symbol_id,
            "state": "unprotected",
            "reason": "refused",
            "detail": "-1013",
            "watched": False,
            "level": "41160.49",
            "since": "2024-01-30T23:55:00.000Z",
        }
    ]
