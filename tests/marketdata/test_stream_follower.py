"""What a follower makes of a stream, step by step."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
import time_machine

from config import clock
from marketdata import store, stream_follower
from marketdata.exchanges.live_market import LiveMarket
from marketdata.exchanges.protocol import TickerRow
from marketdata.exchanges.stream_events import Best, Candle, Day
from marketdata.models import Symbol, Ticker
from marketdata.stream_follower import StreamedFollower
from marketdata.timeframes import Timeframe
from tests.marketdata.factories import (
    MINUTE,
    NOW,
    NOW_MS,
    FakeExchange,
    make_candle,
    make_candles,
    make_spec,
    make_symbol,
    make_ticker,
)

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clean_bus")]

BTC = "BTC/USDT"
CLOSED = Timeframe.M1.last_closed_open(NOW_MS)
Told = list[tuple[int, str, int]]


class Asked(FakeExchange):
    """It counts the quotes it was asked for."""

    tickers_asked = 0

    def fetch_tickers(self, symbols: object) -> list[TickerRow]:
        self.tickers_asked += 1
        return super().fetch_tickers(symbols)  # type: ignore[arg-type]


@pytest.fixture(autouse=True)
def now() -> Iterator[time_machine.Traveller]:
    with time_machine.travel(NOW, tick=False) as traveller:
        yield traveller


@pytest.fixture
def btc() -> Symbol:
    return make_symbol(BTC, exchange="fake", watched=True)


@pytest.fixture
def told() -> Told:
    return []


@pytest.fixture
def follower(btc: Symbol, told: Told) -> StreamedFollower:
    live = LiveMarket(counted=True)
    live.follow([BTC])
    exchange = Asked(
        make_candles(20), specs=[make_spec()], page_limit=5_000, tickers=[make_ticker(last=100.0)]
    )
    made = StreamedFollower(exchange, lambda *one: told.append((one[0], str(one[1]), one[2])), live)
    made._watched()
    return made


def hear(follower: StreamedFollower, last: float = 100.0) -> None:
    follower.live.put([Day(BTC, last, 0.01, 5.0, NOW_MS)], now_ms=clock.now_ms(), mono=clock.mono())


def close_candle(follower: StreamedFollower, open_ms: int) -> None:
    row = make_candle(open_ms)
    event = Candle(BTC, Timeframe.M1, row, True, open_ms + MINUTE)
    follower.live.put([event], now_ms=open_ms + MINUTE, mono=clock.mono())


def work(follower: StreamedFollower) -> None:
    for one in follower.due():
        one()


def test_while_data_flows_rest_is_not_asked(follower: StreamedFollower, btc: Symbol) -> None:
    hear(follower)

    [message] = follower.poll_stream()
    follower.poll()

    assert message["data"]["price"] == 100.0
    assert follower.exchange.tickers_asked == 0  # type: ignore[attr-defined]
    assert Ticker.objects.get(symbol=btc).last == 100.0


def test_a_silent_symbol_is_asked_for_at_a_bounded_pace(follower: StreamedFollower) -> None:
    for _ in range(5):
        follower.poll()

    assert follower.exchange.tickers_asked == 1  # type: ignore[attr-defined]


def test_a_price_that_moved_in_silence_is_listened_for_anew(
    follower: StreamedFollower, monkeypatch: pytest.MonkeyPatch
) -> None:
    hear(follower, last=90.0)
    follower.poll_stream()
    monkeypatch.setattr(stream_follower, "STALE_S", -1.0)
    follower.poll()

    assert follower.take_deaf() == [BTC]
    follower.exchange.tickers = [make_ticker(last=101.0)]  # type: ignore[attr-defined]
    follower._ask.next_at = 0.0
    follower.poll()
    assert follower.take_deaf() == []  # once a minute at most


def test_a_quote_that_contradicts_itself_is_left_out(follower: StreamedFollower) -> None:
    hear(follower)
    crossed = Best(BTC, 101.0, 1.0, 99.0, 1.0, 5, 0)
    follower.live.put([crossed], now_ms=NOW_MS, mono=clock.mono())

    assert follower.poll_stream() == []
    assert follower.faults == 1


def test_a_closed_candle_that_follows_is_stored_and_told(
    follower: StreamedFollower, btc: Symbol, told: Told, now: time_machine.Traveller
) -> None:
    hear(follower)
    work(follower)
    told.clear()
    now.shift(timedelta(seconds=30))
    asked = len(follower.exchange.asked)  # type: ignore[attr-defined]

    close_candle(follower, CLOSED + MINUTE)
    work(follower)

    assert told == [(btc.pk, "1m", CLOSED + MINUTE)]
    assert store.latest_open_ms(btc.pk, Timeframe.M1) == CLOSED + MINUTE
    assert len(follower.exchange.asked) == asked  # type: ignore[attr-defined]

    close_candle(follower, CLOSED + MINUTE)
    work(follower)
    assert len(told) == 1


def test_a_candle_that_the_stream_does_not_tell_is_asked_for_after_a_grace(
    follower: StreamedFollower, btc: Symbol, now: time_machine.Traveller
) -> None:
    hear(follower)
    work(follower)
    exchange = follower.exchange
    exchange.candles.append(make_candle(CLOSED + MINUTE))  # type: ignore[attr-defined]
    for series in follower._series.values():
        series.try_at = 0.0  # the second between two tries is over
    now.shift(timedelta(seconds=31))
    hear(follower)
    work(follower)
    assert store.latest_open_ms(btc.pk, Timeframe.M1) == CLOSED

    now.shift(timedelta(seconds=2))
    hear(follower)
    work(follower)
    assert store.latest_open_ms(btc.pk, Timeframe.M1) == CLOSED + MINUTE


def test_a_candle_after_a_missing_one_brings_the_missing_one_too(
    follower: StreamedFollower, btc: Symbol, now: time_machine.Traveller
) -> None:
    hear(follower)
    work(follower)
    rows = [make_candle(CLOSED + MINUTE), make_candle(CLOSED + 2 * MINUTE)]
    follower.exchange.candles += rows  # type: ignore[attr-defined]
    now.shift(timedelta(seconds=93))
    hear(follower)

    close_candle(follower, CLOSED + 2 * MINUTE)
    work(follower)

    opens = store.open_times(btc.pk, Timeframe.M1, CLOSED, CLOSED + 3 * MINUTE).tolist()
    assert opens == [CLOSED, CLOSED + MINUTE, CLOSED + 2 * MINUTE]
