"""A person comes in by the login page and stands in the console."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from config import clock
from tests.conftest import AsgiServer
from trading import access
from trading import services as trading_services

pytestmark = pytest.mark.browser


def test_a_person_signs_in_and_sees_the_console(
    asgi_server: AsgiServer, page: Page, complaints: list[str]
) -> None:
    trading_services.sync_roles()
    trading_services.create_user(
        username="vera", password="a long password", role=access.VIEWER, now=clock.now()
    )

    page.goto(asgi_server.url)
    page.fill("input[name=login]", "vera")
    page.fill("input[name=password]", "a long password")
    page.press("input[name=password]", "Enter")

    expect(page).to_have_url(f"{asgi_server.url}/")
    expect(page.locator("main")).to_be_visible()
    assert complaints == []
