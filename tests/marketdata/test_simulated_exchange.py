"""The built-in exchange: same seed and time, same market; candles, quotes and trades agree."""

from __future__ import annotations

import subprocess
import sys
from decimal import Decimal

import numpy as np
import pytest
from django.conf import settings
from hypothesis import given
from hypothesis import settings as effort
from hypothesis import strategies as st

from marketdata.errors import SymbolUnknown
from marketdata.exchanges import paths
from marketdata.exchanges.simulated import DAY_MS, LISTINGS, SimulatedExchange
from marketdata.timeframes import Timeframe
from marketdata.validation import check_candles, symbol_fault, ticker_fault
from tests.marketdata.factories import MINUTE, NOW_MS

M1 = Timeframe.M1
SEED = 7
NAMES = sorted(LISTINGS)
moments = st.integers(NOW_MS - 3 * DAY_MS, NOW_MS)


def exchange(now_ms: int = NOW_MS, seed: int = SEED) -> SimulatedExchange:
    return SimulatedExchange(seed=seed, now_ms=lambda: now_ms)


def test_the_same_seed_and_time_give_the_same_market_in_another_process() -> None:
    script = (
        "from marketdata.exchanges.simulated import SimulatedExchange as S\n"
        "from marketdata.timeframes import Timeframe as T\n"
        f"x = S(seed={SEED}, now_ms=lambda: {NOW_MS})\n"
        f"print(x.fetch_candles('BTC/USDT', T.M5, {NOW_MS - DAY_MS}, 500))\n"
        f"print(x.fetch_tickers({NAMES}))\n"
    )
    told = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        check=True,
        cwd=settings.BASE_DIR,
    )
    here = exchange()

    candles = here.fetch_candles("BTC/USDT", Timeframe.M5, NOW_MS - DAY_MS, 500)
    assert told.stdout == f"{candles}\n{here.fetch_tickers(NAMES)}\n"


def test_another_seed_is_another_market() -> None:
    one, other = (exchange(seed=seed).fetch_tickers(["BTC/USDT"]) for seed in (1, 2))

    assert one != other


def test_the_order_of_questions_does_not_matter() -> None:
    asked_first = exchange().fetch_tickers(["ETH/USDT"])
    paths.seconds.cache_clear()
    paths.minutes.cache_clear()
    exchange().fetch_candles("BTC/USDT", Timeframe.D1, NOW_MS - 40 * DAY_MS, 40)

    assert exchange().fetch_tickers(["ETH/USDT"]) == asked_first


@pytest.mark.parametrize("name", NAMES)
def test_a_week_of_candles_is_whole_sane_and_on_the_grid(name: str) -> None:
    start = M1.floor(NOW_MS) - 7 * DAY_MS
    rows = exchange().fetch_candles(name, M1, start, 20_000)
    tick = LISTINGS[name].price_digits

    checked = check_candles(rows[:-1], M1, NOW_MS)

    assert (checked.bad, checked.duplicates) == ([], 0)
    assert len(checked.good) == 7 * 1440
    assert all(price == round(price, tick) for row in rows[:500] for price in row[1:5])


