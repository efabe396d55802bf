"""Features trade by trade are the same as features of all trades at once."""

from __future__ import annotations

import csv
import gzip
import random
from collections.abc import Sequence
from itertools import pairwise
from math import inf, isfinite, nan

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marketdata.exchanges.protocol import CandleRow, Level, OrderBook, TradePrint
from marketdata.exchanges.simulated import SimulatedExchange
from marketdata.features import FRAMES, BarSeries, LiveState, SymbolFeatures, TradeRing
from marketdata.indicators import compute
from marketdata.store import bars_of
from marketdata.timeframes import Timeframe
from tests.architecture.sources import ROOT

START = 1_750_248_000_000  # a quarter of an hour begins
NEAR = 1e-9


def prints(moves: Sequence[tuple[int, int, int]]) -> list[TradePrint]:
    """Trades from (ms since the one before, price change in cents, quantity in thousandths)."""
    at_ms, cents, made = START, 10_000, []
    for number, (wait_ms, change, qty) in enumerate(moves):
        at_ms, cents = at_ms + wait_ms, max(100, cents + change)
        made.append(TradePrint(str(number), cents / 100, qty / 1000, True, at_ms))
    return made


MOVES = st.lists(
    st.tuples(st.integers(0, 25_000), st.integers(-60, 60), st.integers(1, 5_000)),
    min_size=2,
    max_size=400,
).map(prints)


def rows_of(trades: Sequence[TradePrint], length_ms: int) -> list[CandleRow]:
    """All bars at once, the running one last; flat ones where nothing was traded."""
    at = np.array([trade.at_ms for trade in trades])
    price = np.array([trade.price for trade in trades])
    qty = np.array([trade.qty for trade in trades])
    opens = at - at % length_ms
    rows: list[CandleRow] = []
    for open_ms in range(int(opens[0]), int(opens[-1]) + 1, length_ms):
        inside = opens == open_ms
        if inside.any():
            p, q = price[inside], qty[inside]
            rows.append((open_ms, p[0], p.max(), p.min(), p[-1], q.sum()))
        else:
            rows.append((open_ms, *(rows[-1][4],) * 4, 0.0))
    return rows


def turnover_of(trades: Sequence[TradePrint], length_ms: int) -> dict[int, float]:
    found: dict[int, float] = {}
    for trade in trades:
        open_ms = trade.at_ms - trade.at_ms % length_ms
        found[open_ms] = found.get(open_ms, 0.0) + trade.price * trade.qty
    return found


def series_of(trades: Sequence[TradePrint], length_ms: int = 60_000) -> BarSeries:
    series = BarSeries(length_ms, keep=10_000)
    for trade in trades:
        series.add(trade.at_ms, trade.price, trade.qty)
    return series


def close_to(found: float | None, wanted: float | None) -> bool:
    if found is None or wanted is None:
        return found is wanted
    return abs(found - wanted) <= NEAR * max(1.0, abs(wanted))


@settings(max_examples=60, deadline=None)
@given(MOVES)
def test_bars_from_trades_are_the_bars_of_all_trades_at_once(trades: list[TradePrint]) -> None:
    series = series_of(trades)
    assert series.running is not None
    built = [*(bar.row() for bar in series.closed), series.running.row()]

    wanted = rows_of(trades, 60_000)

    assert [row[:5] for row in built] == [row[:5] for row in wanted]
    assert [row[5] for row in built] == pytest.approx([row[5] for row in wanted], abs=NEAR)


@settings(max_examples=60, deadline=None)
@given(MOVES)
def test_features_are_the_vectorised_ones(trades: list[TradePrint]) -> None:
    now_ms = trades[-1].at_ms + 500
    features = series_of(trades).features(now_ms)
    rows = rows_of(trades, 60_000)
    turnover = turnover_of(trades, 60_000)
    *closed, running = rows
    closes = np.array([row[4] for row in rows])
    volumes = np.array([row[5] for row in rows])

    atr = compute("atr", {"period": 14}, bars_of(closed))["value"] if closed else np.empty(0)
    assert close_to(features.atr, _known(atr[-1]) if len(atr) else None)
    assert close_to(
        features.mom_bps, (closes[-1] / closes[-3] - 1) * 1e4 if len(rows) > 2 else None
    )
    assert close_to(features.px_vs_vwap_bps, _from_vwap(rows, turnover))
    part = max(0.0, 1 - (now_ms - running[0]) / 60_000)
    recent = volumes[-1] + volumes[-2] * part if len(rows) > 1 else 0.0
    mean = volumes[:-1][-20:].mean() if len(rows) > 20 else 0.0
    assert close_to(features.rvol, recent / mean if mean > 0 else None)


