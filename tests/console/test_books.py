"""Orders, fills, positions and round trips: filtered, paged, taken away."""

from __future__ import annotations

import pytest
from django.test import Client
from pytest_django import Settings

from tests.console.pages import body, command, fragment, is_fragment, text_of
from tests.trading.factories import (
    make_bot,
    make_fill,
    make_order,
    make_position,
    make_replay,
    make_symbol,
    run,
)
from tests.trading.live_desk import make_live_desk
from trading.models import Bot, Order
from trading.order_state import OrderStatus

LISTS = ("orders", "fills", "trades", "jobs")


@pytest.fixture
def bot(db: None) -> Bot:
    """One that bought once."""
    bot = make_bot(name="Rosa")
    make_position(bot, "2", "100")
    return bot


@pytest.mark.parametrize("name", LISTS)
def test_an_empty_list_says_what_will_be_there(viewer: Client, name: str) -> None:
    assert f"No {name} yet" in text_of(viewer.get(f"/{name}/"))


@pytest.mark.parametrize("name", LISTS)
def test_a_filter_that_matches_nothing_offers_to_be_cleared(
    viewer: Client, bot: Bot, name: str
) -> None:
    query = {"orders": "side=SELL", "fills": "side=SELL", "trades": "status=CLOSED"}

    text = text_of(viewer.get(f"/{name}/?{query.get(name, 'status=FAILED')}"))

    assert "Nothing matches" in text
    assert "Clear the filter" in text


@pytest.mark.parametrize("name", LISTS)
def test_a_rubbish_filter_narrows_nothing(viewer: Client, bot: Bot, name: str) -> None:
    assert viewer.get(f"/{name}/?bot=x&status=NOPE&page=zero").status_code == 200


@pytest.mark.parametrize("name", ["orders", "fills", "trades"])
def test_a_list_reads_itself_again_alone(viewer: Client, bot: Bot, name: str) -> None:
    response = fragment(viewer, f"/{name}/", name)

    assert is_fragment(response)
    assert "Rosa" in text_of(response)


def test_an_order_shows_its_steps(viewer: Client, db: None) -> None:
    run(make_replay([100, 101, 102], name="Rosa"))

    text = text_of(viewer.get("/orders/"))

    assert "New → Submitting claimed" in text
    assert "Open → Filled" in text


def test_a_working_order_is_cancelled_by_an_operator(operator: Client, bot: Bot) -> None:
    order = make_order(bot, status=OrderStatus.OPEN, type="LIMIT", price="90")

    response = command(operator, f"/orders/{order.pk}/cancel/")

    order.refresh_from_db()
    assert order.status == OrderStatus.CANCELED
    assert text_of(response) == "The order is canceled."


def test_an_order_that_has_ended_can_not_be_cancelled(operator: Client, bot: Bot) -> None:
    order = bot.orders.get()

    response = command(operator, f"/orders/{order.pk}/cancel/")

    assert response.status_code == 409
    assert "ORDER_NOT_OPEN" in text_of(response)


def test_a_viewer_is_not_offered_to_cancel(viewer: Client, bot: Bot) -> None:
    order = make_order(bot, status=OrderStatus.OPEN)

    assert f"/orders/{order.pk}/cancel/" not in body(viewer.get("/orders/"))
    assert viewer.post(f"/orders/{order.pk}/cancel/").status_code == 403


def test_fills_show_quantity_price_and_fee_with_units(viewer: Client, bot: Bot) -> None:
    text = text_of(viewer.get("/fills/"))

    assert "Buy 2 BTC 100.00 USDT 0.0000 USDT taker" in text


def test_a_bot_with_a_name_like_a_formula_harms_no_spreadsheet(viewer: Client, db: None) -> None:
    make_position(make_bot(name="=HYPERLINK(1)"), "1", "100")

    rows = body(viewer.get("/fills/?csv=1")).splitlines()

    assert rows[0].startswith("at,bot__name")
    assert "'=HYPERLINK(1)" in rows[1]


def test_long_lists_have_pages(viewer: Client, bot: Bot) -> None:
    order = make_order(bot, status=OrderStatus.OPEN, qty="200")
    for _ in range(60):
        make_fill(order, "1", "100")

    text = text_of(viewer.get("/fills/?side=BUY"))

    assert "1–50 of 61" in text
    assert 'href="?side=BUY&amp;page=2"' in body(viewer.get("/fills/?side=BUY"))
    assert "51–61 of 61" in text_of(viewer.get("/fills/?side=BUY&page=2"))


def test_a_position_without_a_price_is_not_valued(viewer: Client, bot: Bot) -> None:
    text = text_of(viewer.get("/positions/"))

    assert "BTC/USDT recorded Rosa 2 BTC 100.00 – – USDT –" in text


def test_a_flat_position_says_so(viewer: Client, bot: Bot) -> None:
    order = make_order(bot, status=OrderStatus.OPEN, side="SELL", qty="2")
    make_fill(order, "2", "110")

    assert "Rosa flat – – – – +20.00" in text_of(viewer.get("/positions/"))


def test_trades_tell_why_in_and_why_out(viewer: Client, bot: Bot) -> None:
    order = make_order(bot, status=OrderStatus.OPEN, side="SELL", qty="2")
    make_fill(order, "2", "110")

    assert "+20.00 USDT a person asked for it a person asked for it" in text_of(
        viewer.get("/trades/")
    )


def test_lists_are_narrowed_to_one_bot(viewer: Client, bot: Bot) -> None:
    other = make_bot(make_symbol("ETH/USDT"), name="Carl")
    make_position(other, "1", "50")

    text = text_of(fragment(viewer, f"/orders/?bot={other.pk}", "orders"))

    assert "Carl" in text
    assert "Rosa" not in text


def test_real_money_is_marked_on_positions_fills_and_trades(
    viewer: Client, settings: Settings, clean_bus: None
) -> None:
    desk = make_live_desk(settings)
    make_position(desk.bot, "2", "100")
    lists = ("positions", "fills", "trades")
    for name in lists:
        assert "badge--live" not in body(viewer.get(f"/{name}/"))

    Bot.objects.filter(pk=desk.bot.pk).update(paper_mode=False, account=desk.account)
    Order.objects.filter(bot=desk.bot).update(account=desk.account)

    for name in lists:
        assert text_of(fragment(viewer, f"/{name}/", name)).count("Bot Live") == 1
