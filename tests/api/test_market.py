"""Symbols, prices, candles, indicators and drawings over HTTP."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from marketdata.indicators import Spec
from marketdata.services import refresh_stale_indicators, subscribe_indicators
from marketdata.timeframes import Timeframe
from tests.api.factories import Api, make_candles, make_quote, make_symbol
from trading.models import AuditEvent, Job


def test_symbols_search_by_any_spelling(viewer: Api) -> None:
    make_symbol("BTC/USDT")
    make_symbol("ETH/USDT", exchange="binance", watched=False)
    make_symbol("BTC/EUR")

    def names(**params: object) -> list[str]:
        return [row["name"] for row in viewer.get("symbols", **params).json()["results"]]

    assert names() == ["BTC/EUR", "ETH/USDT", "BTC/USDT"]
    assert (
        names(search="btcusdt") == names(search="BTC/U") == names(search="BTC-USDT") == ["BTC/USDT"]
    )
    assert names(exchange="binance") == names(watched="false") == ["ETH/USDT"]
    assert names(search="usdt", limit=1) == ["ETH/USDT"]
    assert names(status="halted") == []
    assert viewer.get("symbols", watched="maybe").status_code == 400


def test_symbols_show_precision_and_minimums(viewer: Api) -> None:
    make_symbol()
    row = viewer.get("symbols").json()["results"][0]

    assert (row["price_tick"], row["qty_step"], row["min_notional"]) == ("0.01", "0.00001", "5")
    assert (row["base"], row["quote"], row["status"]) == ("BTC", "USDT", "TRADING")


def test_tickers_are_the_live_quotes(viewer: Api) -> None:
    make_quote(make_symbol(), 50_123.5)
    make_symbol("ETH/USDT")

    btc, eth = viewer.get("tickers", symbols="BTCUSDT,ETH-USDT").json()

    assert (btc["symbol"], btc["price"], btc["change_24h"]) == ("BTC/USDT", 50_123.5, 0.01)
    assert btc["timestamp"].endswith("Z")
    assert (eth["price"], eth["timestamp"]) == (None, None)
    assert viewer.get("market/tickers").json()[0]["symbol"] == "BTC/USDT"
    assert viewer.get("tickers", symbols="NOSUCH").json()["code"] == "SYMBOL_UNKNOWN"


def test_candles_come_with_close_times_oldest_first(viewer: Api) -> None:
    rows = make_candles(make_symbol(), many=20)

    body = viewer.get("candles", symbol="BTCUSDT", interval="1m", limit=5).json()

    assert [row["open_ms"] for row in body["candles"]] == [row[0] for row in rows[-5:]]
    assert body["candles"][0]["close_ms"] == rows[-5][0] + 60_000
    assert body["candles"][0]["close"] == rows[-5][4]
    assert body["gaps"] == []


def test_from_and_to_take_ms_and_iso_and_are_half_open(viewer: Api) -> None:
    rows = make_candles(make_symbol(), many=20)
    first, last = rows[3][0], rows[6][0]

    def opens(start: Any, stop: Any) -> list[int]:
        params = {"symbol": "BTCUSDT", "interval": "1m", "from": start, "to": stop}
        return [row["open_ms"] for row in viewer.get("candles", **params).json()["candles"]]

    from config.clock import from_ms
    from config.rendering import instant

    assert opens(first, last) == [row[0] for row in rows[3:6]]
    assert opens(instant(from_ms(first)), instant(from_ms(last))) == opens(first, last)
    assert opens(first + 1, last) == [row[0] for row in rows[4:6]]


def test_a_page_through_history_begins_at_from(viewer: Api) -> None:
    rows = make_candles(make_symbol(), many=20)

    params = {"symbol": "BTCUSDT", "interval": "1m", "from": rows[0][0], "limit": 4}
    body = viewer.get("candles", **params).json()

    assert [row["open_ms"] for row in body["candles"]] == [row[0] for row in rows[:4]]


def test_missing_candles_are_reported(viewer: Api) -> None:
    rows = make_candles(make_symbol(), many=20, skip=(15, 16))

    body = viewer.get("candles", symbol="BTCUSDT", interval="1m", limit=10).json()

    hole = {"from_ms": rows[14][0] + 60_000, "to_ms": rows[15][0], "candles": 2}
    assert body["gaps"] == [hole]


def test_ohlcv_is_plain_rows(viewer: Api) -> None:
    rows = make_candles(make_symbol(), many=8)

    body = viewer.get("market/ohlcv", symbol="BTC/USDT", timeframe="1m", limit=3).json()

    assert body == [list(row) for row in rows[-3:]]


@pytest.mark.parametrize(
    ("params", "status", "code"),
    [
        ({}, 400, "INVALID"),
        ({"interval": "1m"}, 400, "INVALID"),
        ({"interval": "7m", "symbol": "BTCUSDT"}, 400, "TIMEFRAME_UNKNOWN"),
        ({"interval": "1m", "symbol": "NOSUCH"}, 404, "SYMBOL_UNKNOWN"),
        ({"interval": "1m", "symbol": "BTCUSDT", "limit": 0}, 400, "INVALID"),
        ({"interval": "1m", "symbol": "BTCUSDT", "limit": 5001}, 400, "INVALID"),
        ({"interval": "1m", "symbol": "BTCUSDT", "limit": "1e3"}, 400, "INVALID"),
        ({"interval": "1m", "symbol": "BTCUSDT", "from": "noon"}, 400, "INVALID"),
        ({"interval": "1m", "symbol": "BTCUSDT", "from": "9" * 30}, 400, "INVALID"),
        ({"interval": "1m", "symbol": "BTCUSDT", "from": 5, "to": 5}, 400, "INVALID"),
    ],
)
def test_rubbish_is_refused_by_name(
    viewer: Api, params: dict[str, object], status: int, code: str
) -> None:
    make_symbol()

    answer = viewer.get("candles", **params)

    assert (answer.status_code, answer.json()["code"]) == (status, code)


def test_indicators_are_stored_series_by_parameter_hash(viewer: Api) -> None:
    symbol = make_symbol()
    rows = make_candles(symbol, many=60)
    spec = Spec.of("sma", {"period": 20})
    subscribe_indicators(symbol=symbol, timeframe=Timeframe.M1, specs=[spec])
    refresh_stale_indicators()

    params = {"symbol": "BTCUSDT", "interval": "1m", "name": "sma", "params": '{"period":20}'}
    body = viewer.get("indicators", **params).json()

    series = body["lines"]["value"]
    assert body["params_hash"] == spec.params_hash
    assert series[0][0] == rows[19][0]  # nothing before the first defined candle
    mean = sum(row[4] for row in rows[:20]) / 20
    assert series[0][1] == pytest.approx(mean)


def test_an_indicator_that_nobody_keeps_says_so(viewer: Api) -> None:
    make_symbol()
    asked = {"symbol": "BTCUSDT", "interval": "1m"}

    unknown = viewer.get("indicators", **asked, name="magic")
    absent = viewer.get("indicators", **asked, name="sma")
    wrong = viewer.get("indicators", **asked, name="sma", params='{"period":1}')
    rubbish = viewer.get("indicators", **asked, name="sma", params="period")

    assert (unknown.status_code, unknown.json()["code"]) == (400, "INDICATOR_UNKNOWN")
    assert (absent.status_code, absent.json()["code"]) == (404, "INDICATOR_NOT_STORED")
    assert (wrong.status_code, wrong.json()["code"]) == (422, "INDICATOR_PARAMS_INVALID")
    assert (rubbish.status_code, list(rubbish.json()["fields"])) == (400, ["params"])


def test_a_backfill_is_a_job(operator: Api) -> None:
    make_symbol()
    asked = {"symbol": "BTCUSDT", "timeframe": "1h", "from": "2024-01-01", "to": "2024-01-02"}

    answer = operator.post("market/backfill", asked, key="b1")
    operator.post("market/backfill", asked, key="b1")

    job = Job.objects.get()
    assert answer.status_code == 202
    assert (answer.json()["id"], answer.json()["status"]) == (job.pk, "queued")
    assert job.args["from_ms"] == 1704067200000
    assert AuditEvent.objects.filter(action="job.created", actor="operator").count() == 1


LINE = {
    "symbol": "BTC/USDT",
    "shape_type": "line",
    "points": [{"time": 1704067200000, "price": 1.5}, {"time": 1704070800000, "price": 2}],
    "style": {"color": "#ff0"},
    "label": "support",
}


def test_a_drawing_is_made_changed_and_wiped_away(operator: Api) -> None:
    make_symbol()

    made = operator.post("annotations", LINE)
    changed = operator.send("PATCH", f"annotations/{made.json()['id']}", {"label": "broken"})
    listed = operator.get("annotations", symbol="BTCUSDT").json()["results"]
    wiped = operator.send("DELETE", f"annotations/{made.json()['id']}")

    assert (made.status_code, made.json()["created_by"]) == (201, "operator")
    assert made.json()["points"] == LINE["points"]
    assert listed == [changed.json()]
    assert listed[0]["label"] == "broken"
    assert wiped.status_code == 204
    assert operator.get(f"annotations/{made.json()['id']}").json()["code"] == "ANNOTATION_UNKNOWN"


@pytest.mark.parametrize(
    "change",
    [
        {"shape_type": "circle"},
        {"points": []},
        {"points": [{"time": 1, "price": "up"}]},
        {"points": [{"time": 1, "price": 1, "z": 1}]},
        {"style": {"color": "x" * 50}},
        {"id": 7},
    ],
)
def test_a_drawing_has_a_strict_shape(operator: Api, change: dict[str, object]) -> None:
    make_symbol()

    assert operator.post("annotations", {**LINE, **change}).status_code == 400


def test_a_viewer_does_not_draw(viewer: Api) -> None:
    make_symbol()

    assert viewer.post("annotations", LINE).status_code == 403


def test_numbers_in_a_body_are_finite(operator: Api) -> None:
    make_symbol()
    body = orjson.dumps(LINE).replace(b"1.5", b"1e999")

    assert operator.post("annotations", body).status_code == 400
