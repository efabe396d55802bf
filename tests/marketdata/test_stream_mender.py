"""Prints that a stream lost: asked for, or given up with features that begin anew."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import time_machine

from config import clock
from marketdata import stream_mender
from marketdata.errors import ExchangeUnavailable
from marketdata.exchanges import live_market
from marketdata.exchanges.live_market import LiveMarket
from marketdata.exchanges.protocol import TradePrint
from marketdata.exchanges.stream_events import Prints
from marketdata.exchanges.stream_pool import Break
from marketdata.models import FeedInterruption, Symbol
from marketdata.stream_mender import StreamMender
from marketdata.stream_prints import StreamedPrints
from tests.marketdata.factories import NOW, FakeExchange, make_candles, make_symbol

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clean_bus")]

BTC = "BTC/USDT"


@pytest.fixture(autouse=True)
def now(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(stream_mender, "SETTLE_S", 0.0)
    with time_machine.travel(NOW, tick=False):
        yield


class Told(FakeExchange):
    """It has `recent` prints to give, and counts how often it was asked for them."""

    def __init__(self) -> None:
        super().__init__(make_candles(20), page_limit=5_000)
        self.recent: list[TradePrint] = []
        self.asked_recent = 0

    def fetch_recent_trades(self, symbol: str) -> list[TradePrint]:
        self.asked_recent += 1
        self._fail()
        return self.recent


class Desk:
    """One followed symbol with its features made, and everything around it."""

    def __init__(self, *, counted: bool) -> None:
        self.symbol: Symbol = make_symbol(BTC, exchange="fake", watched=True)
        self.exchange, self.live = Told(), LiveMarket(counted=counted)
        self.live.follow([BTC])
        self.prints = StreamedPrints(self.exchange, self.live)
        self.mender = StreamMender(self.exchange, self.live, self.prints)
        self.prints.take()
        self.work()
        self.prints.take()
        self.exchange.asked_recent = 0

    def say(self, *numbers: int) -> None:
        trades = [trade(number) for number in numbers]
        self.live.put([Prints(BTC, trades)], now_ms=clock.now_ms(), mono=clock.mono())

    def work(self) -> None:
        for _ in range(6):
            self.mender.step()

    def lose(self) -> None:
        from_ms, until_ms = clock.now_ms() - 5_000, clock.now_ms()
        self.mender.note([Break([BTC], False, "gone", from_ms)], [])
        self.mender.note([Break([BTC], False, "gone", from_ms, until_ms)], [])


def trade(number: int) -> TradePrint:
    at_ms = clock.to_ms(NOW) - 20_000 + number * 1_000
    return TradePrint(str(number), 100.0, 1.0, True, at_ms)


def the_row() -> FeedInterruption:
    return FeedInterruption.objects.get()


def test_a_break_in_which_nothing_was_printed_is_whole() -> None:
    desk = Desk(counted=True)
    desk.say(1, 2)
    desk.lose()
    desk.say(3)
    desk.work()

    row = the_row()
    assert (row.cause, row.outcome, row.prints_missed) == ("DISCONNECTED", "WHOLE", 0)
    assert desk.exchange.asked_recent == 0


def test_a_hole_between_prints_is_filled_without_a_break() -> None:
    desk = Desk(counted=True)
    desk.exchange.recent = [trade(number) for number in range(1, 8)]
    desk.say(1, 2, 6)
    desk.work()

    row = the_row()
    assert (row.cause, row.outcome) == ("SEQUENCE", "FILLED")
    assert row.prints_filled == 4  # the three of the hole, and one that is newer still
    assert sorted(one.id for one in desk.live.take_prints()[BTC]) == list("1234567")


def test_a_hole_that_is_older_than_what_the_exchange_has_is_given_up() -> None:
    desk = Desk(counted=True)
    desk.exchange.recent = [trade(5), trade(6)]
    desk.say(1, 6)
    features = desk.prints._features[desk.symbol.pk]
    desk.work()
    desk.prints.take()

    row = the_row()
    assert (row.outcome, row.prints_missed, row.prints_filled) == ("ANEW", 4, 0)
    assert desk.prints._features[desk.symbol.pk] is not features
    assert desk.live.totals()[1] == 0


def test_where_prints_are_not_numbered_an_overlap_is_needed() -> None:
    desk = Desk(counted=False)
    desk.exchange.recent = [trade(number) for number in range(3, 19)]
    desk.say(3, 4)
    desk.lose()
    desk.work()

    row = the_row()
    assert (row.outcome, row.prints_missed) == (
        "FILLED",
        5,
    )  # those since a second before the break
    assert desk.exchange.asked_recent == 1


def test_without_an_overlap_nobody_knows_how_many_were_missed() -> None:
    desk = Desk(counted=False)
    desk.exchange.recent = [trade(18)]
    desk.say(3, 4)
    desk.lose()
    desk.work()

    row = the_row()
    assert (row.outcome, row.prints_missed) == ("ANEW", None)


def test_an_exchange_that_is_away_is_asked_again_later() -> None:
    desk = Desk(counted=True)
    desk.exchange.recent = [trade(number) for number in range(1, 7)]
    desk.exchange.errors = [ExchangeUnavailable("gone")]
    desk.say(1, 6)
    with pytest.raises(ExchangeUnavailable):
        desk.work()

    assert the_row().outcome == "OPEN"
    desk.work()
    assert the_row().outcome == "FILLED"


def test_a_symbol_that_loses_prints_again_and_again_is_subscribed_anew() -> None:
    desk = Desk(counted=True)
    for number in (1, 9, 17, 25):
        desk.exchange.recent = [trade(one) for one in range(1, number + 1)]
        desk.say(number)
        desk.work()

    assert FeedInterruption.objects.filter(cause="SEQUENCE", outcome="FILLED").count() == 3
    assert desk.mender.take_deaf() == [BTC]
    assert desk.mender.take_deaf() == []


def test_what_overflowed_is_in_the_ledger(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_market, "MOST_PRINTS", 2)
    desk = Desk(counted=True)
    desk.say(1, 2, 3, 4, 5)
    desk.work()

    row = the_row()
    assert (row.cause, row.outcome, row.prints_missed) == ("OVERFLOW", "ANEW", 3)


def test_a_refused_subscription_is_in_the_ledger_until_it_stands() -> None:
    desk = Desk(counted=True)
    desk.mender.note([], [BTC])
    desk.mender.note([], [BTC])
    assert (the_row().cause, the_row().outcome) == ("REFUSED", "OPEN")

    desk.mender.note([], [])
    assert the_row().outcome == "WHOLE"
