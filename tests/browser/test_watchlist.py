"""The watchlist in a browser: sorted by keyboard, live where it stands, an unwatch taken back."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from config import clock
from marketdata import services
from marketdata.models import Symbol, Ticker
from tests.browser.test_console import PHONE, expect_no_reload, mark, push_until
from tests.conftest import AsgiServer
from tests.trading.factories import make_symbol

pytestmark = pytest.mark.browser


@pytest.fixture
def symbols(clean_bus: None, asgi_server: AsgiServer) -> list[Symbol]:
    """BTC at 300, ETH at 200, XRP at 100."""
    found = []
    for name, last in (("BTC/USDT", 300.0), ("ETH/USDT", 200.0), ("XRP/USDT", 100.0)):
        symbol = make_symbol(name, exchange="simulated")
        Ticker.objects.create(symbol=symbol, last=last, at=clock.now())
        found.append(services.watch_symbol(symbol=symbol))
    return found


def test_a_sorted_list_stays_live(
    asgi_server: AsgiServer,
    page: Page,
    operator: str,
    symbols: list[Symbol],
    complaints: list[str],
) -> None:
    page.goto(f"{asgi_server.url}/markets/")
    mark(page)
    rows = page.locator("#symbols [data-row]")
    expect(rows).to_have_text(["BTC/USDT", "ETH/USDT", "XRP/USDT"])

    page.locator("#sort-price").focus()
    page.keyboard.press("Enter")
    expect(page.locator("th[aria-sort=descending]")).to_contain_text("Last")
    expect(page.locator("#sort-price")).to_be_focused()
    expect(page).to_have_url(re.compile("sort=-price"))
    page.keyboard.press("Enter")
    expect(rows).to_have_text(["XRP/USDT", "ETH/USDT", "BTC/USDT"])
    expect(page.locator("th[aria-sort=ascending]")).to_contain_text("Last")
    expect(page.locator("#sort-price")).to_be_focused()

    push_until(symbols[1], 123.45, page, "123.45")
    expect(page.locator(f"#symbol-{symbols[1].pk} live-price[field=spread]")).to_have_text("0.0")
    expect_no_reload(page)
    assert complaints == []


def test_a_row_is_reached_and_opened_by_keys(
    asgi_server: AsgiServer, page: Page, operator: str, symbols: list[Symbol]
) -> None:
    page.goto(f"{asgi_server.url}/markets/")

    for key in "jjjjk":
        page.keyboard.press(key)
    expect(page.locator(f"#row-{symbols[1].pk}")).to_be_focused()
    page.keyboard.press("Enter")

    expect(page.get_by_role("heading", level=1)).to_contain_text("ETH/USDT")


def test_an_unwatch_is_taken_back(
    asgi_server: AsgiServer, page: Page, operator: str, symbols: list[Symbol]
) -> None:
    page.goto(f"{asgi_server.url}/markets/")
    row = page.locator(f"#symbol-{symbols[0].pk}")
    row.get_by_role("button", name="Unwatch").click()
    expect(row).to_have_count(0)

    page.get_by_role("button", name="Undo").click()

    expect(row).to_have_count(1)


def test_on_a_phone_the_list_fits_and_tells_the_essential(
    asgi_server: AsgiServer, page: Page, operator: str, symbols: list[Symbol]
) -> None:
    page.set_viewport_size(PHONE)  # type: ignore[arg-type]
    page.goto(f"{asgi_server.url}/markets/")

    width = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    assert page.evaluate(width) == 0
    row = page.locator(f"#symbol-{symbols[0].pk}")
    for label in ("Last", "24 h", "Turnover 24 h", "Posture", "Age"):
        expect(row.locator(f'td[data-label="{label}"]')).to_be_visible()
    expect(row.locator("live-price[field=spread]")).to_be_hidden()


def test_a_phone_sorts_too_and_a_filter_keeps_the_order(
    asgi_server: AsgiServer, page: Page, operator: str, symbols: list[Symbol]
) -> None:
    page.set_viewport_size(PHONE)  # type: ignore[arg-type]
    page.goto(f"{asgi_server.url}/markets/?sort=-name")
    rows = page.locator("#symbols [data-row]")
    expect(rows).to_have_text(["XRP/USDT", "ETH/USDT", "BTC/USDT"])

    page.get_by_label("Find a symbol").fill("t")
    expect(page).to_have_url(re.compile("search=t"))
    expect(rows).to_have_text(["XRP/USDT", "ETH/USDT", "BTC/USDT"])

    page.get_by_label("Sort by").select_option("name")
    expect(rows).to_have_text(["BTC/USDT", "ETH/USDT", "XRP/USDT"])
    expect(page).to_have_url(re.compile("search=t"))
