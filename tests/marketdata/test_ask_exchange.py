"""The real exchanges, asked over HTTP: what they say is understood or refused, never guessed."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from math import isnan

import pytest

from config.refusals import Refusal
from marketdata.errors import ExchangeRefused, ExchangeUnavailable, SymbolUnknown
from marketdata.exchanges.ccxt_rest import CcxtExchange
from marketdata.timeframes import Timeframe
from tests.exchange import (
    LoopbackExchange,
    body_of,
    make_market,
    mangled,
    reset,
    slow,
    status,
    truncated,
)
from tests.exchange.faults import HTML, Spoil
from tests.exchange.market import kline

NOW = 1_700_000_040_000
START = NOW // 60_000 * 60_000 - 600_000


@pytest.fixture
def server() -> Iterator[LoopbackExchange]:
    with LoopbackExchange(make_market(NOW)) as running:
        yield running


@pytest.fixture(params=["binance", "bybit"])
def exchange(request: pytest.FixtureRequest, server: LoopbackExchange) -> CcxtExchange:
    return CcxtExchange(request.param, base_url=server.url, timeout_s=0.3)


def test_rules_of_a_symbol_are_exact_decimals(
    exchange: CcxtExchange, server: LoopbackExchange
) -> None:
    server.market.pairs[0].tick = "0.01000000"
    server.market.pairs[0].trading = False

    first, second = exchange.fetch_symbols()

    assert (first.name, first.base, first.quote) == ("BTC/USDT", "BTC", "USDT")
    assert first.price_tick == Decimal("0.01")
    assert first.qty_step == Decimal("0.00001")
    assert first.min_notional == Decimal(5)
    assert (first.trading, second.trading) == (False, True)


def test_candles_come_oldest_first_and_the_newest_is_open_still(exchange: CcxtExchange) -> None:
    rows = exchange.fetch_candles("BTC/USDT", Timeframe.M1, START, 1000)

    assert [row[0] for row in rows] == list(range(START, NOW + 1, 60_000))
    assert rows[0] == tuple(map(float, kline(START)))
    assert rows[-1][0] + 60_000 > NOW


def test_a_page_ends_at_its_limit_also_behind_a_hole(
    exchange: CcxtExchange, server: LoopbackExchange
) -> None:
    server.market.holes = {START + 60_000, START + 120_000}

    rows = exchange.fetch_candles("BTC/USDT", Timeframe.M1, START, 4)

    assert [row[0] - START for row in rows] == [0, 180_000]


def test_tickers_have_both_sides_and_the_change_as_a_fraction(exchange: CcxtExchange) -> None:
    rows = exchange.fetch_tickers(["ETH/USDT", "BTC/USDT"])

    assert {row.symbol for row in rows} == {"BTC/USDT", "ETH/USDT"}
    ticker = rows[0]
    assert (ticker.last, ticker.bid, ticker.ask) == (42000.5, 42000.5, 42000.51)
    assert (ticker.bid_qty, ticker.ask_qty) == (0.5, 0.75)
    assert ticker.change_24h == pytest.approx(-0.0125)
    assert ticker.at_ms == NOW


def test_many_tickers_are_one_request(server: LoopbackExchange) -> None:
    server.market = make_market(NOW, "A", "B", "C", "D", "E")
    bybit = CcxtExchange("bybit", base_url=server.url)

    rows = bybit.fetch_tickers(["A/USDT", "B/USDT", "C/USDT", "E/USDT"])

    assert [row.symbol for row in rows] == ["A/USDT", "B/USDT", "C/USDT", "E/USDT"]
    assert len(server.asked("tickers")) == 1


def test_an_empty_side_of_the_book_is_no_price(
    exchange: CcxtExchange, server: LoopbackExchange
) -> None:
    server.market.pairs[0].bid = "" if exchange.name == "bybit" else "0.00000000"

    assert exchange.fetch_tickers(["BTC/USDT"])[0].bid is None


def test_the_clock_of_the_exchange_is_asked(exchange: CcxtExchange) -> None:
    assert exchange.time_ms() == NOW


def test_an_unknown_symbol_is_a_refusal(exchange: CcxtExchange) -> None:
    with pytest.raises(SymbolUnknown):
        exchange.fetch_candles("NOPE/USDT", Timeframe.M1, START, 10)


@pytest.mark.parametrize(
    "spoil",
    [
        status(500),
        status(502),
        status(503),
        status(504),
        status(403),
        reset,
        slow(0.6),
        truncated,
        body_of(b"null"),
        body_of(b""),
        body_of(HTML),
        body_of(b"[1, 2"),
        body_of(b'{"retCode": 0, "result": {}}'),
        body_of(b'{"retCode": 0, "result": {"list": null}}'),
        body_of(b'"fine"'),
    ],
)
def test_no_answer_and_no_sense_are_both_unavailable(
    exchange: CcxtExchange, server: LoopbackExchange, spoil: Spoil
) -> None:
    server.fail(spoil)

    with pytest.raises(ExchangeUnavailable):
        exchange.fetch_candles("BTC/USDT", Timeframe.M1, START, 10)
    with pytest.raises(ExchangeUnavailable):
        exchange.fetch_symbols()
    assert len(server.requests) == 2, "nothing may be asked twice behind the caller's back"


@pytest.mark.parametrize(("code", "seconds"), [(429, 7), (418, 120)])
def test_a_limit_says_how_long_to_be_quiet(
    exchange: CcxtExchange, server: LoopbackExchange, code: int, seconds: int
) -> None:
    server.fail(status(code, retry_after=seconds))

    with pytest.raises(ExchangeUnavailable) as caught:
        exchange.fetch_tickers(["BTC/USDT"])

    assert caught.value.retry_after_s == seconds


def test_a_ban_without_a_time_is_a_long_one(
    exchange: CcxtExchange, server: LoopbackExchange
) -> None:
    server.fail(status(418))

    with pytest.raises(ExchangeUnavailable) as caught:
        exchange.fetch_tickers(["BTC/USDT"])

    assert caught.value.retry_after_s == 120


@pytest.mark.parametrize(
    ("venue", "body", "code"),
    [
        ("binance", b'{"code": -1003, "msg": "Too much request weight used."}', 429),
        ("bybit", b'{"retCode": 10006, "retMsg": "Too many visits.", "result": {}}', 200),
    ],
)
def test_a_limit_in_the_exchanges_own_words_is_one_too(
    server: LoopbackExchange, venue: str, body: bytes, code: int
) -> None:
    server.fail(status(code, body=body))

    with pytest.raises(ExchangeUnavailable) as caught:
        CcxtExchange(venue, base_url=server.url).time_ms()

    assert caught.value.retry_after_s == 10


@pytest.mark.parametrize(
    ("venue", "body", "code"),
    [
        ("binance", b'{"code": -1100, "msg": "Illegal characters found."}', 400),
        ("bybit", b'{"retCode": 10001, "retMsg": "params error", "result": {}}', 200),
        ("bybit", b'{"retCode": 10024, "retMsg": "Compliance rules triggered"}', 200),
    ],
)
def test_a_no_is_a_refusal_that_is_not_worth_repeating(
    server: LoopbackExchange, venue: str, body: bytes, code: int
) -> None:
    server.fail(status(code, body=body))

    with pytest.raises(Refusal) as caught:
        CcxtExchange(venue, base_url=server.url).fetch_candles("BTC/USDT", Timeframe.M1, START, 5)

    assert isinstance(caught.value, ExchangeRefused)


def test_an_address_where_nobody_listens_is_unavailable() -> None:
    with pytest.raises(ExchangeUnavailable):
        CcxtExchange("binance", base_url="http://127.0.0.1:9", timeout_s=1).time_ms()


def test_rubbish_in_a_row_is_passed_on_as_rubbish(
    exchange: CcxtExchange, server: LoopbackExchange
) -> None:
    server.fail(mangled(lambda rows: [["NaN", *rows[0][1:]], [1, "x", None, "", "1", "1"], "?"]))

    rows = exchange.fetch_candles("BTC/USDT", Timeframe.M1, START, 10)

    assert [row[0] for row in rows if row[0] != 1] == [-1, -1]
    assert isnan(next(row[1] for row in rows if row[0] == 1))
