"""A subscription marks what is stored as waiting, and is kept up to date from then on."""

from __future__ import annotations

import pytest

from marketdata import store
from marketdata.indicators import Spec
from marketdata.models import IndicatorSpec, IndicatorValue
from marketdata.services import (
    _indicators,
    ingest_candles,
    refresh_indicators,
    refresh_stale_indicators,
    subscribe_indicators,
)
from marketdata.timeframes import Timeframe
from tests.marketdata.factories import NOW, make_candles, make_symbol

pytestmark = pytest.mark.django_db

M1 = Timeframe.M1
SMA, MACD = Spec.of("sma", {"period": 3}), Spec.of("macd")


def test_history_is_computed_by_a_refresh_and_new_candles_as_they_come() -> None:
    symbol, rows = make_symbol(), make_candles(10)
    ingest_candles(symbol=symbol, timeframe=M1, rows=rows[:8], now=NOW, source="test")

    assert subscribe_indicators(symbol=symbol, timeframe=M1, specs=[SMA]) == 1
    assert refresh_stale_indicators() == 6
    assert refresh_stale_indicators() == 0
    ingest_candles(symbol=symbol, timeframe=M1, rows=rows[8:], now=NOW, source="test")

    spec = IndicatorSpec.objects.get()
    found = store.indicator_rows(spec.pk, ["value"])["value"]
    assert [at for at, _ in found] == [row[0] for row in rows[2:]]
    assert found[-1][1] == pytest.approx(sum(row[4] for row in rows[-3:]) / 3)


def test_subscribing_again_is_nothing_new() -> None:
    symbol = make_symbol()

    assert subscribe_indicators(symbol=symbol, timeframe=M1, specs=[SMA, MACD]) == 2
    assert subscribe_indicators(symbol=symbol, timeframe=M1, specs=[MACD, SMA]) == 0
    assert IndicatorSpec.objects.get(name="macd").params == dict(MACD.params)


def test_other_parameters_are_another_series() -> None:
    symbol = make_symbol()
    specs = [SMA, Spec.of("sma", {"period": 5})]

    assert subscribe_indicators(symbol=symbol, timeframe=M1, specs=specs) == 2


def test_every_line_is_stored_under_its_name() -> None:
    symbol = make_symbol()
    subscribe_indicators(symbol=symbol, timeframe=M1, specs=[MACD])
    ingest_candles(symbol=symbol, timeframe=M1, rows=make_candles(60), now=NOW, source="test")

    lines = IndicatorValue.objects.values_list("line", flat=True).distinct()
    assert set(lines) == {"macd", "signal", "histogram"}


def test_a_long_history_is_written_in_several_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_indicators, "BATCH_ROWS", 20)
    symbol = make_symbol()
    subscribe_indicators(symbol=symbol, timeframe=M1, specs=[SMA, MACD])

    result = ingest_candles(
        symbol=symbol, timeframe=M1, rows=make_candles(60), now=NOW, source="test"
    )

    assert IndicatorValue.objects.count() == result.values == 58 + 3 * (60 - 33)


def test_nothing_subscribed_is_nothing_to_do() -> None:
    symbol = make_symbol()

    assert refresh_indicators(symbol=symbol, timeframe=M1, from_ms=0, to_ms=1) == 0
