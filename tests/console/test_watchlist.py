"""The watchlist: every column sorts, it is remembered, and many symbols cost no more queries."""

from __future__ import annotations

import csv
import io
from typing import Any

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries, Settings

from config import clock
from marketdata import live_features, services, sparks
from marketdata.models import Candle, Symbol, Ticker
from strategies.models import Posture
from tests.console.pages import body, command, fragment, text_of
from tests.console.test_agents import make_finding
from tests.strategies.looks import make_state
from tests.trading.factories import bars, make_bot, make_candles, make_symbol
from tests.trading.live_desk import make_live_desk
from trading.models import Bot

pytestmark = pytest.mark.usefixtures("clean_bus", "db")

KEYS = ("name", "exchange", "price", "change", "spread", "volume", "rvol", "momentum")
MORE_KEYS = ("posture", "finding", "bots", "age")


def make_watched(name: str, last: float) -> Symbol:
    symbol = make_symbol(name, exchange="simulated")
    Symbol.objects.filter(pk=symbol.pk).update(watched=True)
    values = {"bid": last * 0.999, "ask": last * 1.001, "change_24h": last / 1000}
    Ticker.objects.create(symbol=symbol, last=last, volume_24h=1.0, at=clock.now(), **values)
    symbol.refresh_from_db()
    return symbol


@pytest.fixture
def known() -> Symbol:
    """A symbol of which everything is known; ADA/USDT has nothing but a name."""
    symbol = make_watched("BTC/USDT", 100.0)
    state = make_state(at=clock.now())
    live_features.put_states({symbol.pk: state}, {})
    now = clock.now()
    Posture.objects.create(symbol=symbol, view="LONG", p_up=0.7, since=now, updated_at=now)
    make_finding(symbol, label="new_trend")
    make_bot(symbol, name="Rosa")
    Symbol.objects.filter(pk=make_symbol("ADA/USDT").pk).update(watched=True)
    return symbol


def names(response: Any) -> list[str]:
    return [row.symbol.name for row in response.context["page"]]


def test_a_row_tells_what_agents_and_bots_make_of_a_symbol(viewer: Client, known: Symbol) -> None:
    page = viewer.get("/markets/")

    text = text_of(page)
    assert "Long new trend" in text
    assert "Rosa" in text
    assert f"/findings/?symbol={known.pk}" in body(page)


@pytest.mark.parametrize("key", [*KEYS, *MORE_KEYS])
def test_every_column_sorts_both_ways(viewer: Client, known: Symbol, key: str) -> None:
    other = make_watched("ETH/USDT", 3.0)

    up, down = (names(viewer.get(f"/markets/?sort={way}{key}")) for way in ("", "-"))

    assert set(up) == set(down) == {"BTC/USDT", "ADA/USDT", other.name}
    if key in {"posture", "finding", "rvol", "momentum"}:  # only one knows it
        assert up[0] == down[0] == "BTC/USDT"
    elif key == "bots":
        assert down[0] == up[-1] == "BTC/USDT"
    elif key in {"price", "change", "volume"}:
        assert up == ["ETH/USDT", "BTC/USDT", "ADA/USDT"]
        assert down == ["BTC/USDT", "ETH/USDT", "ADA/USDT"]


def test_each_head_sorts_by_keyboard_and_tells_the_direction(viewer: Client, known: Symbol) -> None:
    page = body(viewer.get("/markets/?sort=-rvol"))

    assert page.count('aria-sort="descending"') == 1
    heads = [key for key in (*KEYS, *MORE_KEYS) if key != "exchange"]
    assert all(f'id="sort-{key}"' in page for key in heads)


def test_features_of_a_feed_that_died_are_not_shown(viewer: Client, known: Symbol) -> None:
    old = make_state(at=clock.from_ms(clock.now_ms() - 120_000))
    live_features.put_states({known.pk: old}, {})

    [row] = [row for row in viewer.get("/markets/").context["page"] if row.symbol == known]

    assert row.features.rvol is None


def test_a_finding_of_the_day_before_yesterday_is_no_news(viewer: Client, known: Symbol) -> None:
    known.findings.update(at=clock.from_ms(clock.now_ms() - 2 * 86_400_000))

    assert "new trend" not in text_of(viewer.get("/markets/"))


