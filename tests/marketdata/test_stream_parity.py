"""Bars from streamed prints are the exchange's klines, on recorded candles and over both wires.

There is no public record of the prints behind a candle: each recorded five minutes become prints
with its first, highest, lowest and last price and its volume, some told twice and out of order.
"""

from __future__ import annotations

import csv
import gzip
import random

import orjson
import pytest

from marketdata.exchanges.live_market import LiveMarket
from marketdata.exchanges.protocol import CandleRow, TradePrint
from marketdata.exchanges.stream_wires import STREAM_WIRES
from marketdata.features import KEPT_BARS, BarSeries, SymbolFeatures
from marketdata.timeframes import Timeframe
from tests.architecture.sources import ROOT

BTC = "BTC/USDT"
FIVE, FIFTEEN = Timeframe.M5.ms, Timeframe.M15.ms


def recorded() -> list[CandleRow]:
    """The newest ones that are kept, and whole quarters of an hour."""
    path = ROOT / "tests/data/BTC_USDT-5m-20240228-20240306.csv.gz"
    with gzip.open(path, "rt") as file:
        rows = [tuple(map(float, line)) for line in list(csv.reader(file))[1:]]
    found = [(int(row[0]), *row[1:6]) for row in rows]
    first = next(at for at in range(len(found) - 238, len(found)) if found[at][0] % FIFTEEN == 0)
    return found[first:]  # type: ignore[return-value]


def prints_of(candles: list[CandleRow]) -> list[TradePrint]:
    """Ten of each candle, in order."""
    made: list[TradePrint] = []
    for open_ms, open_, high, low, close, volume in candles:
        middle = (high + low) / 2
        prices = [open_, middle, low, middle, high, middle, low, high, middle, close]
        for number, price in enumerate(prices):
            at_ms = open_ms + number * 33_000
            made.append(TradePrint(str(len(made)), price, volume / 10, number % 2 == 0, at_ms))
    return made


def binance(trade: TradePrint) -> bytes:
    data = {"s": "BTCUSDT", "t": int(trade.id), "p": repr(trade.price), "q": repr(trade.qty)}
    data |= {"T": trade.at_ms, "m": not trade.buy}
    return orjson.dumps({"stream": "btcusdt@trade", "data": data})


def bybit(trade: TradePrint) -> bytes:
    row = {"T": trade.at_ms, "s": "BTCUSDT", "S": "Buy" if trade.buy else "Sell", "i": trade.id}
    row |= {"v": repr(trade.qty), "p": repr(trade.price)}
    return orjson.dumps({"topic": "publicTrade.BTCUSDT", "ts": trade.at_ms, "data": [row]})


def told(messages: list[bytes]) -> list[bytes]:
    """As a bad day tells them: each tenth twice, neighbours changed over."""
    luck, mixed = random.Random(5), []
    for message in messages:
        mixed += [message] * (2 if luck.random() < 0.1 else 1)
    for at in range(3, len(mixed) - 3, 3):  # what comes before the first nobody can miss
        if luck.random() < 0.3:
            mixed[at], mixed[at + 2] = mixed[at + 2], mixed[at]
    return mixed


def features_of(exchange: str, messages: list[bytes], at_ms: int) -> SymbolFeatures:
    live = LiveMarket(counted=exchange == "binance")
    live.follow([BTC])
    reader = STREAM_WIRES[exchange].reader()
    reader.names["BTCUSDT"] = BTC
    features = SymbolFeatures(exchange, BTC)
    for number, message in enumerate(messages):
        live.put(reader.read(message), now_ms=at_ms, mono=0.0)
        if number % 50 == 0:
            for trade in live.take_prints().get(BTC, []):
                features.add(trade)
    for trade in live.take_prints().get(BTC, []):
        features.add(trade)
    assert live.totals() == (1, 0, live.totals()[2])
    features.roll(at_ms + 60_000)
    return features


