"""Messages of Binance's and Bybit's public streams, in our words; rubbish among them."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketdata.exchanges.protocol import Level, TradePrint
from marketdata.exchanges.stream_events import (
    Answer,
    Best,
    Book,
    Candle,
    Day,
    Event,
    Farewell,
    Lost,
    Pong,
    Prints,
    Rubbish,
    StreamReader,
)
from marketdata.exchanges.stream_wires import STREAM_WIRES
from marketdata.timeframes import Timeframe

BTC = "BTC/USDT"
AT = 1_672_515_782_136


def reader(exchange: str) -> StreamReader:
    made = STREAM_WIRES[exchange].reader()
    made.names["BTCUSDT"] = BTC
    return made


def binance(kind: str, **data: Any) -> bytes:
    return orjson.dumps({"stream": f"btcusdt@{kind}", "data": {"s": "BTCUSDT", "E": AT} | data})


def bybit(topic: str, data: Any, kind: str = "snapshot") -> bytes:
    return orjson.dumps({"topic": topic, "ts": AT, "type": kind, "data": data})


def heard(exchange: str, message: bytes | str) -> Event:
    [event] = reader(exchange).read(message)
    return event


TRADE = {"e": "trade", "t": 12, "p": "100.5", "q": "0.25", "T": AT, "m": True}
KLINE = {"t": 60_000, "i": "1m", "o": "1", "h": "3", "l": "0.5", "c": "2", "v": "7", "x": True}


def test_binance_says_trades() -> None:
    assert heard("binance", binance("trade", **TRADE)) == Prints(
        BTC, (TradePrint("12", 100.5, 0.25, False, AT),)
    )


def test_binance_says_the_top_of_the_book() -> None:
    message = binance("bookTicker", u=7, b="100.0", B="2", a="100.1", A="0")

    assert heard("binance", message) == Best(BTC, 100.0, 2.0, 100.1, None, 7, 0)


def test_binance_says_the_book() -> None:
    message = binance("depth20", lastUpdateId=5, bids=[["99", "1"]], asks=[["101", "2"]])

    event = heard("binance", message)

    assert isinstance(event, Book)
    assert (event.update_id, list(event.book.bids)) == (5, [Level(99.0, 1.0)])


def test_binance_says_the_day_and_its_candles() -> None:
    assert heard("binance", binance("ticker", c="100", P="-1.25", v="500")) == Day(
        BTC, 100.0, -0.0125, 500.0, AT
    )
    assert heard("binance", binance("kline_1m", k=KLINE)) == Candle(
        BTC, Timeframe.M1, (60_000, 1.0, 3.0, 0.5, 2.0, 7.0), True, AT
    )


def test_binance_answers_and_says_goodbye() -> None:
    assert heard("binance", '{"result":null,"id":3}') == Answer("3", "")
    assert heard("binance", '{"error":{"code":2,"msg":"no"},"id":3}') == Answer("3", "no")
    assert heard("binance", '{"e":"serverShutdown","E":1}') == Farewell()
    assert heard("binance", '{"stream":"x","data":{"e":"serverShutdown"}}') == Farewell()


ROW = {"T": AT, "s": "BTCUSDT", "S": "Sell", "v": "0.25", "p": "100.5", "i": "a-1"}


def test_bybit_says_trades_and_sets_aside_only_the_wrong_ones() -> None:
    found = reader("bybit").read(bybit("publicTrade.BTCUSDT", [ROW, ROW | {"p": "-1"}]))

    assert found[0] == Prints(BTC, [TradePrint("a-1", 100.5, 0.25, False, AT)])
    assert isinstance(found[1], Rubbish)
    assert found[1].reason == "not above zero"


def test_bybit_says_the_day_the_top_and_candles() -> None:
    day = {"lastPrice": "100", "price24hPcnt": "0.02", "volume24h": "9"}
    candle = {"start": 0, "interval": "60", "confirm": False, "timestamp": AT}
    prices = {"open": "1", "high": "1", "low": "1", "close": "1", "volume": "0"}
    top = {"s": "BTCUSDT", "b": [["99", "1"]], "a": [], "u": 4}

    assert heard("bybit", bybit("tickers.BTCUSDT", day)) == Day(BTC, 100.0, 0.02, 9.0, AT)
    assert heard("bybit", bybit("orderbook.1.BTCUSDT", top)) == Best(
        BTC, 99.0, 1.0, None, None, 4, AT
    )
    row = candle | prices | {"start": 3_600_000}
    assert heard("bybit", bybit("kline.60.BTCUSDT", [row])) == Candle(
        BTC, Timeframe.H1, (3_600_000, 1.0, 1.0, 1.0, 1.0, 0.0), False, AT
    )


def test_bybit_answers() -> None:
    accepted = '{"success":true,"ret_msg":"","op":"subscribe","req_id":"3"}'
    refused = '{"success":false,"ret_msg":"Invalid symbol","op":"subscribe","req_id":"3"}'

    assert heard("bybit", accepted) == Answer("3", "")
    assert heard("bybit", refused) == Answer("3", "Invalid symbol")
    assert heard("bybit", '{"success":true,"ret_msg":"pong","op":"ping"}') == Pong()
    assert heard("bybit", '{"op":"pong","args":["1"]}') == Pong()


def book(number: int, bids: list[list[str]], asks: list[list[str]]) -> dict[str, Any]:
    return {"s": "BTCUSDT", "b": bids, "a": asks, "u": number}


TOPIC = "orderbook.50.BTCUSDT"
WHOLE = bybit(TOPIC, book(10, [["99", "1"], ["98", "2"]], [["101", "1"]]))


def test_a_bybit_book_is_put_together_from_pieces() -> None:
    kept = reader("bybit")
    kept.read(WHOLE)
    kept.read(bybit(TOPIC, book(11, [["99", "0"], ["97", "5"]], [["101", "3"]]), "delta"))

    [event] = kept.books()

    assert isinstance(event, Book)
    assert list(event.book.bids) == [Level(98.0, 2.0), Level(97.0, 5.0)]
    assert list(event.book.asks) == [Level(101.0, 3.0)]
    assert kept.books() == []  # nothing has changed since


def test_a_piece_that_comes_twice_or_late_changes_nothing() -> None:
    kept = reader("bybit")
    kept.read(WHOLE)
    kept.read(bybit(TOPIC, book(11, [["99", "7"]], []), "delta"))
    kept.read(bybit(TOPIC, book(11, [["99", "8"]], []), "delta"))
    kept.read(bybit(TOPIC, book(10, [["99", "9"]], []), "delta"))

    [event] = kept.books()

    assert isinstance(event, Book)
    assert event.book.bids[0] == Level(99.0, 7.0)


def test_a_lost_piece_of_a_book_is_noticed() -> None:
    kept = reader("bybit")
    kept.read(WHOLE)

    assert kept.read(bybit(TOPIC, book(13, [["99", "7"]], []), "delta")) == [Lost(BTC, TOPIC)]


def test_a_book_whose_counter_began_anew_is_whole() -> None:
    kept = reader("bybit")
    kept.read(WHOLE)

    assert kept.read(bybit(TOPIC, book(1, [["50", "1"]], [["51", "1"]]), "delta")) == []

    [event] = kept.books()
    assert isinstance(event, Book)
    assert list(event.book.bids) == [Level(50.0, 1.0)]


def test_pieces_before_the_whole_are_left_out() -> None:
    kept = reader("bybit")
    kept.read(bybit(TOPIC, book(11, [["99", "7"]], []), "delta"))

    assert kept.books() == []


@pytest.mark.parametrize("exchange", ["binance", "bybit"])
def test_what_nobody_wants_any_more_says_nothing(exchange: str) -> None:
    made = STREAM_WIRES[exchange].reader()

    assert made.read(binance("trade", **TRADE) if exchange == "binance" else WHOLE) == []


NOT_NUMBERS: list[Any] = [None, "x", [], -1]
WRONG: list[bytes] = [
    b"",
    b"{",
    b'{"stream": "btcusdt@trade", "data": {"p": "1',
    b"\x00\xff\xfe",
    b"null",
    b"[]",
    b"12",
    b'"text"',
    b"{}",
    b"<html>502</html>",
    b'{"topic": 3, "data": []}',
    b'{"stream": "btcusdt@trade"}',
    binance("aggTrade", **TRADE),
    binance("trade", **(TRADE | {"s": "ETHUSDT"})),
    *(binance("trade", **(TRADE | {key: bad})) for key in "tpqTm" for bad in NOT_NUMBERS),
    *(binance("trade", **(TRADE | {"p": bad})) for bad in ("NaN", "inf", "1e999", "0", "", True)),
    binance("kline_1m", k=KLINE | {"h": "0.1"}),
    binance("kline_1m", k=KLINE | {"x": "yes"}),
    binance("kline_1m", k=KLINE | {"i": "7m"}),
    binance("kline_1m", k=KLINE | {"v": "-1"}),
    binance("kline_1m", k=[]),
    binance("ticker", c=None, P="1", v="1"),
    binance("depth20", lastUpdateId=1, bids=[["1"]], asks=[]),
    binance("depth20", lastUpdateId=1, bids=None, asks=[]),
    binance("depth20", lastUpdateId="x", bids=[], asks=[]),
    bybit("publicTrade.BTCUSDT", [ROW | {"S": "buy"}]),
    bybit("publicTrade.BTCUSDT", [ROW | {"i": 5}]),
    bybit("publicTrade.BTCUSDT", {"a": 1}),
    bybit("publicTrade.BTCUSDT", [3]),
    bybit("tickers.BTCUSDT", []),
    bybit("tickers.BTCUSDT", {"lastPrice": "x"}),
    bybit("kline.1.BTCUSDT", [{"interval": "1"}]),
    bybit("kline.1.BTCUSDT", [{"interval": "9", "confirm": True}]),
    bybit(TOPIC, {"u": 3, "b": [["1", "-4"]], "a": []}),
    bybit(TOPIC, {"u": None, "b": [], "a": []}),
    bybit(TOPIC, None),
    bybit("liquidations.BTCUSDT", []),
]


@pytest.mark.parametrize("exchange", ["binance", "bybit"])
@pytest.mark.parametrize("message", WRONG)
def test_rubbish_is_said_to_be_rubbish(exchange: str, message: bytes) -> None:
    for event in reader(exchange).read(message):
        assert isinstance(event, Rubbish)
        assert event.reason
        assert len(event.text) <= 300


def test_each_message_of_rubbish_is_noticed_by_its_own_exchange() -> None:
    for message in WRONG:
        own = "bybit" if b'"topic"' in message else "binance"
        assert reader(own).read(message), message


Json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(list("stpqTmkbadieuxcE")), inner, max_size=6)
    ),
    max_leaves=12,
)
KINDS = ["trade", "bookTicker", "depth20", "ticker", "kline_1m"]
TOPICS = ["publicTrade", "orderbook.1", "orderbook.50", "tickers", "kline.1"]


@given(data=Json, kind=st.sampled_from(KINDS), topic=st.sampled_from(TOPICS))
def test_no_message_raises(data: Any, kind: str, topic: str) -> None:
    for exchange, message in (
        ("binance", {"stream": f"btcusdt@{kind}", "data": data}),
        ("bybit", {"topic": f"{topic}.BTCUSDT", "ts": AT, "type": "delta", "data": data}),
    ):
        try:
            text = orjson.dumps(message)
        except (TypeError, orjson.JSONEncodeError):
            continue
        reader(exchange).read(text)


@given(st.binary(max_size=200) | st.text(max_size=200))
def test_nothing_at_all_raises(message: bytes | str) -> None:
    for exchange in STREAM_WIRES:
        reader(exchange).read(message)


def test_subscriptions_stay_within_the_exchanges_limits() -> None:
    for exchange, most_streams, most_arguments in (("binance", 1024, 200), ("bybit", 10_000, 10)):
        wire = STREAM_WIRES[exchange]
        topics = wire.topics("1000000MOG/USDT")
        assert len(topics) * wire.symbols_per_connection <= most_streams
        assert len(topics) * wire.symbols_per_request <= most_arguments
        characters = sum(len(topic) + 3 for topic in topics) * wire.symbols_per_connection
        assert exchange == "binance" or characters <= 21_000


def test_requests_are_in_the_exchanges_words() -> None:
    assert STREAM_WIRES["binance"].request(["btcusdt@trade"], 1, True) == {
        "method": "SUBSCRIBE",
        "params": ["btcusdt@trade"],
        "id": 1,
    }
    assert STREAM_WIRES["bybit"].request(["publicTrade.BTCUSDT"], 2, False) == {
        "op": "unsubscribe",
        "args": ["publicTrade.BTCUSDT"],
        "req_id": "2",
    }