def test_who_comes_back_finds_the_list_as_it_was(viewer: Client, known: Symbol) -> None:
    viewer.get("/markets/?sort=-price&search=btc&show=all")

    back = viewer.get("/markets/")

    assert (back.status_code, back["Location"]) == (302, "/markets/?sort=-price&show=all")
    viewer.get("/markets/?sort=")
    assert viewer.get("/markets/").status_code == 200


def test_an_odd_address_is_not_remembered(viewer: Client, known: Symbol) -> None:
    viewer.get("/markets/?page=7&next=//evil.example&csv=1")

    assert viewer.get("/markets/").status_code == 200


def test_the_list_is_taken_away_as_a_file(viewer: Client, known: Symbol) -> None:
    response = viewer.get("/markets/?csv=1&sort=-price")

    [first, second] = csv.DictReader(io.StringIO(response.content.decode()))
    assert (first["symbol"], first["last"], first["bots"]) == ("BTC/USDT", "100.0", "Rosa")
    assert (second["symbol"], second["last"], second["finding"]) == ("ADA/USDT", "", "")


def test_unwatching_can_be_taken_back(operator: Client, known: Symbol) -> None:
    url = "/markets/simulated/BTC-USDT/watch/"

    notice = body(command(operator, url, off="1"))
    assert f'hx-post="{url}"' in notice
    assert 'name="off"' not in notice

    command(operator, url)
    known.refresh_from_db()
    assert known.watched
    assert 'name="off"' in body(command(operator, url))


def test_unwatching_what_a_bot_trades_says_what_that_does(operator: Client, known: Symbol) -> None:
    Bot.objects.update(status=Bot.Status.RUNNING)

    notice = command(operator, "/markets/simulated/BTC-USDT/watch/", off="1")

    assert "left the watchlist; it is followed while Rosa trades it. Undo" in text_of(notice)


def test_bots_that_run_are_counted(viewer: Client, known: Symbol) -> None:
    other = make_bot(known, name="Olga")
    Bot.objects.filter(pk=other.pk).update(status=Bot.Status.RUNNING)

    assert "1 of 2 run" in text_of(viewer.get("/markets/"))


def test_real_money_on_a_symbol_is_marked(viewer: Client, settings: Settings) -> None:
    desk = make_live_desk(settings)
    Symbol.objects.update(watched=True)
    assert "badge--live" not in body(viewer.get("/markets/"))

    Bot.objects.filter(pk=desk.bot.pk).update(paper_mode=False, account=desk.account)

    assert body(viewer.get("/markets/")).count("badge--live") == 1


def test_two_hundred_symbols_cost_as_many_queries_as_two(
    viewer: Client, known: Symbol, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    extra = [
        Symbol(
            exchange="simulated", name=f"T{number}/USDT", base=f"T{number}", quote="USDT",
            price_tick="0.01", qty_step="0.01", watched=True, updated_at=clock.now(),
        )
        for number in range(200)
    ]  # fmt: skip
    Symbol.objects.bulk_create(extra)

    with django_assert_max_num_queries(12):
        response = fragment(viewer, "/markets/", "symbols")
    assert "1–50 of 202" in text_of(response)
    assert len(names(viewer.get("/markets/?page=5"))) == 2


def test_the_lines_of_a_day_are_read_once_a_minute(known: Symbol) -> None:
    now_ms = clock.now_ms()
    start_ms = now_ms // 900_000 * 900_000 - 3 * 900_000
    make_candles(known, bars([1, 2, 3], start_ms=start_ms, timeframe="15m"), "15m")
    make_candles(known, bars([9], start_ms=start_ms - 100 * 900_000, timeframe="15m"), "15m")

    assert sparks.day_closes([known.pk], now_ms) == {known.pk: [1, 2, 3]}
    Candle.objects.all().delete()
    assert sparks.day_closes([known.pk], now_ms) == {known.pk: [1, 2, 3]}


def test_watching_a_symbol_twice_is_watching_it(operator: Client, known: Symbol) -> None:
    services.watch_symbol(symbol=known)
    for _ in range(2):
        assert command(operator, "/markets/simulated/BTC-USDT/watch/").status_code == 200
