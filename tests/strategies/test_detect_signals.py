"""Signals are what the strategies' own targets say, stored once."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from math import sin
from typing import Any

import numpy as np
import pytest

from config import clock
from marketdata import store
from marketdata.exchanges.protocol import CandleRow
from marketdata.models import Symbol
from marketdata.timeframes import Timeframe
from strategies import queries, registry, services, signal_rules
from strategies.models import Signal, SignalCursor
from strategies.signal_rules import SignalLimits
from tests.marketdata.factories import NOW, make_symbol

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clean_bus")]

M5 = Timeframe.M5
MANY = 1_200
END_MS = M5.floor(clock.to_ms(NOW))


@pytest.fixture
def btc() -> Symbol:
    services.sync_strategies(now=NOW)
    return make_symbol(watched=True)


def wave(many: int = MANY) -> list[CandleRow]:
    """Five-minute candles whose price swings widely enough for every rule."""
    rows = []
    for i in range(many):
        price = 100 + 8 * sin(i / 25) + 2 * sin(i / 3)
        open_ms = END_MS - (many - i) * M5.ms
        rows.append((open_ms, price, price + 0.3, price - 0.3, price, 10.0 + i % 7))
    return rows


def detected(symbol: Symbol, rows: Sequence[CandleRow], *, back: int) -> list[Signal]:
    """Signals of the newest `back` candles, found as if each had just closed."""
    found = []
    store.insert_candles(symbol.pk, M5, rows[:-back])
    SignalCursor.objects.create(symbol=symbol, timeframe=M5, close_ms=rows[-back - 1][0] + M5.ms)
    for row in rows[-back:]:
        store.insert_candles(symbol.pk, M5, [row])
        found += services.detect_signals(symbol_id=symbol.pk, timeframe=M5, now=_later(row))
    return found


def _later(row: CandleRow) -> datetime:
    return clock.from_ms(row[0] + M5.ms + 500)


def test_signals_are_the_turns_of_the_targets_that_a_simulation_uses(btc: Symbol) -> None:
    rows = wave()
    found = detected(btc, rows, back=60)
    bars = store.bars_of(rows)

    for name, strategy in registry.STRATEGIES.items():
        params = queries.params_of(queries.active_version(name))
        targets = strategy.targets(bars, params)
        wanted = {
            int(bars.open_ms[i]) + M5.ms: "ENTER" if targets[i] > 0 else "EXIT"
            for i in range(MANY - 60, MANY)
            if not np.isnan(targets[i - 1]) and (targets[i] > 0) != (targets[i - 1] > 0)
        }
        assert {s.candle_close_ms: s.kind for s in found if s.strategy == name} == wanted
    assert {"sma_ema_cross", "rsi_levels", "sma_cross"} <= {s.strategy for s in found}


def test_a_late_look_finds_the_same_as_one_at_each_close(btc: Symbol) -> None:
    rows = wave()
    one_by_one = {(s.strategy, s.candle_close_ms, s.kind) for s in detected(btc, rows, back=40)}
    Signal.objects.all().delete()
    SignalCursor.objects.update(close_ms=rows[-41][0] + M5.ms)

    services.detect_signals(symbol_id=btc.pk, timeframe=M5, now=NOW)

    stored = Signal.objects.values_list("strategy", "candle_close_ms", "kind")
    assert set(stored) == one_by_one
    assert stored


def test_the_same_candles_again_give_no_second_row(btc: Symbol) -> None:
    rows = wave()
    found = detected(btc, rows, back=40)
    SignalCursor.objects.update(close_ms=rows[-41][0] + M5.ms)

    again = services.detect_signals(symbol_id=btc.pk, timeframe=M5, now=NOW)

    assert again == []
    assert Signal.objects.count() == len(found)


def test_a_first_look_begins_at_the_newest_candle(btc: Symbol) -> None:
    store.insert_candles(btc.pk, M5, wave())

    services.detect_signals(symbol_id=btc.pk, timeframe=M5, now=NOW)

    assert all(signal.candle_close_ms == END_MS for signal in Signal.objects.all())
    assert SignalCursor.objects.get().close_ms == END_MS


def test_details_hold_the_price_and_the_numbers_behind_it(btc: Symbol) -> None:
    cross = next(s for s in detected(btc, wave(), back=60) if s.strategy == "sma_ema_cross")

    assert set(cross.details) == {"sma_20", "ema_50", "atr_bps", "rvol", "volume"}
    above = cross.details["sma_20"] > cross.details["ema_50"]
    assert above == (cross.kind == "CROSS_UP")
    assert not cross.executed


@pytest.mark.parametrize(
    ("limits", "wanted"),
    [
        (SignalLimits(), ""),
        (SignalLimits(min_atr_bps=20), "VOLATILITY_LOW"),
        (SignalLimits(max_atr_bps=5), "VOLATILITY_HIGH"),
        (SignalLimits(min_rvol=2), "VOLUME_LOW"),
        (SignalLimits(min_atr_bps=5, max_atr_bps=20, min_rvol=0.5), ""),
    ],
)
def test_filters_mark_what_they_would_keep_out(limits: SignalLimits, wanted: str) -> None:
    assert signal_rules.filter_of(10.0, 1.0, limits) == wanted
    unknown = signal_rules.filter_of(float("nan"), float("nan"), limits)
    assert bool(unknown) == (limits != SignalLimits())


def test_filtered_signals_are_kept_and_say_why(btc: Symbol, settings: Any) -> None:
    settings.ENV = settings.ENV.model_copy(update={"signal_min_rvol": 100.0})

    found = detected(btc, wave(), back=40)

    assert found
    assert {signal.filtered for signal in found} == {"VOLUME_LOW"}


def test_a_bots_order_marks_the_signal_whoever_was_first(btc: Symbol) -> None:
    found = detected(btc, wave(), back=60)
    known = next(signal for signal in found if signal.strategy == "sma_cross")

    for close_ms, kind in ((known.candle_close_ms, known.kind), (END_MS + M5.ms, "ENTER")):
        for _ in range(2):
            services.mark_signal_executed(
                symbol_id=btc.pk,
                timeframe=M5,
                candle_close_ms=close_ms,
                strategy="sma_cross",
                kind=kind,
                price=100.0,
                details={"version": 1},
                now=NOW,
            )

    executed = Signal.objects.filter(executed=True).order_by("candle_close_ms")
    assert [signal.candle_close_ms for signal in executed] == [
        known.candle_close_ms,
        END_MS + M5.ms,
    ]
    assert executed[0].details == known.details


def test_what_the_feed_did_not_tell_is_claimed_later_and_once(btc: Symbol) -> None:
    SignalCursor.objects.create(symbol=btc, timeframe=M5, close_ms=END_MS - M5.ms)
    soon_ms, late_ms = END_MS + 5_000, END_MS + 20_000

    def due(now_ms: int) -> list[tuple[int, str]]:
        return services.claim_due_series(now=clock.from_ms(now_ms), now_ms=now_ms)

    assert due(soon_ms) == []
    assert due(late_ms) == [(btc.pk, "5m")]
    assert due(late_ms + 1_000) == []
    assert due(late_ms + 11_000) == [(btc.pk, "5m")]
