"""Bulk rows come out as they went in, on either database."""

from __future__ import annotations

from datetime import timedelta

import orjson
import pytest

from marketdata import store
from marketdata.models import IndicatorSpec
from marketdata.timeframes import Timeframe
from tests.marketdata.factories import MINUTE, NOW, make_candle, make_candles, make_symbol

pytestmark = pytest.mark.django_db

M1 = Timeframe.M1


@pytest.mark.parametrize("count", [1, 150, 1000])
def test_candles_come_out_digit_by_digit(count: int) -> None:
    symbol, rows = make_symbol(), make_candles(count)
    rows[0] = (rows[0][0], 0.1 + 0.2, 1e9, 1e-9, 1 / 3, 123456789.123456789)

    stored = store.insert_candles(symbol.pk, M1, rows)

    assert (stored.inserted, stored.unchanged, stored.changed) == (count, 0, 0)
    assert store.candle_rows(symbol.pk, M1) == rows


@pytest.mark.parametrize("count", [3, 1000])
def test_only_what_differs_is_written_again(count: int) -> None:
    symbol, rows = make_symbol(), make_candles(count)
    store.insert_candles(symbol.pk, M1, rows[:-1])
    rows[1] = make_candle(rows[1][0], close=55.0)

    stored = store.insert_candles(symbol.pk, M1, rows)

    assert (stored.inserted, stored.unchanged, stored.changed) == (1, count - 2, 1)
    assert (stored.from_ms, stored.to_ms) == (rows[1][0], rows[-1][0] + 1)
    assert store.candle_rows(symbol.pk, M1) == rows


def test_symbols_and_timeframes_are_apart() -> None:
    one, other = make_symbol(), make_symbol("ETH/USDT")
    rows = make_candles(5)
    store.insert_candles(one.pk, M1, rows)

    assert store.candle_rows(other.pk, M1) == []
    assert store.candle_rows(one.pk, Timeframe.M5) == []


def test_a_range_is_half_open_and_a_limit_takes_the_newest() -> None:
    symbol, rows = make_symbol(), make_candles(10)
    store.insert_candles(symbol.pk, M1, rows)

    part = store.candle_rows(symbol.pk, M1, from_ms=rows[2][0], to_ms=rows[7][0])
    newest = store.candle_rows(symbol.pk, M1, to_ms=rows[7][0], limit=2)

    assert part == rows[2:7]
    assert newest == rows[5:7]


def test_bars_are_columns_that_cannot_be_written() -> None:
    symbol, rows = make_symbol(), make_candles(20)
    store.insert_candles(symbol.pk, M1, rows)

    bars = store.load_bars(symbol.pk, M1, limit=3)

    assert bars.open_ms.tolist() == [row[0] for row in rows[-3:]]
    assert bars.volume.tolist() == [row[5] for row in rows[-3:]]
    assert (bars.open_ms.dtype.name, bars.close.dtype.name) == ("int64", "float64")
    with pytest.raises(ValueError, match="read-only"):
        bars.close[0] = 1.0
    assert len(store.load_bars(symbol.pk, Timeframe.H1)) == 0


def test_json_is_an_array_per_candle() -> None:
    symbol, rows = make_symbol(), make_candles(2)
    store.insert_candles(symbol.pk, M1, rows)

    assert orjson.loads(store.candle_rows_json(symbol.pk, M1)) == [list(row) for row in rows]


def test_the_ends_of_a_series_are_found() -> None:
    symbol, rows = make_symbol(), make_candles(10)
    assert store.latest_open_ms(symbol.pk, M1) is None
    store.insert_candles(symbol.pk, M1, rows)

    assert store.latest_open_ms(symbol.pk, M1) == rows[-1][0]
    assert store.latest_open_ms(symbol.pk, M1, before_ms=rows[4][0]) == rows[3][0]
    assert store.first_open_ms(symbol.pk, M1) == rows[0][0]
    assert store.first_open_ms(symbol.pk, M1, from_ms=rows[4][0] - 1) == rows[4][0]
    assert store.first_open_ms(symbol.pk, M1, from_ms=rows[-1][0] + 1) is None


@pytest.mark.parametrize("count", [1, 99, 100, 101, 450])
def test_values_are_stored_per_line_and_replaced(count: int) -> None:
    symbol = make_symbol()
    spec = IndicatorSpec.objects.create(symbol=symbol, timeframe=M1, name="x", params_hash="h")
    times = [int((NOW + timedelta(minutes=step)).timestamp() * 1000) for step in range(count)]
    rows = [(spec.pk, "value", at, at / 7) for at in times]

    store.insert_indicator_values([(pk, line, at, 0.0) for pk, line, at, _ in rows])
    store.insert_indicator_values(rows)

    found = store.indicator_rows(spec.pk, ["value", "other"])
    assert found == {"value": [row[2:] for row in rows], "other": []}
    newest = store.indicator_rows(spec.pk, ["value"], to_ms=times[-1] + MINUTE, limit=1)
    assert newest["value"] == [rows[-1][2:]]


def test_candles_are_merged_to_wider_ones_from_their_edges() -> None:
    symbol, rows = make_symbol(), make_candles(60)
    store.insert_candles(symbol.pk, M1, rows)
    width = 7 * MINUTE
    start, end = rows[3][0], rows[50][0]

    wide = store.merged_candle_rows(
        symbol.pk, M1, width_ms=width, from_ms=start, to_ms=end, limit=100
    )

    groups: dict[int, list[tuple[float, ...]]] = {}
    for row in rows[3:50]:
        groups.setdefault(row[0] // width * width, []).append(row)
    assert [row[0] for row in wide] == list(groups)
    for row, group in zip(wide, groups.values(), strict=True):
        assert row[1] == group[0][1]
        assert row[2] == max(one[2] for one in group)
        assert row[3] == min(one[3] for one in group)
        assert row[4] == group[-1][4]
        assert row[5] == pytest.approx(sum(one[5] for one in group))
    newest = store.merged_candle_rows(symbol.pk, M1, width_ms=width, to_ms=end, limit=2)
    assert newest == wide[-2:]
