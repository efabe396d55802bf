"""The workbench under the content policy: keys, a mistake, a deletion that is taken back."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from config import clock
from strategies import services as strategy_services
from strategies.models import StrategyVersion
from tests.conftest import AsgiServer
from trading import services

pytestmark = pytest.mark.browser


def test_a_draft_is_typed_mended_deleted_and_taken_back(
    asgi_server: AsgiServer, page: Page, operator: str, complaints: list[str]
) -> None:
    now = clock.now()
    services.ensure_system_state(now=now)
    strategy_services.sync_strategies(now=now)
    page.goto(f"{asgi_server.url}/strategies/sma_cross/")
    page.get_by_role("link", name="New version").click()
    page.get_by_label("SMA", exact=True).fill("0")
    page.get_by_label("Note").fill("an idea")
    page.keyboard.press("Enter")
    expect(page.locator(".field__error").first).to_be_visible()
    expect(page.get_by_label("Note")).to_have_value("an idea")

    page.get_by_label("SMA", exact=True).fill("9")
    page.get_by_role("button", name="Save as draft").click()
    expect(page.get_by_role("heading", name="v2")).to_be_visible()
    page.wait_for_load_state()  # the keys are read once the page's scripts are there
    page.keyboard.press("e")
    expect(page.locator("[data-key=e]")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_label("SMA", exact=True)).to_have_value("9")

    page.goto(f"{asgi_server.url}/strategies/sma_cross/")
    page.get_by_role("button", name="Delete").click()
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_role("heading", name="v3")).to_be_visible()
    back = StrategyVersion.objects.get(strategy__name="sma_cross", number=3)
    assert (back.params["fast"], back.note, back.state) == (9, "an idea", "DRAFT")
    # The refused form says 422; nothing else may complain.
    assert [each for each in complaints if "422" not in each] == []
