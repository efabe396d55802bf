"""The gap ledger: every hole is in it, with what is known about it."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from marketdata.models import Candle, FeedGap, Symbol
from marketdata.services import ingest_candles, mark_absent
from marketdata.timeframes import Timeframe
from marketdata.validation import missing_ranges
from tests.marketdata.factories import MINUTE, NOW, NOW_MS, make_candle, make_symbol

pytestmark = pytest.mark.django_db

M1 = Timeframe.M1
START = NOW_MS // MINUTE * MINUTE - 100 * MINUTE
OPEN, FILLED, ABSENT = FeedGap.Status.OPEN, FeedGap.Status.FILLED, FeedGap.Status.ABSENT


def store(symbol: Symbol, *minutes: int) -> None:
    rows = [make_candle(START + minute * MINUTE) for minute in minutes]
    ingest_candles(symbol=symbol, timeframe=M1, rows=rows, now=NOW, source="test")


def absent(symbol: Symbol, start: int, stop: int) -> None:
    mark_absent(
        symbol=symbol,
        timeframe=M1,
        from_ms=START + start * MINUTE,
        to_ms=START + stop * MINUTE,
        now=NOW,
    )


def ledger(symbol: Symbol) -> list[tuple[int, int, str]]:
    """(first missing minute, first present one, status), oldest first."""
    rows = FeedGap.objects.filter(symbol=symbol).order_by("from_ms")
    return [
        ((gap.from_ms - START) // MINUTE, (gap.to_ms - START) // MINUTE, gap.status) for gap in rows
    ]


def test_candles_without_a_hole_leave_no_gap() -> None:
    symbol = make_symbol()
    store(symbol, 0, 1, 2)
    store(symbol, 3)

    assert ledger(symbol) == []


def test_holes_within_and_before_new_candles_are_noted() -> None:
    symbol = make_symbol()
    store(symbol, 0, 1, 5)
    store(symbol, 9)

    assert ledger(symbol) == [(2, 5, OPEN), (6, 9, OPEN)]


def test_nothing_is_missing_before_the_first_candle_of_all() -> None:
    symbol = make_symbol()
    store(symbol, 50)

    assert ledger(symbol) == []


def test_older_history_is_joined_to_what_is_there() -> None:
    symbol = make_symbol()
    store(symbol, 50)
    store(symbol, 10, 11)

    assert ledger(symbol) == [(12, 50, OPEN)]


@pytest.mark.parametrize(
    ("minutes", "left"),
    [
        ((2, 3, 4), [(2, 5, FILLED)]),
        ((2,), [(2, 3, FILLED), (3, 5, OPEN)]),
        ((4,), [(2, 4, OPEN)]),
        ((3,), [(2, 3, OPEN), (4, 5, OPEN)]),
    ],
)
def test_what_is_filled_is_closed_and_the_rest_stays_open(
    minutes: tuple[int, ...], left: list[tuple[int, int, str]]
) -> None:
    symbol = make_symbol()
    store(symbol, 0, 1, 5)
    store(symbol, *minutes)

    assert ledger(symbol) == left


def test_a_hole_of_the_exchange_is_absent_only_where_it_was_asked() -> None:
    symbol = make_symbol()
    store(symbol, 0, 10)
    absent(symbol, 3, 6)
    absent(symbol, 4, 5)

    assert ledger(symbol) == [(1, 3, OPEN), (3, 6, ABSENT), (6, 10, OPEN)]


def test_what_is_left_of_an_absent_hole_stays_absent() -> None:
    symbol = make_symbol()
    store(symbol, 0, 10)
    absent(symbol, 0, 10)
    store(symbol, 5)

    assert ledger(symbol) == [(1, 5, ABSENT), (6, 10, ABSENT)]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25)
@given(st.lists(st.sets(st.integers(0, 30), min_size=1), min_size=1, max_size=5))
def test_in_any_order_the_ledger_holds_exactly_the_holes(batches: list[set[int]]) -> None:
    Symbol.objects.all().delete()
    symbol = make_symbol()
    for batch in batches:
        store(symbol, *sorted(batch))

    there = sorted(set.union(*batches))
    assert Candle.objects.filter(symbol=symbol).count() == len(there)
    holes = missing_ranges(there, there[0], there[-1] + 1, 1)
    assert [gap[:2] for gap in ledger(symbol) if gap[2] == OPEN] == holes
