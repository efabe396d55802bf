"""Candles go in one way: checked, once, with values, dead letters and an event."""

from __future__ import annotations

from collections.abc import Sequence
from math import nan
from typing import Any

import pytest
from django.db import transaction

from config import bus
from marketdata import store
from marketdata.exchanges.protocol import CandleRow
from marketdata.indicators import DEFAULT_SPECS, Spec, compute
from marketdata.models import Candle, DeadLetter, IndicatorSpec, IndicatorValue, Symbol
from marketdata.services import IngestResult, ingest_candles, subscribe_indicators
from marketdata.timeframes import Timeframe
from tests.marketdata.factories import MINUTE, NOW, make_candle, make_candles, make_symbol

pytestmark = pytest.mark.django_db

M1 = Timeframe.M1


def ingest(symbol: Symbol, rows: Sequence[CandleRow]) -> IngestResult:
    return ingest_candles(symbol=symbol, timeframe=M1, rows=rows, now=NOW, source="test")


def everything() -> list[object]:
    """All that market data has stored."""
    kinds = (Candle, DeadLetter, IndicatorSpec, IndicatorValue)
    return [list(kind.objects.order_by("pk").values()) for kind in kinds]


def test_the_same_rows_again_change_nothing() -> None:
    symbol = make_symbol()
    subscribe_indicators(symbol=symbol, timeframe=M1, specs=DEFAULT_SPECS)
    rows = [*make_candles(80), make_candle(7), (MINUTE, nan, 1, 1, 1, 1)]
    first = ingest(symbol, rows)
    before = everything()

    again = ingest(symbol, rows)

    assert (first.inserted, first.rejected) == (80, 2)
    assert (again.inserted, again.unchanged, again.changed, again.values) == (0, 80, 0, 0)
    assert everything() == before


def test_bad_rows_are_kept_with_their_reason_and_good_ones_stored() -> None:
    symbol = make_symbol()
    good = make_candles(2)

    result = ingest(symbol, [good[0], (good[0][0] + 1, 1, 1, 1, 1, nan), good[1]])

    letter = DeadLetter.objects.get()
    assert (result.inserted, result.rejected) == (2, 1)
    assert (letter.kind, letter.source, letter.reason) == ("candle", "test", "not a finite number")
    assert letter.payload["row"][5] == "nan"
    assert letter.payload["symbol"] == "simulated:BTC/USDT"


def test_a_candle_that_is_still_open_is_not_stored() -> None:
    symbol = make_symbol()
    rows = make_candles(1)

    result = ingest(symbol, [*rows, make_candle(rows[0][0] + MINUTE)])

    assert (result.inserted, result.rejected) == (1, 1)


def test_a_corrected_candle_replaces_the_stored_one_and_is_counted(
    caplog: pytest.LogCaptureFixture,
) -> None:
    symbol, rows = make_symbol(), make_candles(3)
    ingest(symbol, rows)

    result = ingest(symbol, [make_candle(rows[1][0], close=42.0)])

    assert (result.inserted, result.changed) == (0, 1)
    assert store.candle_rows(symbol.pk, M1)[1][4] == 42.0
    assert "candles.corrected" in caplog.text


def test_values_are_those_of_the_whole_history_however_the_candles_came() -> None:
    symbol, rows = make_symbol(), make_candles(1200)
    subscribe_indicators(symbol=symbol, timeframe=M1, specs=DEFAULT_SPECS)
    ingest(symbol, rows[600:900])
    ingest(symbol, rows[:600])
    for row in rows[900:905]:
        ingest(symbol, [row])
    ingest(symbol, rows[905:])

    bars = store.load_bars(symbol.pk, M1)
    for spec in IndicatorSpec.objects.all():
        wanted = compute(spec.name, spec.params, bars)
        found = store.indicator_rows(spec.pk, list(wanted))
        for line, values in wanted.items():
            pairs = zip(bars.open_ms.tolist(), values.tolist(), strict=True)
            defined = dict(pair for pair in pairs if pair[1] == pair[1])
            assert dict(found[line]) == pytest.approx(defined, rel=1e-9), (spec.name, line)


def test_a_correction_reaches_the_values_behind_it() -> None:
    symbol, rows = make_symbol(), make_candles(60)
    subscribe_indicators(symbol=symbol, timeframe=M1, specs=[Spec.of("sma", {"period": 20})])
    ingest(symbol, rows)
    spec = IndicatorSpec.objects.get()
    before = dict(store.indicator_rows(spec.pk, ["value"])["value"])

    ingest(symbol, [make_candle(rows[30][0], close=1000.0)])

    after = dict(store.indicator_rows(spec.pk, ["value"])["value"])
    changed = [at for at in before if before[at] != pytest.approx(after[at])]
    assert changed == [row[0] for row in rows[30:50]]


def test_an_unusable_batch_changes_nothing() -> None:
    symbol = make_symbol()

    assert ingest(symbol, []).inserted == 0
    assert ingest(symbol, [(-1, nan, nan, nan, nan, nan)]).rejected == 1
    assert not Candle.objects.exists()


def test_all_of_it_is_one_transaction() -> None:
    symbol = make_symbol()
    subscribe_indicators(symbol=symbol, timeframe=M1, specs=DEFAULT_SPECS)
    IndicatorSpec.objects.filter(name="rsi").update(params={"period": -1})

    with pytest.raises(Exception, match="rsi"), transaction.atomic():
        ingest(symbol, make_candles(30))

    assert not Candle.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_the_newest_candle_is_announced_after_the_commit(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sent: list[tuple[str, Any]] = []
    monkeypatch.setattr(bus, "publish", lambda group, message: sent.append((group, message)))
    symbol, rows = make_symbol(), make_candles(3)

    with transaction.atomic():
        ingest(symbol, rows)
        assert sent == []

    [(group, message)] = sent
    assert (group, message["event"]) == ("events", "candle.closed")
    assert message["data"]["open_ms"] == rows[-1][0]
    assert message["data"]["timeframe"] == "1m"
    ingest(symbol, rows)
    assert len(sent) == 1, "what was known before is no news"
