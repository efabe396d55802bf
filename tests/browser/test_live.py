"""The way to real money in a browser: nothing typed is lost, and no secret comes back."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.conf import settings as project
from django.contrib.auth.models import User
from django.core.cache import cache
from django.test import Client
from playwright.sync_api import BrowserContext, Page, expect
from pytest_django import Settings

from tests.conftest import AsgiServer
from tests.trading.live_desk import LiveDesk, make_live_desk
from trading.models import Bot, ExchangeAccount, LiveGrant

pytestmark = pytest.mark.browser

Enter = Callable[[User], None]


@pytest.fixture
def desk(asgi_server: AsgiServer, clean_bus: None, settings: Settings) -> LiveDesk:
    cache.clear()
    return make_live_desk(settings)


@pytest.fixture
def enter(asgi_server: AsgiServer, context: BrowserContext) -> Enter:
    """Somebody else sits down at the browser."""

    def as_user(user: User) -> None:
        client = Client()
        client.force_login(user)
        name = project.SESSION_COOKIE_NAME
        cookie = client.cookies[name].value
        context.add_cookies([{"name": name, "value": cookie, "url": asgi_server.url}])

    return as_user


def test_a_secret_that_was_typed_survives_an_error_and_is_sent_once_more(
    asgi_server: AsgiServer, desk: LiveDesk, enter: Enter, page: Page, complaints: list[str]
) -> None:
    enter(desk.approver)
    page.goto(f"{asgi_server.url}/exchange-accounts/new/")
    page.get_by_label("Name").fill("main")
    page.get_by_label("API key").fill("a-key-0123456789")
    page.get_by_label("API secret").fill("a-secret-0123456789")
    page.get_by_role("button", name="Add the account").click()

    expect(page.get_by_text("There is an account of this name.")).to_be_visible()
    expect(page.get_by_label("API secret")).to_have_value("a-secret-0123456789")
    page.get_by_label("Name").fill("second")
    page.get_by_role("button", name="Add the account").click()

    expect(page.get_by_role("heading", level=1, name="second")).to_be_visible()
    assert "a-secret-0123456789" not in page.content()
    assert ExchangeAccount.objects.filter(name="second").exists()
    assert all("422" in text for text in complaints)


def test_two_people_take_a_bot_live_and_one_ends_it(
    asgi_server: AsgiServer, desk: LiveDesk, enter: Enter, page: Page, complaints: list[str]
) -> None:
    url = f"{asgi_server.url}/bots/{desk.bot.pk}/live/"
    enter(desk.asker)
    page.goto(url)
    page.get_by_label("Most in one order").fill("500")
    page.get_by_label("Most in all").fill("800")
    page.get_by_label("Most in all").press("Tab")
    expect(page.get_by_text("All open")).to_be_visible()
    page.get_by_label("Reason", exact=True).fill("Its record is good.")
    page.get_by_label("Type the bot's name").fill("wrong")
    page.get_by_role("button", name="Ask").click()
    expect(page.locator("#notices").get_by_text("Type the bot's name: Bot.")).to_be_visible()
    expect(page.get_by_label("Reason", exact=True)).to_have_value("Its record is good.")
    page.get_by_label("Type the bot's name").fill(desk.bot.name)
    page.get_by_label("Type the bot's name").press("Enter")
    expect(page.get_by_text("Asked. Somebody else must approve it.")).to_be_visible()

    enter(desk.approver)
    page.goto(url)
    form = page.locator("#live-approve")
    form.get_by_label("Type the bot's name").fill(desk.bot.name)
    form.get_by_label("Your password").fill("wrong")
    form.get_by_role("button").click()
    expect(page.get_by_text("This is not your password.")).to_be_visible()
    form.get_by_label("Your password").fill("secret")
    form.get_by_role("button").click()
    expect(page.get_by_text("may trade live until")).to_be_visible()
    expect(page.locator("time-left").first).to_have_text("23\u202fh 59\u202fmin left")
    assert not Bot.objects.get(pk=desk.bot.pk).paper_mode

    page.get_by_role("button", name="Revoke the grant").click()
    page.get_by_role("dialog").get_by_role("button", name="Revoke it").click()
    expect(page.get_by_text("no grant stands")).to_be_visible()
    assert LiveGrant.objects.get().revoked_by == desk.approver
    assert all("422" in text or "409" in text for text in complaints)


def test_what_was_previewed_is_what_would_be_sent(
    asgi_server: AsgiServer, desk: LiveDesk, enter: Enter, page: Page
) -> None:
    desk.go_live()
    enter(desk.approver)
    page.goto(f"{asgi_server.url}/bots/{desk.bot.pk}/live/order/")
    page.get_by_label("Side").select_option("BUY")
    page.get_by_label("Quantity").fill("0.001")
    page.get_by_role("button", name="Preview").click()

    expect(page.get_by_text("Would be sent", exact=True)).to_be_visible()
    expect(page.locator(".wire").get_by_text("BTCUSDT")).to_be_visible()
    page.get_by_label("Your password").fill("wrong")
    page.get_by_role("button", name="Send with real money").click()
    expect(page.get_by_text("This is not your password.")).to_be_visible()
    expect(page.get_by_text("Would be sent", exact=True)).to_be_visible()
