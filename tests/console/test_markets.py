"""The watchlist, one symbol with its chart, and what could not be stored."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.test import Client

from config import clock
from marketdata import services as marketdata_services
from marketdata.indicators import DEFAULT_SPECS
from marketdata.models import DeadLetter, FeedGap, IndicatorSpec, Symbol, Ticker
from marketdata.timeframes import Timeframe
from tests.console.pages import body, command, fragment, is_fragment, text_of
from tests.trading.factories import MIDNIGHT_MS, NOW, bars, make_bot, make_candles, make_symbol


def make_quoted(name: str, last: float, *, change: float = 0.0, volume: float = 1.0) -> Symbol:
    """A followed symbol with a stored price."""
    symbol = make_symbol(name, exchange="simulated")
    Symbol.objects.filter(pk=symbol.pk).update(watched=True)
    Ticker.objects.create(
        symbol=symbol,
        last=last,
        bid=last - 0.5,
        ask=last + 0.5,
        change_24h=change,
        volume_24h=volume,
        at=clock.now(),
    )
    symbol.refresh_from_db()
    return symbol


def _names(response: Any) -> list[str]:
    return [row.symbol.name for row in response.context["page"]]


@pytest.fixture
def symbols(clean_bus: None, db: None) -> list[Symbol]:
    return [
        make_quoted("BTC/USDT", 60_000.0, change=0.01, volume=1.0),
        make_quoted("ETH/USDT", 3_000.0, change=-0.02, volume=100.0),
    ]


def test_without_symbols_the_page_says_how_to_get_some(viewer: Client) -> None:
    assert "Choose symbols" in text_of(viewer.get("/markets/"))


def test_followed_symbols_are_listed_with_price_change_and_spread(
    viewer: Client, symbols: list[Symbol]
) -> None:
    text = text_of(viewer.get("/markets/"))

    assert "BTC/USDT simulated 60,000.00 USDT +1.00 % – 0.2 60.00k USDT" in text
    assert "300.00k USDT" in text


@pytest.mark.parametrize(
    ("sort", "first"),
    [
        ("name", "BTC/USDT"),
        ("-name", "ETH/USDT"),
        ("price", "ETH/USDT"),
        ("-price", "BTC/USDT"),
        ("change", "ETH/USDT"),
        ("-volume", "ETH/USDT"),
        ("rubbish", "BTC/USDT"),
    ],
)
def test_the_list_is_sorted_as_asked(
    viewer: Client, symbols: list[Symbol], sort: str, first: str
) -> None:
    assert _names(viewer.get(f"/markets/?sort={sort}"))[0] == first


def test_what_has_no_price_comes_last_whatever_the_order(
    viewer: Client, symbols: list[Symbol]
) -> None:
    Symbol.objects.filter(pk=make_symbol("ADA/USDT").pk).update(watched=True)

    for sort in ("price", "-price"):
        assert _names(viewer.get(f"/markets/?sort={sort}"))[-1] == "ADA/USDT"


def test_the_search_narrows_the_list_alone(viewer: Client, symbols: list[Symbol]) -> None:
    response = fragment(viewer, "/markets/?search=eth", "symbols")

    assert is_fragment(response)
    assert "ETH/USDT" in text_of(response)
    assert "BTC/USDT" not in text_of(response)


def test_symbols_that_are_not_followed_are_shown_when_asked_for(viewer: Client, db: None) -> None:
    make_symbol("ADA/USDT")

    assert "ADA/USDT" not in text_of(viewer.get("/markets/"))
    assert "ADA/USDT" in text_of(viewer.get("/markets/?show=all&exchange=recorded"))


def test_a_day_of_prices_is_a_line(viewer: Client, symbols: list[Symbol]) -> None:
    start_ms = clock.now_ms() // 900_000 * 900_000 - 3 * 900_000
    rows = bars([100, 101, 102], start_ms=start_ms, timeframe="15m")
    make_candles(symbols[0], rows, "15m")

    assert '<svg class="spark up"' in body(viewer.get("/markets/"))


def test_an_operator_follows_a_symbol_and_lets_it_go(operator: Client) -> None:
    symbol = make_symbol("ADA/USDT")
    url = "/markets/recorded/ADA-USDT/watch/"

    assert text_of(command(operator, url)) == "The feed follows ADA/USDT. Undo"
    symbol.refresh_from_db()
    assert symbol.watched
    assert text_of(command(operator, url, off="1")) == "ADA/USDT is no longer followed. Undo"
    symbol.refresh_from_db()
    assert not symbol.watched


def test_a_viewer_follows_nothing(viewer: Client) -> None:
    make_symbol("ADA/USDT")

    assert viewer.post("/markets/recorded/ADA-USDT/watch/").status_code == 403
    assert "Unwatch" not in text_of(viewer.get("/markets/recorded/ADA-USDT/"))


def test_a_symbol_shows_its_rules_quote_and_bots(viewer: Client, symbols: list[Symbol]) -> None:
    make_bot(symbols[0], name="Rosa")

    text = text_of(viewer.get("/markets/simulated/BTC-USDT/"))

    assert "tick 0.01 lot 0.001 minimum 0.001 BTC, 5 USDT" in text
    assert "Last 60,000.00 USDT" in text
    assert "Rosa buy_and_hold 5m Stopped" in text


def test_an_unknown_symbol_is_not_found(viewer: Client, db: None) -> None:
    response = viewer.get("/markets/simulated/NOPE-USDT/")

    assert response.status_code == 404
    assert "SYMBOL_UNKNOWN" in text_of(response)


def test_an_unknown_timeframe_is_refused(viewer: Client, symbols: list[Symbol]) -> None:
    response = viewer.get("/markets/simulated/BTC-USDT/?timeframe=7m")

    assert response.status_code == 400


def test_the_chart_begins_with_a_timeframe_that_has_candles(
    viewer: Client, symbols: list[Symbol]
) -> None:
    make_candles(symbols[0], bars([100, 101], timeframe="1h"), "1h")

    assert 'timeframe="1h"' in body(viewer.get("/markets/simulated/BTC-USDT/"))


def test_stored_candles_and_gaps_are_told(viewer: Client, symbols: list[Symbol]) -> None:
    make_candles(symbols[0], bars([100, 101]))
    FeedGap.objects.create(
        symbol=symbols[0],
        timeframe="5m",
        from_ms=MIDNIGHT_MS,
        to_ms=MIDNIGHT_MS + 600_000,
        found_at=NOW,
    )

    text = text_of(fragment(viewer, "/markets/simulated/BTC-USDT/", "symbol-data"))

    assert "5m 2024-01-01 00:00 2024-01-01 00:05" in text
    assert "5m: 2024-01-01 00:00 to 2024-01-01 00:10 open" in text
    assert "1d none stored" in text


def test_kept_indicators_are_offered_with_some_chosen(
    viewer: Client, symbols: list[Symbol]
) -> None:
    marketdata_services.subscribe_indicators(
        symbol=symbols[0], timeframe=Timeframe.M5, specs=DEFAULT_SPECS
    )

    response = viewer.get("/markets/simulated/BTC-USDT/?timeframe=5m")

    indicators = response.context["indicators"]()
    assert [one.title for one in indicators if one.chosen] == ["EMA 50", "SMA 20", "RSI 14"]
    assert "MACD 12 26 9" in text_of(response)


def test_candles_come_as_rows_within_bounds(viewer: Client, symbols: list[Symbol]) -> None:
    make_candles(symbols[0], bars([100, 101, 102, 103]))
    url = f"/charts/candles/{symbols[0].pk}/?timeframe=5m"

    def closes(query: str) -> list[float]:
        return [row[4] for row in json.loads(viewer.get(url + query).content)["candles"]]

    assert closes("") == [100, 101, 102, 103]
    assert closes("&limit=2") == [102, 103]
    assert closes(f"&to={MIDNIGHT_MS + 300_000}") == [100]
    assert closes("&merge=600000") == [101, 103]
    assert closes("&merge=1") == [100, 101, 102, 103]
    assert closes("&limit=rubbish") == [100, 101, 102, 103]


def test_indicator_values_come_by_line(viewer: Client, symbols: list[Symbol]) -> None:
    make_candles(symbols[0], bars([float(price) for price in range(100, 130)]))
    marketdata_services.subscribe_indicators(
        symbol=symbols[0], timeframe=Timeframe.M5, specs=DEFAULT_SPECS[:1]
    )
    marketdata_services.refresh_stale_indicators()
    spec = IndicatorSpec.objects.get(name="sma")

    lines = json.loads(viewer.get(f"/charts/indicators/{spec.pk}/").content)["lines"]

    assert list(lines) == ["value"]
    assert len(lines["value"]) == 11


def test_an_operator_starts_a_download_of_history(operator: Client) -> None:
    make_symbol("ADA/USDT")
    asked = {"timeframe": "5m", "start": "2024-01-01T00:00", "end": "2024-01-02T00:00"}

    response = command(operator, "/jobs/backfill/recorded:ADA/USDT/", **asked)

    assert response["HX-Redirect"] == "/jobs/"
    assert "downloads the history" in text_of(operator.get("/jobs/"))


def test_a_stretch_that_ends_before_it_starts_is_refused(operator: Client) -> None:
    make_symbol("ADA/USDT")
    asked = {"timeframe": "5m", "start": "2024-01-02T00:00", "end": "2024-01-01T00:00"}

    response = command(operator, "/jobs/backfill/recorded:ADA/USDT/", **asked)

    assert response.status_code == 400
    assert "The end must come after the start." in text_of(response)


def test_dead_letters_are_shown_with_their_reason(viewer: Client, db: None) -> None:
    assert "Everything that arrived could be stored." in text_of(
        viewer.get("/markets/dead-letters/")
    )
    DeadLetter.objects.create(
        kind="candle", digest="d", source="file.csv", payload={"o": -1}, reason="odd", at=NOW
    )

    assert "1 dead letter" in text_of(viewer.get("/markets/"))
    assert "candle file.csv odd" in text_of(viewer.get("/markets/dead-letters/"))