def _known(value: float) -> float | None:
    return None if np.isnan(value) else float(value)


def _from_vwap(rows: list[CandleRow], turnover: dict[int, float]) -> float | None:
    window = rows[-20:]
    volume = sum(row[5] for row in window)
    if len(window) < 20 or volume <= 0:
        return None
    vwap = sum(turnover.get(row[0], 0.0) for row in window) / volume
    return (rows[-1][4] / vwap - 1) * 1e4


@settings(max_examples=40, deadline=None)
@given(MOVES, st.integers(0, 2**32))
def test_late_trades_change_the_bars_that_they_belong_to(
    trades: list[TradePrint], seed: int
) -> None:
    """Those at one instant stay in order: nobody can say which of them was the last."""
    apart = [after for before, after in pairwise(trades) if after.at_ms != before.at_ms]
    if not apart:
        return
    shuffled = list(apart)
    random.Random(seed).shuffle(shuffled)
    shuffled.sort(key=lambda trade: trade is apart[0], reverse=True)  # a series begins somewhere
    now_ms = apart[-1].at_ms

    ordered, late = series_of(apart), series_of(shuffled)

    assert [bar.row()[:5] for bar in late.closed] == [bar.row()[:5] for bar in ordered.closed]
    one, other = ordered.features(now_ms), late.features(now_ms)
    assert close_to(other.atr, one.atr)
    assert close_to(other.mom_bps, one.mom_bps)
    assert close_to(other.px_vs_vwap_bps, one.px_vs_vwap_bps)
    assert close_to(other.rvol, one.rvol)


