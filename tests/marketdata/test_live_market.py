"""The inbox between the streams and the feed's threads."""

from __future__ import annotations

import pytest

from marketdata.exchanges import live_market
from marketdata.exchanges.live_market import Closed, LiveMarket
from marketdata.exchanges.protocol import Level, OrderBook, TickerRow, TradePrint
from marketdata.exchanges.stream_events import Best, Book, Candle, Day, Event, Prints, Rubbish
from marketdata.timeframes import Timeframe

BTC, ETH = "BTC/USDT", "ETH/USDT"
NOW = 1_700_000_000_000


def trade(number: int, price: float = 100.0, at_ms: int = NOW) -> TradePrint:
    return TradePrint(str(number), price, 1.0, True, at_ms)


def prints(*numbers: int) -> Prints:
    return Prints(BTC, [trade(number) for number in numbers])


@pytest.fixture
def market() -> LiveMarket:
    made = LiveMarket(counted=True)
    made.follow([BTC, ETH])
    return made


def put(market: LiveMarket, *events: Event, at_ms: int = NOW, mono: float = 1.0) -> None:
    market.put(events, now_ms=at_ms, mono=mono)


def test_the_newest_quote_wins_and_is_told_once(market: LiveMarket) -> None:
    put(market, Day(BTC, 100.0, 0.01, 500.0, NOW - 50))
    put(market, Best(BTC, 99.0, 1.0, 101.0, 2.0, 5, 0))
    put(market, Best(BTC, 99.5, 1.0, 101.0, 2.0, 6, 0))

    assert market.take_quotes() == [TickerRow(BTC, 100.0, 99.5, 101.0, 1.0, 2.0, 0.01, 500.0, NOW)]
    assert market.take_quotes() == []


def test_a_print_is_the_last_price_until_the_day_is_newer(market: LiveMarket) -> None:
    put(market, Day(BTC, 100.0, 0.01, 500.0, NOW - 900))
    put(market, Prints(BTC, [trade(1, 107.0, NOW - 500)]))
    put(market, Day(BTC, 106.0, 0.02, 501.0, NOW - 600))
    [quote] = market.take_quotes()
    assert (quote.last, quote.change_24h) == (107.0, 0.02)

    put(market, Day(BTC, 108.0, 0.02, 501.0, NOW - 400))
    assert market.take_quotes()[0].last == 108.0


def test_an_older_top_of_the_book_is_left_out(market: LiveMarket) -> None:
    put(market, Day(BTC, 100.0, 0.01, 500.0, NOW))
    put(market, Best(BTC, 99.5, 1.0, 101.0, 2.0, 6, 0))
    put(market, Best(BTC, 90.0, 1.0, 101.0, 2.0, 5, 0))

    assert market.take_quotes()[0].bid == 99.5
    assert market.counts.old == 1


def test_a_new_connection_counts_its_books_anew(market: LiveMarket) -> None:
    book = OrderBook([Level(1, 1)], [Level(2, 1)], NOW)
    put(market, Book(BTC, book, 500))
    market.take_books()
    put(market, Book(BTC, book, 20))
    assert market.take_books() == {}

    market.begin_again([BTC])
    put(market, Book(BTC, book, 20))
    assert market.take_books() == {BTC: book}


def test_prints_come_in_order_and_twice_the_same_counts_once(market: LiveMarket) -> None:
    put(market, prints(1, 2), prints(2, 3))

    assert [one.id for one in market.take_prints()[BTC]] == ["1", "2", "3"]
    assert market.take_prints() == {}
    assert market.totals() == (2, 0, 1)


def test_a_hole_among_counted_prints_has_a_size_and_can_be_filled(market: LiveMarket) -> None:
    put(market, prints(1, 5))
    assert market.totals()[1] == 3

    assert market.refill(BTC, [trade(number) for number in (1, 2, 3)]) == 2
    put(market, prints(4))

    assert market.totals()[1] == 0
    assert [one.id for one in market.take_prints()[BTC]] == ["1", "5", "2", "3", "4"]


def test_a_late_print_that_nobody_missed_is_a_duplicate(market: LiveMarket) -> None:
    put(market, prints(7, 8), prints(3))

    assert [one.id for one in market.take_prints()[BTC]] == ["7", "8"]


