"""Reads: which symbol is meant, what is missing, whether a bot may start."""

from __future__ import annotations

import pytest

from marketdata import queries, store
from marketdata.errors import IndicatorNotStored, SymbolUnknown, TimeframeUnknown
from marketdata.models import FeedGap, IndicatorSpec, Symbol
from marketdata.queries import Hole, warmup_state
from marketdata.services import mark_absent, note_gaps
from marketdata.timeframes import Timeframe
from tests.marketdata.factories import (
    MINUTE,
    NOW,
    NOW_MS,
    make_candles,
    make_symbol,
)

pytestmark = pytest.mark.django_db

M1 = Timeframe.M1


@pytest.mark.parametrize(
    "text",
    [
        "BTC/USDT",
        "BTCUSDT",
        "BTC-USDT",
        "btc_usdt",
        " btc/usdt ",
        "simulated:BTC/USDT",
        "Simulated:btcusdt",
    ],
)
def test_a_symbol_may_be_spelled_in_many_ways(text: str) -> None:
    symbol = make_symbol()
    make_symbol("ETH/USDT")

    assert queries.resolve_symbol(text) == symbol


def test_the_exchange_in_the_settings_wins_over_any_other() -> None:
    make_symbol(exchange="binance")
    recorded = make_symbol(exchange="recorded")
    simulated = make_symbol(exchange="simulated")

    assert queries.resolve_symbol("BTC/USDT") == simulated
    assert queries.resolve_symbol("recorded:BTC/USDT") == recorded


def test_without_it_any_exchange_will_do() -> None:
    make_symbol(exchange="recorded")
    first = make_symbol(exchange="binance")

    assert queries.resolve_symbol("BTCUSDT") == first


@pytest.mark.parametrize("text", ["", "DOGE/USDT", "bybit:BTC/USDT", ":", "BTC/USDT/USDT"])
def test_what_is_not_there_is_refused(text: str) -> None:
    make_symbol()

    with pytest.raises(SymbolUnknown):
        queries.resolve_symbol(text)


def test_a_timeframe_is_known_or_refused() -> None:
    assert queries.timeframe_of("4h") is Timeframe.H4
    with pytest.raises(TimeframeUnknown, match="1m, 5m"):
        queries.timeframe_of("7m")


def test_a_stored_indicator_is_found_or_refused() -> None:
    spec = IndicatorSpec.objects.create(symbol=make_symbol(), timeframe=M1, name="sma")

    assert queries.stored_indicator(spec.pk) == spec
    with pytest.raises(IndicatorNotStored):
        queries.stored_indicator(spec.pk + 1)


def test_missing_candles_are_listed_within_the_range_asked_for() -> None:
    symbol, rows = make_symbol(), make_candles(10)
    store.insert_candles(symbol.pk, M1, rows[2:5] + rows[7:])
    first = rows[0][0]

    holes = queries.missing_candles(symbol, M1, first + 1, first + 10 * MINUTE)

    assert holes == [
        Hole(first + MINUTE, first + 2 * MINUTE, 1),
        Hole(first + 5 * MINUTE, first + 7 * MINUTE, 2),
    ]


def test_watched_symbols_are_those_that_trade_on_an_exchange_of_the_settings() -> None:
    watched = make_symbol(watched=True)
    make_symbol("ETH/USDT")
    make_symbol("SOL/USDT", watched=True, status=Symbol.Status.HALTED)
    elsewhere = make_symbol("XRP/USDT", watched=True, exchange="binance")

    assert list(queries.watched_symbols("simulated")) == [watched]
    assert list(queries.watched_symbols()) == [watched]
    assert list(queries.watched_symbols("binance")) == [elsewhere]


def warmed(count: int, *, skip: slice = slice(0, 0)) -> Symbol:
    """A symbol with the newest `count` candles, except for some."""
    symbol, rows = make_symbol(), make_candles(count)
    del rows[skip]
    store.insert_candles(symbol.pk, M1, rows)
    note_gaps(symbol=symbol, timeframe=M1, from_ms=rows[0][0], to_ms=rows[-1][0] + MINUTE, now=NOW)
    return symbol


def test_enough_fresh_candles_are_ready() -> None:
    state = warmup_state(warmed(50), M1, 50, NOW_MS)

    assert state.ready
    assert (state.missing, state.stale) == (0, False)
    assert state.latest_open_ms == M1.last_closed_open(NOW_MS)


def test_too_few_candles_say_how_many_are_missing() -> None:
    state = warmup_state(warmed(50), M1, 60, NOW_MS)

    assert (state.ready, state.missing) == (False, 10)
    assert state.reasons == ["10 of 60 1m candles of simulated:BTC/USDT are missing"]


def test_no_candles_at_all_are_missing_and_stale() -> None:
    state = warmup_state(make_symbol(), M1, 60, NOW_MS)

    assert (state.missing, state.stale, state.latest_open_ms) == (60, True, None)


def test_a_hole_counts_until_the_exchange_says_that_it_has_none() -> None:
    symbol = warmed(50, skip=slice(20, 24))
    assert warmup_state(symbol, M1, 40, NOW_MS).missing == 4

    mark_absent(symbol=symbol, timeframe=M1, from_ms=0, to_ms=NOW_MS, now=NOW)

    assert warmup_state(symbol, M1, 40, NOW_MS).ready


@pytest.mark.parametrize(("late_s", "stale"), [(20, False), (31, True), (95, True)])
def test_a_candle_may_take_a_moment_to_arrive(late_s: int, stale: bool) -> None:
    symbol = warmed(50)
    next_close = M1.floor(NOW_MS) + MINUTE

    state = warmup_state(symbol, M1, 20, next_close + late_s * 1000)

    assert state.stale is stale


def test_candles_of_the_future_do_not_help() -> None:
    symbol = warmed(50)

    state = warmup_state(symbol, M1, 30, NOW_MS - 25 * MINUTE)

    assert (state.missing, state.stale) == (5, False)


def test_the_gap_ledger_can_be_narrowed() -> None:
    symbol = warmed(50, skip=slice(20, 24))
    other = make_symbol("ETH/USDT")

    assert queries.gaps(symbol, M1, FeedGap.Status.OPEN).count() == 1
    assert not queries.gaps(other).exists()
    assert not queries.gaps(symbol, status=FeedGap.Status.ABSENT).exists()