@settings(max_examples=40, deadline=None)
@given(MOVES, st.integers(1, 40))
def test_the_ring_keeps_the_newest_trades_and_their_mean_price(
    trades: list[TradePrint], most: int
) -> None:
    ring = TradeRing(most)
    for trade in trades:
        ring.add(trade)
    kept = trades[-most:]

    assert [(one.price, one.at_ms) for one in ring.tail(most)] == [
        (one.price, one.at_ms) for one in kept
    ]
    value = sum(one.price * one.qty for one in kept)
    assert close_to(ring.vwap, value / sum(one.qty for one in kept))
    for at_ms in (kept[0].at_ms - 1, kept[len(kept) // 2].at_ms, kept[-1].at_ms + 1):
        before = [one.price for one in kept if one.at_ms <= at_ms]
        assert ring.price_at(at_ms) == (before[-1] if before else None)


@pytest.mark.parametrize("name", ["BTC_USDT", "ETH_USDT"])
def test_bars_from_recorded_candles_prints_are_the_recorded_candles(name: str) -> None:
    """Four prints per recorded five-minute candle; the quarter hours are its threes."""
    recorded = _recorded(name)
    whole = recorded[: len(recorded) // 3 * 3]
    fives, quarters = BarSeries(Timeframe.M5.ms), BarSeries(Timeframe.M15.ms)
    built: dict[BarSeries, list[CandleRow]] = {fives: [], quarters: []}
    for row in whole:
        for at_ms, price, qty in _prints_of(row):
            for series, rows in built.items():
                series.add(at_ms, price, qty)
                if not rows or (series.closed and series.closed[-1].open_ms > rows[-1][0]):
                    rows += [bar.row() for bar in series.closed][-1:]
    end_ms = whole[-1][0] + Timeframe.M5.ms
    for series, rows in built.items():
        series.roll(end_ms)
        rows.append(series.closed[-1].row())

    assert _same(built[fives], whole)
    assert _same(built[quarters], [_merged(whole[i : i + 3]) for i in range(0, len(whole), 3)])


def test_bars_from_trades_are_the_exchanges_own_candles() -> None:
    now_ms = START + 5 * Timeframe.M15.ms
    exchange = SimulatedExchange(seed=7, now_ms=lambda: now_ms)
    features = SymbolFeatures("simulated", "BTC/USDT")

    for trade in exchange.fetch_trades("BTC/USDT", START, 100_000):
        features.add(trade)

    for frame in FRAMES:
        built = features.series[frame].rows(200)
        theirs = exchange.fetch_candles("BTC/USDT", frame, START, len(built))
        assert len(built) == 5 * Timeframe.M15.ms // frame.ms
        assert _same(built, theirs), frame


def test_a_seeded_series_goes_on_as_if_it_had_seen_all_trades() -> None:
    now_ms = START + 400 * Timeframe.M1.ms + 30_000
    exchange = SimulatedExchange(seed=7, now_ms=lambda: now_ms)
    trades = exchange.fetch_trades("ETH/USDT", START, 200_000)
    all_seen = series_of(trades)
    seeded = BarSeries(60_000, keep=10_000)
    seeded.seed(exchange.fetch_candles("ETH/USDT", Timeframe.M1, START, 390))
    for trade in trades:
        seeded.add(trade.at_ms, trade.price, trade.qty)

    one, other = all_seen.features(now_ms), seeded.features(now_ms)

    assert (one.mom_bps, one.bars) == (other.mom_bps, other.bars)
    assert close_to(other.atr, one.atr)
    assert close_to(other.rvol, one.rvol)
    assert other.px_vs_vwap_bps == pytest.approx(one.px_vs_vwap_bps, abs=1.0)


def test_rubbish_and_repeats_change_nothing() -> None:
    features = SymbolFeatures("simulated", "BTC/USDT")
    good = TradePrint("1", 100.0, 1.0, True, START)
    assert features.add(good)
    before = features.state(START)

    for price, qty, at_ms in ((nan, 1, START), (inf, 1, START), (-1, 1, START), (1, 0, START)):
        assert not features.add(TradePrint("2", price, qty, True, at_ms))
    assert not features.add(good)
    crossed = OrderBook([Level(101, 1)], [Level(100, 1)], START)
    assert not features.book(crossed)

    after = features.state(START)
    assert (after.duplicates, after.refused) == (1, 5)
    assert (after.trades_cached, after.last_price) == (before.trades_cached, before.last_price)


def test_what_is_not_known_yet_is_null_and_nothing_is_ever_infinite() -> None:
    features = SymbolFeatures("simulated", "BTC/USDT")
    states = [features.state(START)]
    for trade in prints([(7_000, 1, 1)] * 300):
        features.add(trade)
        states.append(features.state(trade.at_ms))

    assert states[0].plain()["last_price"] is None
    numbers = [value for state in states for value in _numbers(state.plain())]
    assert all(isfinite(value) for value in numbers)


def test_a_state_survives_its_way_over_the_bus() -> None:
    features = SymbolFeatures("simulated", "BTC/USDT")
    for trade in prints([(7_000, 1, 1)] * 300):
        features.add(trade)
    features.book(OrderBook([Level(99, 2)], [Level(101, 3)], START))
    state = features.state(START + 10_000_000)

    assert LiveState.of(state.plain()) == state
    assert state.spread_bps == 200.0
    assert (state.bid_depth, state.ask_depth) == (0, 0)  # nothing within 25 bps of 100


def test_the_cost_of_a_trade_does_not_grow_with_the_trades_kept() -> None:
    """Counted in what is touched, not in seconds: the ring and the running bars only."""
    features = SymbolFeatures("simulated", "BTC/USDT", most_trades=50)
    for trade in prints([(10, 1, 1)] * 5_000):
        features.add(trade)

    assert len(features.ring) == 50
    assert len(features._ids) <= 2_000


def _numbers(value: object) -> list[float]:
    if isinstance(value, dict):
        return [number for one in value.values() for number in _numbers(one)]
    if isinstance(value, list):
        return [number for one in value for number in _numbers(one)]
    return [value] if isinstance(value, int | float) else []


def _recorded(name: str) -> list[CandleRow]:
    path = ROOT / "tests" / "data" / f"{name}-5m-20240228-20240306.csv.gz"
    with gzip.open(path, "rt") as file:
        rows = [tuple(map(float, row)) for row in list(csv.reader(file))[1:]]
    return [(int(row[0]), row[1], row[2], row[3], row[4], row[5]) for row in rows]


def _prints_of(row: CandleRow) -> list[tuple[int, float, float]]:
    open_ms, open_, high, low, close, volume = row
    part = volume / 4
    return [
        (open_ms, open_, part),
        (open_ms + 60_000, high, part),
        (open_ms + 120_000, low, part),
        (open_ms + 299_999, close, part),
    ]


def _merged(rows: Sequence[CandleRow]) -> CandleRow:
    return (
        rows[0][0],
        rows[0][1],
        max(row[2] for row in rows),
        min(row[3] for row in rows),
        rows[-1][4],
        sum(row[5] for row in rows),
    )


def _same(built: Sequence[CandleRow], wanted: Sequence[CandleRow]) -> bool:
    return [row[:5] for row in built] == [row[:5] for row in wanted] and all(
        close_to(one[5], other[5]) for one, other in zip(built, wanted, strict=True)
    )
