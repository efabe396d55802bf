"""A series catches up with the clock: first history, what was missed, and holes once more."""

from __future__ import annotations

import io

import pytest
from django.core.management import CommandError, call_command

from marketdata import store
from marketdata.models import Backfill, FeedGap, Symbol
from marketdata.services import (
    FEED_HISTORY,
    catch_up,
    fill_gaps,
    ingest_candles,
)
from marketdata.timeframes import Timeframe
from tests.marketdata.factories import (
    MINUTE,
    NOW,
    NOW_MS,
    FakeExchange,
    make_candles,
    make_symbol,
)

pytestmark = pytest.mark.django_db

M1 = Timeframe.M1


def stored(symbol: Symbol) -> list[int]:
    return [row[0] for row in store.candle_rows(symbol.pk, M1)]


def ingest(symbol: Symbol, rows: list) -> None:  # type: ignore[type-arg]
    ingest_candles(symbol=symbol, timeframe=M1, rows=rows, now=NOW, source="test")


def test_a_new_series_begins_with_some_history() -> None:
    symbol, exchange = make_symbol(exchange="fake"), FakeExchange(make_candles(2000))
    exchange.page_limit = 5000

    result = catch_up(symbol=symbol, timeframe=M1, exchange=exchange, now=NOW)

    assert result is not None
    assert result.inserted == FEED_HISTORY[M1]
    assert stored(symbol)[-1] == M1.last_closed_open(NOW_MS)


def test_what_was_missed_is_fetched_in_one_page() -> None:
    rows = make_candles(30)
    symbol, exchange = make_symbol(exchange="fake"), FakeExchange(rows)
    ingest(symbol, rows[:20])

    result = catch_up(symbol=symbol, timeframe=M1, exchange=exchange, now=NOW)

    assert result is not None
    assert result.inserted == 10
    assert exchange.asked == [rows[20][0]]


def test_nothing_is_asked_when_nothing_is_missing() -> None:
    rows = make_candles(3)
    symbol, exchange = make_symbol(exchange="fake"), FakeExchange(rows)
    ingest(symbol, rows)

    assert catch_up(symbol=symbol, timeframe=M1, exchange=exchange, now=NOW) is None
    assert exchange.asked == []


def test_a_long_way_is_a_backfill_that_can_be_resumed() -> None:
    symbol, exchange = make_symbol(exchange="fake"), FakeExchange(make_candles(1500))

    catch_up(symbol=symbol, timeframe=M1, exchange=exchange, now=NOW)

    assert len(stored(symbol)) == 1500
    assert Backfill.objects.get().done


def test_after_a_very_long_absence_a_hole_remains_and_is_noted() -> None:
    rows = make_candles(7000)
    symbol, exchange = make_symbol(exchange="fake"), FakeExchange(rows, page_limit=6000)
    ingest(symbol, rows[:10])

    catch_up(symbol=symbol, timeframe=M1, exchange=exchange, now=NOW)

    gap = FeedGap.objects.get()
    assert (gap.from_ms, gap.to_ms) == (rows[10][0], rows[2000][0])


def test_open_candles_are_not_taken() -> None:
    symbol = make_symbol(exchange="fake")
    exchange = FakeExchange(make_candles(5, end_ms=NOW_MS + MINUTE))

    catch_up(symbol=symbol, timeframe=M1, exchange=exchange, now=NOW)

    assert stored(symbol)[-1] == M1.last_closed_open(NOW_MS)


def test_open_holes_are_asked_for_again() -> None:
    rows = make_candles(60)
    symbol = make_symbol(exchange="fake", watched=True)
    ingest(symbol, rows[:10] + rows[15:30] + rows[32:])
    exchange = FakeExchange(rows[:31] + rows[32:])

    assert fill_gaps(exchange=exchange, now=NOW) == 2

    statuses = dict(FeedGap.objects.values_list("from_ms", "status"))
    assert statuses == {
        rows[10][0]: FeedGap.Status.FILLED,
        rows[30][0]: FeedGap.Status.FILLED,
        rows[31][0]: FeedGap.Status.ABSENT,
    }
    assert fill_gaps(exchange=exchange, now=NOW) == 0


def test_holes_that_are_too_long_or_nobodys_are_left() -> None:
    rows = make_candles(6000)
    ingest(make_symbol(exchange="fake", watched=True), [rows[0], rows[-1]])
    ingest(make_symbol("ETH/USDT", exchange="fake"), [rows[0], rows[5]])
    exchange = FakeExchange(rows)

    assert fill_gaps(exchange=exchange, now=NOW) == 0


def test_the_backfill_command_downloads_and_says_how_much() -> None:
    make_symbol()
    out = io.StringIO()

    call_command(
        "backfill", "BTC/USDT", "1h", "2025-01-01", "2025-01-02T12:00:00+00:00", stdout=out
    )

    assert "36 candles in 1 pages, 0 refused." in out.getvalue()


@pytest.mark.parametrize("arguments", [["NO/USDT", "1h"], ["BTC/USDT", "7h"]])
def test_the_backfill_command_fails_with_one_sentence(arguments: list[str]) -> None:
    make_symbol()

    with pytest.raises(CommandError, match="is called"):
        call_command("backfill", *arguments, "2025-01-01")
