"""Home shows everything that runs, and says what to do when nothing does."""

from __future__ import annotations

import pytest
from django.test import Client

from marketdata import services as marketdata_services
from tests.console.pages import fragment, is_fragment, text_of
from tests.trading.factories import make_bot, make_replay, make_symbol, run
from trading.models import Bot

PARTS = ("home-figures", "home-bots", "home-positions", "home-fills", "home-audit")


@pytest.fixture
def bot(db: None) -> Bot:
    """One that bought and holds."""
    return run(make_replay([100, 101, 102, 103, 104]))


def test_an_empty_console_says_what_comes_next(operator: Client) -> None:
    text = text_of(operator.get("/"))

    assert "No bots yet" in text
    assert "Make a bot" in text
    assert "No symbol is followed" in text
    assert "No fills yet" in text
    assert "Flat" in text


def test_unknown_figures_are_dashes_and_never_zeros(viewer: Client) -> None:
    assert "Equity – 0 bots, marked –" in text_of(viewer.get("/"))


def test_each_bot_is_there_with_its_last_decision_in_words(viewer: Client, bot: Bot) -> None:
    text = text_of(viewer.get("/"))

    assert bot.name in text
    assert "in position, no exit signal" in text


def test_fills_positions_and_what_happened_are_there(viewer: Client, bot: Bot) -> None:
    text = text_of(viewer.get("/"))

    assert "Newest fills" in text
    assert "Buy" in text
    assert "Order filled" in text


def test_a_followed_symbol_is_shown_before_its_first_price(viewer: Client) -> None:
    marketdata_services.watch_symbol(symbol=make_symbol("ETH/USDT", exchange="simulated"))

    assert "ETH/USDT – – –" in text_of(viewer.get("/"))


@pytest.mark.parametrize("part", PARTS)
def test_each_part_reads_itself_again_alone(viewer: Client, bot: Bot, part: str) -> None:
    response = fragment(viewer, "/", part)

    assert is_fragment(response)
    assert f'id="{part}"' in response.content.decode()


def test_an_unknown_target_gets_the_whole_page(viewer: Client) -> None:
    assert not is_fragment(fragment(viewer, "/", "rubbish"))


def test_a_viewer_is_not_offered_a_new_bot(viewer: Client) -> None:
    make_bot()

    assert "New bot" not in text_of(viewer.get("/"))