@effort(max_examples=20)
@given(st.sampled_from(NAMES), st.sampled_from(list(Timeframe)), moments)
def test_every_timeframe_adds_up_from_minutes(name: str, timeframe: Timeframe, now_ms: int) -> None:
    here = exchange(now_ms)
    start = timeframe.floor(now_ms) - timeframe.ms
    long = here.fetch_candles(name, timeframe, start, 2)

    for row in long:
        minutes = here.fetch_candles(name, M1, row[0], timeframe.ms // MINUTE)
        assert row[1] == minutes[0][1]
        assert row[2] == max(minute[2] for minute in minutes)
        assert row[3] == min(minute[3] for minute in minutes)
        assert row[4] == minutes[-1][4]
        assert row[5] == pytest.approx(sum(minute[5] for minute in minutes))


@effort(max_examples=30)
@given(st.sampled_from(NAMES), moments)
def test_quote_and_running_candle_agree(name: str, now_ms: int) -> None:
    here = exchange(now_ms)
    [ticker] = here.fetch_tickers([name])
    [running] = here.fetch_candles(name, M1, M1.floor(now_ms), 1)

    assert ticker_fault(ticker) is None
    assert running[4] == ticker.last
    assert ticker.bid is not None
    assert ticker.ask is not None
    assert ticker.bid < ticker.ask
    assert ticker.last in (ticker.bid, ticker.ask)
    assert ticker.at_ms == now_ms // 1000 * 1000


@effort(max_examples=20)
@given(st.sampled_from(NAMES), moments, st.integers(0, 5 * MINUTE))
def test_what_is_closed_does_not_change_as_time_goes_on(
    name: str, now_ms: int, later_ms: int
) -> None:
    before = exchange(now_ms).fetch_candles(name, M1, now_ms - 10 * MINUTE, 10)
    after = exchange(now_ms + later_ms).fetch_candles(name, M1, now_ms - 10 * MINUTE, 10)

    closed = [row for row in before if row[0] + MINUTE <= now_ms]
    assert closed == after[: len(closed)]


def test_nothing_of_the_future_is_told() -> None:
    rows = exchange().fetch_candles("BTC/USDT", M1, NOW_MS - 5 * MINUTE, 100)

    assert rows[-1][0] == M1.floor(NOW_MS)
    assert exchange().fetch_candles("BTC/USDT", M1, NOW_MS + MINUTE, 10) == []


def test_history_begins_with_2024() -> None:
    rows = exchange().fetch_candles("BTC/USDT", Timeframe.D1, 0, 3)

    assert [row[0] // DAY_MS for row in rows] == [19_723, 19_724, 19_725]


@pytest.mark.parametrize("name", NAMES)
def test_days_join(name: str) -> None:
    midnight = NOW_MS // DAY_MS * DAY_MS
    last, first = exchange().fetch_candles(name, M1, midnight - MINUTE, 2)

    assert first[1] == pytest.approx(last[4], rel=0.01)


def test_the_change_of_a_day_is_that_of_the_candles() -> None:
    now_ms = NOW_MS // MINUTE * MINUTE
    [ticker] = exchange(now_ms).fetch_tickers(["BTC/USDT"])
    rows = exchange(now_ms).fetch_candles("BTC/USDT", M1, now_ms - DAY_MS, 1440)

    assert ticker.change_24h == pytest.approx(ticker.last / rows[0][1] - 1)
    assert ticker.volume_24h == pytest.approx(sum(row[5] for row in rows))


def test_the_book_begins_at_the_quote_and_gets_worse_from_there() -> None:
    book = exchange().fetch_order_book("BTC/USDT", 15)
    [ticker] = exchange().fetch_tickers(["BTC/USDT"])
    bids, asks = ([level.price for level in side] for side in (book.bids, book.asks))

    assert (book.bids[0].qty, book.asks[0].qty) == (ticker.bid_qty, ticker.ask_qty)
    assert (bids[0], asks[0]) == (ticker.bid, ticker.ask)
    assert bids == sorted(set(bids), reverse=True)
    assert asks == sorted(set(asks))
    assert all(level.qty > 0 for level in (*book.bids, *book.asks))


def test_the_trades_of_a_minute_are_its_candle() -> None:
    start = M1.floor(NOW_MS) - MINUTE
    prints = exchange().fetch_trades("BTC/USDT", start, 500)
    [row] = exchange().fetch_candles("BTC/USDT", M1, start, 1)

    minute = [trade for trade in prints if trade.at_ms < start + MINUTE]
    assert sum(trade.qty for trade in minute) == pytest.approx(row[5])
    assert len({trade.id for trade in prints}) == len(prints)
    assert all(row[3] <= trade.price <= row[2] for trade in minute)
    assert exchange().fetch_trades("BTC/USDT", start, 7) == prints[:7]


def test_wild_minutes_have_wider_spreads() -> None:
    start = NOW_MS - DAY_MS
    rows = np.array(exchange().fetch_candles("BTC/USDT", M1, start, 1440))
    wild = np.argsort(rows[:, 2] / rows[:, 3])

    def spread(minute: int) -> float:
        [row] = exchange(int(rows[minute, 0]) + 59_000).fetch_tickers(["BTC/USDT"])
        return ((row.ask or 0) - (row.bid or 0)) / row.last

    calmest, wildest = (np.mean([spread(at) for at in part]) for part in (wild[:20], wild[-20:]))
    assert wildest > 1.3 * calmest


def test_prices_move_enough_for_a_demo() -> None:
    rows = np.array(exchange().fetch_candles("BTC/USDT", M1, NOW_MS - 2 * DAY_MS, 2880))
    fast, slow = _ema(rows[:, 4], 9), _ema(rows[:, 4], 21)

    crossings = np.count_nonzero(np.diff(np.sign(fast - slow)))
    assert crossings / 48 > 1.5


def test_the_catalogue_has_rules_for_orders() -> None:
    specs = exchange().fetch_symbols()

    assert [spec.name for spec in specs] == list(LISTINGS)
    assert all(symbol_fault(spec) is None for spec in specs)
    assert specs[0].price_tick == Decimal("0.01")


def test_a_pair_that_it_does_not_have_is_refused() -> None:
    with pytest.raises(SymbolUnknown):
        exchange().fetch_tickers(["AAPL/USD"])


def _ema(values: np.ndarray, period: int) -> np.ndarray:
    result, level = np.empty(len(values)), values[0]
    for index, value in enumerate(values):
        level += (value - level) * 2 / (period + 1)
        result[index] = level
    return result
