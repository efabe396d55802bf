"""The list of bots, and the buttons that start and stop them."""

from __future__ import annotations

import pytest
from django.test import Client

from tests.console.pages import body, command, fragment, is_fragment, text_of
from tests.trading.factories import bars, make_bot, make_candles, make_symbol
from trading.models import Bot, Job
from trading.services import Replay


@pytest.fixture
def bot(db: None) -> Bot:
    """One that may start: its candles are stored."""
    symbol = make_symbol()
    rows = bars([100, 101, 102])
    end = make_candles(symbol, rows)
    return make_bot(symbol, replay=Replay(rows[0][0], end), name="Rosa")


def test_without_bots_the_list_says_how_to_make_one(operator: Client) -> None:
    assert "Make the first one" in text_of(operator.get("/bots/"))


def test_the_list_shows_strategy_market_and_status(viewer: Client, bot: Bot) -> None:
    text = text_of(viewer.get("/bots/"))

    assert "Rosa buy_and_hold v1 · BTC/USDT 5m Stopped replay none yet" in text


def test_the_list_reads_itself_again(viewer: Client, bot: Bot) -> None:
    response = fragment(viewer, "/bots/", "bots")

    assert is_fragment(response)
    assert "Rosa" in text_of(response)


def test_start_sets_it_running_and_the_page_reads_itself_again(operator: Client, bot: Bot) -> None:
    response = command(operator, f"/bots/{bot.pk}/start/")

    bot.refresh_from_db()
    assert bot.is_running
    assert (response["HX-Retarget"], response["HX-Trigger"]) == ("#notices", "refresh")
    assert text_of(response) == "Rosa is running."


def test_stop_works_without_scripts_too(operator: Client, bot: Bot) -> None:
    operator.post(f"/bots/{bot.pk}/start/")

    response = operator.post(f"/bots/{bot.pk}/stop/", follow=True)

    bot.refresh_from_db()
    assert not bot.is_running
    assert "Rosa was stopped." in text_of(response)


def test_a_bot_that_is_not_ready_says_why(operator: Client) -> None:
    bot = make_bot()  # on the live feed, without a candle

    response = command(operator, f"/bots/{bot.pk}/start/")

    assert response.status_code == 409
    assert response["HX-Retarget"] == "#notices"
    assert "candles of recorded:BTC/USDT are missing" in text_of(response)


def test_stopping_twice_is_refused_with_the_code(operator: Client, bot: Bot) -> None:
    response = command(operator, f"/bots/{bot.pk}/stop/")

    assert response.status_code == 409
    assert "BOT_NOT_RUNNING" in text_of(response)


@pytest.mark.parametrize("verb", ["start", "stop", "cycle", "knobs", "rename"])
def test_a_viewer_commands_nothing(viewer: Client, bot: Bot, verb: str) -> None:
    assert viewer.post(f"/bots/{bot.pk}/{verb}/").status_code == 403
    assert not Job.objects.exists()


def test_a_viewer_sees_no_buttons(viewer: Client, bot: Bot) -> None:
    assert f"/bots/{bot.pk}/start/" not in body(viewer.get("/bots/"))


def test_a_link_can_not_start_a_bot(operator: Client, bot: Bot) -> None:
    assert operator.get(f"/bots/{bot.pk}/start/").status_code == 405
