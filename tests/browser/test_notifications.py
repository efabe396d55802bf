"""The page of notifications under the content policy, and what its script says."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.conftest import AsgiServer

pytestmark = pytest.mark.browser


def test_a_channel_is_added_and_tested_by_hand(
    asgi_server: AsgiServer, page: Page, operator: str, complaints: list[str]
) -> None:
    page.goto(f"{asgi_server.url}/notifications/")
    page.get_by_role("link", name="Webhook").click()
    page.get_by_label("Address").fill("https://hooks.example.org/secret")
    page.get_by_label("Name").fill("pager")
    page.get_by_role("button", name="Add the channel").click()

    expect(page.get_by_role("heading", name="pager")).to_be_visible()
    expect(page.get_by_text("https://hooks.example.org/…").first).to_be_visible()
    page.get_by_role("button", name="Test").click()
    expect(page.get_by_text("A test from Countersign")).to_be_visible()
    assert "secret" not in page.content()
    assert complaints == []


def test_a_browser_that_may_not_show_notifications_says_so(
    asgi_server: AsgiServer, page: Page, operator: str, complaints: list[str]
) -> None:
    page.goto(f"{asgi_server.url}/notifications/")
    page.get_by_role("button", name="This browser").click()

    expect(page.locator("[data-said]")).not_to_be_empty()
    assert complaints == []
