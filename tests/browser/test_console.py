"""The console in a real browser: live without reloading, quiet, usable on a phone."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Page, expect

from config import clock
from config.bus import EVENTS_GROUP
from marketdata import services as marketdata_services
from marketdata import store, tick_hub
from marketdata.models import Symbol, Ticker
from marketdata.timeframes import Timeframe
from strategies import services as strategy_services
from tests.conftest import AsgiServer
from tests.trading.factories import bars, make_bot, make_symbol
from trading import services
from trading.models import Bot
from trading.services import Replay

pytestmark = pytest.mark.browser

PHONE = {"width": 390, "height": 844}


@pytest.fixture
def symbol(clean_bus: None, asgi_server: AsgiServer) -> Symbol:
    """A followed symbol with candles up to now and a price."""
    symbol = make_symbol(exchange="simulated")
    now_ms = clock.now_ms()
    start_ms = Timeframe.M5.last_closed_open(now_ms) - 99 * Timeframe.M5.ms
    rows = bars([100 + index % 7 for index in range(100)], start_ms=start_ms)
    store.insert_candles(symbol.pk, "5m", rows)
    Ticker.objects.create(symbol=symbol, last=100.0, at=clock.now())
    return marketdata_services.watch_symbol(symbol=symbol)


@pytest.fixture
def bot(symbol: Symbol, operator: str) -> Bot:
    """A replay that may start."""
    strategy_services.sync_strategies(now=clock.now())
    services.ensure_system_state(now=clock.now())
    first = store.first_open_ms(symbol.pk, "5m") or 0
    return make_bot(symbol, name="Rosa", replay=Replay(first, clock.now_ms()))


def tick(symbol: Symbol, price: float) -> dict[str, Any]:
    """A price as the feed tells it."""
    now_ms = clock.now_ms()
    return {
        "type": "tick.message",
        "data": {
            "symbol": symbol.name,
            "exchange": symbol.exchange,
            "symbol_id": symbol.pk,
            "price": price,
            "bid": price,
            "ask": price,
            "change_24h": 0.05,
            "volume_24h": 1.0,
            "ts": clock.from_ms(now_ms).isoformat(),
            "at_ms": now_ms,
            "bar": {
                "time": now_ms // 60_000 * 60,
                "open": price,
                "high": price,
                "low": price,
                "close": price,
                "volume": 1.0,
            },
        },
    }


def push_until(symbol: Symbol, price: float, page: Page, text: str) -> None:
    """A tick that is sent before the page subscribed is lost, so it is sent again."""
    cell = page.locator(f'live-price[symbol="{symbol}"]').first
    for _ in range(50):
        tick_hub.publish([tick(symbol, price)])
        page.wait_for_timeout(100)
        if cell.inner_text() == text:
            break
    expect(cell).to_have_text(text)


def mark(page: Page) -> None:
    """What a reload would wipe out."""
    page.evaluate("document.documentElement.dataset.mark = 'here'")


def expect_no_reload(page: Page) -> None:
    expect(page.locator("html[data-mark=here]")).to_have_count(1)


def test_a_tick_changes_the_price_in_place(
    asgi_server: AsgiServer, page: Page, operator: str, symbol: Symbol, complaints: list[str]
) -> None:
    page.goto(f"{asgi_server.url}/markets/")
    mark(page)

    push_until(symbol, 123.45, page, "123.45")

    expect(page.locator('live-price[field="change"]').first).to_have_text("+5.00\u202f%")
    expect_no_reload(page)
    assert complaints == []


def test_a_bot_is_started_and_stopped_in_place(
    asgi_server: AsgiServer, page: Page, bot: Bot, complaints: list[str]
) -> None:
    page.goto(f"{asgi_server.url}/bots/{bot.pk}/")
    expect(page.locator("live-socket[state=live]")).to_be_visible()
    mark(page)

    page.click("#bot-head button:has-text('Start')")
    expect(page.locator(".notice")).to_contain_text("Rosa is running.")
    expect(page.locator("#bot-head .badge").first).to_have_text("Running")

    page.click("#bot-head button:has-text('Stop')")
    expect(page.locator("confirm-dialog dialog")).to_contain_text("Stop Rosa?")
    page.click("confirm-dialog [data-yes]")
    expect(page.locator("#bot-head .badge").first).to_have_text("Stopped")
    expect_no_reload(page)
    assert complaints == []


def test_what_others_do_shows_by_itself(asgi_server: AsgiServer, page: Page, bot: Bot) -> None:
    page.goto(f"{asgi_server.url}/bots/")
    expect(page.locator("live-socket[state=live]")).to_be_visible()

    services.update_bot(bot_id=bot.pk, changes={"name": "Carl"}, by=None, now=clock.now())
    data = {"bot_id": bot.pk, "status": "stopped", "job_id": None, "ts": ""}
    asgi_server.push(EVENTS_GROUP, {"type": "event.message", "event": "bot.state", "data": data})

    expect(page.locator("#bots")).to_contain_text("Carl")


def test_a_chart_draws_its_candles(
    asgi_server: AsgiServer, page: Page, operator: str, symbol: Symbol, complaints: list[str]
) -> None:
    page.goto(f"{asgi_server.url}/markets/simulated/BTC-USDT/?timeframe=5m")

    expect(page.locator("candle-chart canvas").first).to_be_visible()
    expect(page.locator("candle-chart .chart__legend")).to_contain_text("SMA 20")
    expect(page.get_by_role("link", name="TradingView")).to_be_visible()
    assert complaints == []


def test_an_emergency_stop_asks_first_and_then_proves_itself(
    asgi_server: AsgiServer, page: Page, bot: Bot, complaints: list[str]
) -> None:
    page.goto(asgi_server.url)

    page.click(".statebar .button--danger")
    page.fill("#stop-reason", "fire")
    page.click("#stop-dialog button:has-text('Stop everything')")

    expect(page.locator("#controls")).to_contain_text("Proof of the stop")
    expect(page.locator("#system-state")).to_have_text("EMERGENCY STOP")
    assert complaints == []


def test_keys_lead_through_the_console(
    asgi_server: AsgiServer, page: Page, operator: str, symbol: Symbol
) -> None:
    page.goto(asgi_server.url)
    expect(page.locator("live-socket[state=live]")).to_be_visible()

    page.keyboard.press("?")
    expect(page.locator("#keys-dialog")).to_be_visible()
    page.keyboard.press("Escape")
    page.keyboard.press("g")
    page.keyboard.press("m")
    expect(page).to_have_url(f"{asgi_server.url}/markets/")
    expect(page.locator("live-socket[state=live]")).to_be_visible()
    page.keyboard.press("/")
    page.keyboard.type("nothing")
    expect(page.locator("#symbols")).to_contain_text("No symbol matches")


def test_the_theme_is_remembered(asgi_server: AsgiServer, page: Page, operator: str) -> None:
    page.emulate_media(color_scheme="dark")
    page.goto(asgi_server.url)
    expect(page.locator("live-socket[state=live]")).to_be_visible()

    page.click(".statebar theme-toggle button")
    page.reload()

    expect(page.locator("html")).to_have_attribute("data-theme", "light")


@pytest.mark.parametrize("scheme", ["dark", "light"])
def test_every_page_fits_a_phone_and_breaks_no_policy(
    asgi_server: AsgiServer, page: Page, bot: Bot, complaints: list[str], scheme: Any
) -> None:
    page.set_viewport_size(PHONE)  # type: ignore[arg-type]
    page.emulate_media(color_scheme=scheme)
    paths = (
        "/ /markets/ /markets/simulated/BTC-USDT/ /markets/dead-letters/ /bots/ /bots/new/ "
        f"/bots/{bot.pk}/ /bots/{bot.pk}/?tab=settings /strategies/ /strategies/trend_ema/ "
        "/orders/ /fills/ /positions/ /trades/ /jobs/ /controls/ /data-quality/ /audit/ /tokens/ "
        "/accounts/password/"
    )

    widths = {}
    for path in paths.split():
        page.goto(asgi_server.url + path)
        expect(page.locator("live-socket[state=live]")).to_be_visible()
        widths[path] = page.evaluate("document.documentElement.scrollWidth")

    assert {path: width for path, width in widths.items() if width > PHONE["width"]} == {}
    assert complaints == []
