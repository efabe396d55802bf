"""What may be stored: closed, finite, consistent candles, each time once, in order."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from math import inf, nan

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketdata.exchanges.protocol import CandleRow, SymbolSpec, TickerRow
from marketdata.timeframes import Timeframe
from marketdata.validation import (
    candle_fault,
    check_candles,
    missing_ranges,
    symbol_fault,
    ticker_fault,
)
from tests.marketdata.factories import MINUTE, NOW_MS, make_candle, make_spec, make_ticker

M1 = Timeframe.M1
AT = NOW_MS // MINUTE * MINUTE - 10 * MINUTE

numbers = st.floats(allow_nan=True, allow_infinity=True)
rows = st.tuples(
    st.integers(-2, 20).map(lambda step: AT + step * MINUTE),
    *(st.one_of(numbers, st.floats(90, 110)) for _ in range(5)),
)


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ((AT, 10, 12, 9, 11, 5.0), None),
        ((AT, 10, 10, 10, 10, 0.0), None),
        ((AT, nan, 12, 9, 11, 5.0), "not a finite number"),
        ((AT, 10, inf, 9, 11, 5.0), "not a finite number"),
        ((AT, 10, 12, 9, 11, nan), "not a finite number"),
        ((AT, 10, 12, 0, 11, 5.0), "a price is not above zero"),
        ((AT, 10, 12, -9, 11, 5.0), "a price is not above zero"),
        ((AT, 10, 10.5, 9, 11, 5.0), "the high is below another price"),
        ((AT, 10, 12, 10.5, 11, 5.0), "the low is above another price"),
        ((AT, 10, 12, 9, 11, -1.0), "the volume is negative"),
        ((-1, 10, 12, 9, 11, 5.0), "no time"),
        ((AT + 1, 10, 12, 9, 11, 5.0), "the time is not on a 1m boundary"),
        ((NOW_MS // MINUTE * MINUTE, 10, 12, 9, 11, 5.0), "the candle is not closed yet"),
        ((AT + 9 * MINUTE, 10, 12, 9, 11, 5.0), None),
    ],
)
def test_a_row_is_a_closed_sane_candle_or_says_why_not(row: CandleRow, reason: str | None) -> None:
    assert candle_fault(row, M1, NOW_MS) == reason


def test_a_repeated_row_is_counted_and_a_contradicting_one_is_bad() -> None:
    row = make_candle(AT)

    checked = check_candles([row, row, make_candle(AT, close=101)], M1, NOW_MS)

    assert checked.good == [row]
    assert checked.duplicates == 1
    assert [(bad.index, bad.reason) for bad in checked.bad] == [
        (2, "another row with this time has other numbers")
    ]


def test_a_row_that_comes_late_is_out_of_order() -> None:
    early, late = make_candle(AT), make_candle(AT + MINUTE)

    checked = check_candles([late, early], M1, NOW_MS)

    assert checked.good == [late]
    assert checked.bad[0].reason.startswith("out of order")


@given(st.lists(rows, max_size=30))
def test_every_row_is_either_good_bad_or_a_duplicate(given_rows: list[CandleRow]) -> None:
    checked = check_candles(given_rows, M1, NOW_MS)

    assert len(checked.good) + len(checked.bad) + checked.duplicates == len(given_rows)
    assert all(candle_fault(row, M1, NOW_MS) is None for row in checked.good)
    times = [row[0] for row in checked.good]
    assert times == sorted(set(times))


@given(st.lists(rows, max_size=30))
def test_good_rows_stay_good(given_rows: list[CandleRow]) -> None:
    good = check_candles(given_rows, M1, NOW_MS).good

    again = check_candles(good, M1, NOW_MS)

    assert (again.good, again.bad, again.duplicates) == (good, [], 0)


@given(st.sets(st.integers(0, 40)), st.integers(0, 20), st.integers(20, 41))
def test_holes_and_candles_together_are_the_whole_stretch(
    steps: set[int], start: int, stop: int
) -> None:
    there = sorted(step for step in steps if start <= step < stop)

    holes = missing_ranges(there, start, stop, 1)

    missing = [step for first, after in holes for step in range(first, after)]
    assert sorted(missing + there) == list(range(start, stop))
    assert all(first < after for first, after in holes)


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (make_ticker(), None),
        (replace(make_ticker(), bid=None, ask=None, change_24h=None), None),
        (replace(make_ticker(), last=nan), "not a finite number"),
        (replace(make_ticker(), volume_24h=inf), "not a finite number"),
        (replace(make_ticker(), last=0.0), "a price is not above zero"),
        (replace(make_ticker(), bid=-1.0), "a price is not above zero"),
        (replace(make_ticker(), bid=101.0, ask=100.0), "the bid is above the ask"),
        (replace(make_ticker(), at_ms=-1), "no time"),
    ],
)
def test_a_quote_makes_sense_or_says_why_not(row: TickerRow, reason: str | None) -> None:
    assert ticker_fault(row) == reason


@pytest.mark.parametrize(
    ("spec", "reason"),
    [
        (make_spec(), None),
        (make_spec(price_tick="NaN"), "not a finite number"),
        (make_spec(price_tick="0"), "no price or quantity step"),
        (make_spec(qty_step="-1"), "no price or quantity step"),
        (replace(make_spec(), min_notional=Decimal(-1)), "a minimum is negative"),
        (replace(make_spec(), quote=""), "no base or quote asset"),
    ],
)
def test_a_symbol_can_be_rounded_by_its_rules_or_says_why_not(
    spec: SymbolSpec, reason: str | None
) -> None:
    assert symbol_fault(spec) == reason