def whole_quarters(candles: list[CandleRow]) -> list[CandleRow]:
    """Three recorded candles each, as the exchange adds them up."""
    found: list[CandleRow] = []
    for at in range(0, len(candles) - 2, 3):
        three = candles[at : at + 3]
        high, low = max(row[2] for row in three), min(row[3] for row in three)
        volume = sum(row[5] for row in three)
        found.append((three[0][0], three[0][1], high, low, three[-1][4], volume))
    return found


@pytest.mark.parametrize("exchange", ["binance", "bybit"])
def test_bars_are_the_recorded_klines(exchange: str) -> None:
    candles = recorded()
    say = binance if exchange == "binance" else bybit
    messages = told([say(trade) for trade in prints_of(candles)])
    end_ms = candles[-1][0] + FIVE

    features = features_of(exchange, messages, end_ms)

    for frame, klines in ((Timeframe.M5, candles), (Timeframe.M15, whole_quarters(candles))):
        bars = features.series[frame].rows(KEPT_BARS)[: len(klines)]
        assert [row[:5] for row in bars] == [row[:5] for row in klines]
        assert [row[5] for row in bars] == pytest.approx([row[5] for row in klines], rel=1e-9)
        assert len(bars) == len(klines) > 70


def test_one_minute_bars_are_the_klines_of_their_prints() -> None:
    trades = prints_of(recorded())[-1500:]
    messages = told([binance(trade) for trade in trades])

    features = features_of("binance", messages, trades[-1].at_ms + 60_000)

    alone = BarSeries(Timeframe.M1.ms)
    for trade in trades:
        alone.add(trade.at_ms, trade.price, trade.qty)
    alone.roll(trades[-1].at_ms + 118_000)
    ours, theirs = features.rows(200)["1m"], alone.rows(200)
    assert [row[:5] for row in ours] == [row[:5] for row in theirs]
    assert [row[5] for row in ours] == pytest.approx([row[5] for row in theirs], rel=1e-9)


def seeded(candles: list[CandleRow]) -> BarSeries:
    series = BarSeries(FIVE)
    series.seed(candles)
    return series


def test_a_candle_that_differs_replaces_its_bar_and_what_follows_from_it() -> None:
    candles = recorded()[:60]
    wrong = list(candles)
    wrong[40] = (wrong[40][0], *(price * 1.01 for price in wrong[40][1:5]), 1.0)  # type: ignore[assignment]
    series, right = seeded(wrong), seeded(candles)

    assert series.correct(candles[40])
    assert not series.correct(candles[40])

    now_ms = candles[-1][0] + FIVE + 1_000
    for one in (series, right):
        one.add(now_ms, 60_000.0, 1.0)
    fixed, wanted = series.features(now_ms), right.features(now_ms)
    assert fixed.atr == pytest.approx(wanted.atr, rel=1e-12)
    assert fixed.rvol == pytest.approx(wanted.rvol, rel=1e-12)
    assert series.rows(60) == right.rows(60)


def test_the_running_bar_is_closed_as_the_exchange_says() -> None:
    candles = recorded()[:40]
    series = seeded(candles[:-1])
    series.add(candles[-1][0] + 1_000, candles[-1][1], 0.5)

    assert series.correct(candles[-1])
    assert series.rows(1) == [candles[-1]]
    assert not series.correct((candles[0][0] - 10 * FIVE, 1.0, 1.0, 1.0, 1.0, 1.0))


def test_a_series_goes_on_in_the_middle_of_a_candle() -> None:
    candles = recorded()[:40]
    series, running = seeded(candles[:-1]), candles[-1]
    half_ms = running[0] + FIVE // 2
    series.resume((running[0], running[1], running[2], running[3], running[1], 4.0), half_ms)

    series.add(half_ms - 1, 1.0, 100.0)  # is in the candle already
    series.add(half_ms + 1, running[4], 2.0)
    series.roll(running[0] + FIVE)

    assert series.rows(1) == [(*running[:5], 6.0)]
