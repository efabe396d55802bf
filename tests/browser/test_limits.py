"""Looser limits in a browser: refused, asked for, agreed to, without typing anything twice."""

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
from trading import services
from trading.models import Bot

pytestmark = pytest.mark.browser

Enter = Callable[[User], None]


@pytest.fixture
def desk(asgi_server: AsgiServer, clean_bus: None, settings: Settings) -> LiveDesk:
    cache.clear()
    made = make_live_desk(settings)
    knobs = {"max_exposure": "0.5", "cooldown_candles": 3}
    services.set_knobs(bot_id=made.bot.pk, knobs=knobs, by=made.asker, now=made.now)
    made.go_live()
    return made


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


def test_looser_knobs_of_a_live_bot_are_asked_for_where_they_are_turned_and_agreed_to(
    asgi_server: AsgiServer, desk: LiveDesk, enter: Enter, page: Page, complaints: list[str]
) -> None:
    enter(desk.asker)
    page.goto(f"{asgi_server.url}/bots/{desk.bot.pk}/?tab=settings")
    page.get_by_label("Maximum exposure").fill("0.9")
    page.get_by_role("button", name="Save the knobs").click()
    expect(page.get_by_text("Nothing was changed: this is looser")).to_be_visible()
    expect(page.get_by_label("Maximum exposure")).to_have_value("0.9")
    expect(page.get_by_label("Why")).to_be_focused()
    page.get_by_label("Why").fill("Two good weeks.")
    page.get_by_label("Why").press("Enter")
    expect(page.get_by_role("heading", level=1, name="Looser limits of Bot")).to_be_visible()
    expect(page.get_by_text("Asked. Until others agree")).to_be_visible()

    enter(desk.approver)
    page.reload()
    page.get_by_label("Your password").fill("secret")
    page.get_by_role("button", name="Approve").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Used")

    assert Bot.objects.get(pk=desk.bot.pk).knobs["max_exposure"] == "0.9"
    refusals = [text for text in complaints if "409" not in text]
    assert refusals == []
