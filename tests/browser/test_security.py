"""A person sets a second factor up in a browser, and comes in with it by keyboard and by paste."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from config import clock
from tests.conftest import AsgiServer
from tests.trading.phones import PERIOD, totp
from trading import services

pytestmark = pytest.mark.browser


def test_from_the_picture_to_a_sign_in_with_a_code(
    asgi_server: AsgiServer, operator: str, page: Page, complaints: list[str], tmp_path: Path
) -> None:
    services.ensure_system_state(now=clock.now())
    page.goto(f"{asgi_server.url}/security/")
    page.fill("#begin_password", "a long password")
    page.press("#begin_password", "Enter")
    expect(page.locator("svg.qr path")).to_be_visible()
    seed = page.locator(".set-up code").inner_text().replace(" ", "")

    page.fill("#id_code", totp(seed, int(clock.now().timestamp())))
    page.press("#id_code", "Enter")
    expect(page.locator(".codes li")).to_have_count(10)
    with page.expect_download() as saving:
        page.get_by_role("button", name="Download").click()
    saving.value.save_as(tmp_path / "codes.txt")
    paper = (tmp_path / "codes.txt").read_text().split()
    assert paper == page.locator(".codes li").all_inner_texts()
    assert saving.value.suggested_filename == "countersign-recovery-codes-olga.txt"

    page.context.clear_cookies()
    page.goto(asgi_server.url)
    page.fill("input[name=login]", operator)
    page.fill("input[name=password]", "a long password")
    page.press("input[name=password]", "Enter")
    expect(page.locator("#id_code")).to_be_focused()
    code = totp(seed, int((clock.now() + PERIOD).timestamp()))
    page.locator("#id_code").press_sequentially(f"{code[:3]} {code[3:]}")
    page.keyboard.press("Enter")

    expect(page).to_have_url(f"{asgi_server.url}/")
    assert complaints == []