def test_holes_that_nothing_fills_are_given_up(market: LiveMarket) -> None:
    put(market, prints(1, 5))

    assert market.give_up(BTC) == 3
    assert market.totals()[1] == 0


def test_a_trade_that_the_day_knows_of_and_nobody_told_is_missing(market: LiveMarket) -> None:
    put(market, prints(4))
    put(market, Day(BTC, 100.0, 0.01, 500.0, NOW, last_id=7))
    assert market.totals()[1] == 3

    put(market, prints(5, 6, 7))
    put(market, Day(BTC, 100.0, 0.01, 500.0, NOW, last_id=7))
    put(market, Day(BTC, 100.0, 0.01, 500.0, NOW, last_id=8))
    put(market, Day(BTC, 100.0, 0.01, 500.0, NOW, last_id=9))
    assert market.sequences()[BTC].holes == [(8, 9)]


def test_ids_that_are_not_counted_only_tell_apart() -> None:
    market = LiveMarket(counted=False)
    market.follow([BTC])
    wild = [TradePrint(name, 1.0, 1.0, True, NOW) for name in ("b", "a", "b")]

    market.put([Prints(BTC, wild)], now_ms=NOW, mono=1.0)

    assert [one.id for one in market.take_prints()[BTC]] == ["b", "a"]
    assert market.totals() == (1, 0, 1)


def test_what_nobody_takes_is_bounded_and_counted(
    market: LiveMarket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live_market, "MOST_PRINTS", 3)
    put(market, prints(1, 2, 3, 4, 5))

    assert [one.id for one in market.take_prints()[BTC]] == ["3", "4", "5"]
    assert market.counts.overflowed == 2


def test_closed_candles_wait_and_the_running_minute_is_known(market: LiveMarket) -> None:
    row = (NOW, 1.0, 1.0, 1.0, 1.0, 0.0)
    put(market, Candle(BTC, Timeframe.M5, row, True, NOW))
    put(market, Candle(BTC, Timeframe.M1, row, False, NOW))

    assert market.has_closed()
    assert market.take_closed(live_market.STORE) == [Closed(BTC, Timeframe.M5, row)]
    assert market.take_closed(live_market.STORE) == []
    assert market.take_closed(live_market.FEATURES) == [Closed(BTC, Timeframe.M5, row)]
    assert not market.has_closed()
    assert market.running(BTC) == row
    assert market.running(ETH) is None


def test_an_event_from_the_future_is_refused_by_the_exchanges_clock(market: LiveMarket) -> None:
    ahead = live_market.AHEAD_MS + 5_000
    put(market, Prints(BTC, [trade(1, at_ms=NOW + ahead)]))
    assert market.take_prints() == {}
    assert market.counts.ahead == 1

    market.offset_ms = 6_000  # their clock is so far ahead of ours
    put(market, Prints(BTC, [trade(1, at_ms=NOW + ahead)]))
    assert BTC in market.take_prints()


def test_silence_is_each_symbols_own(market: LiveMarket) -> None:
    put(market, prints(1), mono=100.0)

    assert market.silent(105.0, 10) == [ETH]
    assert market.silent(111.0, 10) == [BTC, ETH]


def test_symbols_that_are_not_followed_leave_nothing(market: LiveMarket) -> None:
    put(market, Day(BTC, 1.0, 0.0, 1.0, NOW), prints(1))
    market.follow([ETH])
    put(market, prints(2))

    assert market.take_quotes() == []
    assert market.take_prints() == {}


def test_rubbish_is_counted_whole_and_kept_in_part(market: LiveMarket) -> None:
    put(market, *(Rubbish("not JSON", str(number)) for number in range(100)))

    assert market.counts.not_understood == 100
    assert len(market.take_rubbish()) == live_market.MOST_RUBBISH
    assert market.take_rubbish() == []


def test_the_way_from_the_exchange_is_timed(market: LiveMarket) -> None:
    put(market, Prints(BTC, [trade(1, at_ms=NOW - 30)]))

    assert market.take_lag_ms() == 30
    assert market.take_lag_ms() is None
