"""History comes in pages; whatever interrupts it, nothing is lost and nothing asked for twice."""

from __future__ import annotations

import math
import os
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest
from django.conf import settings
from django.db import connection

from marketdata import store
from marketdata.errors import CircuitOpen, ExchangeUnavailable
from marketdata.exchanges.ccxt_rest import CcxtExchange
from marketdata.exchanges.protocol import CandleRow, Exchange
from marketdata.models import Backfill, Candle, DeadLetter, FeedGap, Symbol
from marketdata.services import BackfillResult, backfill_candles
from marketdata.timeframes import Timeframe
from tests.exchange import LoopbackExchange, make_market, mangled, status
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
END = NOW_MS // MINUTE * MINUTE
START = END - 1000 * MINUTE


def backfill(
    symbol: Symbol,
    exchange: Exchange,
    *,
    from_ms: int = START,
    to_ms: int = END,
    deadline: float | None = None,
) -> BackfillResult:
    return backfill_candles(
        symbol=symbol,
        timeframe=M1,
        from_ms=from_ms,
        to_ms=to_ms,
        exchange=exchange,
        now=NOW,
        deadline=deadline,
    )


def gaps() -> list[tuple[int, int, str]]:
    return [
        ((gap.from_ms - START) // MINUTE, (gap.to_ms - START) // MINUTE, gap.status)
        for gap in FeedGap.objects.order_by("from_ms")
        if gap.status != FeedGap.Status.FILLED
    ]


def test_a_range_is_fetched_in_pages_of_the_exchanges_size() -> None:
    symbol, exchange = make_symbol(), FakeExchange(make_candles(1000), page_limit=300)

    result = backfill(symbol, exchange)

    assert (result.done, result.pages, result.inserted) == (True, 4, 1000)
    assert exchange.asked == [START + page * 300 * MINUTE for page in range(4)]
    assert store.candle_rows(symbol.pk, M1) == exchange.candles
    assert gaps() == []


def test_time_up_means_call_again_and_it_goes_on_where_it_was() -> None:
    symbol, exchange = make_symbol(), FakeExchange(make_candles(1000), page_limit=300)

    early = backfill(symbol, exchange, deadline=-math.inf)
    late = backfill(symbol, exchange)

    assert (early.done, early.pages, bool(early)) == (False, 0, False)
    assert (late.done, late.pages, bool(late)) == (True, 4, True)


def test_a_silent_exchange_leaves_what_came_before() -> None:
    symbol, exchange = make_symbol(), FakeExchange(make_candles(1000), page_limit=300)
    backfill(symbol, exchange, to_ms=START + 300 * MINUTE)
    exchange.errors = [ExchangeUnavailable("gone", retry_after_s=60)]

    with pytest.raises(ExchangeUnavailable):
        backfill(symbol, exchange)
    with pytest.raises(CircuitOpen):
        backfill(symbol, exchange)

    assert Candle.objects.count() == 300


def test_a_range_that_was_done_can_be_asked_for_again() -> None:
    symbol, exchange = make_symbol(), FakeExchange(make_candles(100))
    backfill(symbol, exchange)
    questions = len(exchange.asked)

    again = backfill(symbol, exchange)

    assert (again.done, again.inserted) == (True, 0)
    assert len(exchange.asked) == 2 * questions


def test_the_candle_that_is_still_open_is_left_out() -> None:
    symbol, exchange = make_symbol(), FakeExchange(make_candles(50, end_ms=END + 5 * MINUTE))

    result = backfill(symbol, exchange, to_ms=END + 60 * MINUTE)

    assert result.done
    assert result.cursor_ms == END
    assert store.latest_open_ms(symbol.pk, M1) == END - MINUTE
    assert not DeadLetter.objects.exists()


def test_holes_that_the_exchange_has_are_absent() -> None:
    rows = make_candles(1000)
    symbol, exchange = make_symbol(), FakeExchange(rows[:150] + rows[420:700] + rows[705:])

    backfill(symbol, exchange)

    assert gaps() == [(150, 420, FeedGap.Status.ABSENT), (700, 705, FeedGap.Status.ABSENT)]


def test_a_hole_at_the_newest_end_may_be_the_exchanges_delay() -> None:
    rows = make_candles(1000)
    symbol, exchange = make_symbol(), FakeExchange(rows[:-3] + rows[-1:])

    backfill(symbol, exchange)

    assert gaps() == [(997, 999, FeedGap.Status.ABSENT)]
    exchange.candles = rows[:-1]
    Candle.objects.filter(open_ms__gte=rows[-3][0]).delete()
    FeedGap.objects.all().delete()
    backfill(symbol, exchange)
    assert gaps() == []


def test_a_rubbish_row_is_a_dead_letter_and_its_hole_stays_open() -> None:
    rows = make_candles(1000)
    symbol, exchange = make_symbol(), FakeExchange(rows)
    exchange.candles[500] = (rows[500][0], -1.0, 2.0, 1.0, 1.0, 1.0)

    result = backfill(symbol, exchange)

    assert (result.inserted, result.rejected) == (999, 1)
    assert gaps() == [(500, 501, FeedGap.Status.OPEN)]


def test_progress_says_how_far_it_is() -> None:
    symbol, exchange = make_symbol(), FakeExchange(make_candles(1000), page_limit=250)
    said: list[tuple[int, str]] = []

    backfill_candles(
        symbol=symbol,
        timeframe=M1,
        from_ms=START,
        to_ms=END,
        exchange=exchange,
        now=NOW,
        progress=lambda percent, text: said.append((percent, text)),
    )

    assert [percent for percent, _ in said] == [25, 50, 75, 100]
    assert said[-1][1] == "simulated:BTC/USDT 1m: 1000 candles"


@pytest.fixture
def server() -> Iterator[LoopbackExchange]:
    with LoopbackExchange(make_market(NOW_MS)) as running:
        yield running


@pytest.mark.parametrize("venue", ["binance", "bybit"])
def test_a_real_exchange_with_hiccups_gives_the_same_history(
    server: LoopbackExchange, venue: str
) -> None:
    symbol = make_symbol(exchange=venue)
    server.market.holes = {START + 5 * MINUTE, START + 6 * MINUTE}
    server.fail(status(502), path="kline", times=1)
    server.fail(mangled(lambda rows: [*rows[:40], *rows[38:]]), path="kline", times=1)

    result = backfill(symbol, CcxtExchange(venue, base_url=server.url))

    assert (result.done, result.inserted, result.rejected) == (True, 998, 0)
    assert gaps() == [(5, 7, FeedGap.Status.ABSENT)]


class DyingExchange(FakeExchange):
    """Answers some pages; the next question is the end of the process."""

    def __init__(self, pages: int) -> None:
        super().__init__(make_candles(1000), page_limit=100)
        self.pages = pages

    def fetch_candles(
        self, symbol: str, timeframe: Timeframe, since_ms: int, limit: int
    ) -> list[CandleRow]:
        if len(self.asked) == self.pages:
            os.kill(os.getpid(), signal.SIGKILL)
        return super().fetch_candles(symbol, timeframe, since_ms, limit)


DYING = """
import sys
from django.conf import settings
settings.DATABASES["default"]["NAME"] = sys.argv[2]
import django
django.setup()
from marketdata.models import Symbol
from tests.marketdata.test_backfill_candles import DyingExchange, backfill
backfill(Symbol.objects.get(), DyingExchange(pages=int(sys.argv[1])))
"""


@pytest.mark.django_db(transaction=True)
def test_after_kill_9_in_the_middle_it_goes_on_with_the_next_page() -> None:
    symbol = make_symbol()
    died = subprocess.run(
        [sys.executable, "-c", DYING, "3", str(connection.settings_dict["NAME"])],
        env=os.environ | {"DJANGO_SETTINGS_MODULE": "config.settings"},
        cwd=settings.BASE_DIR,
        check=False,
    )
    exchange = FakeExchange(make_candles(1000), page_limit=100)

    result = backfill(symbol, exchange)

    assert died.returncode == -signal.SIGKILL
    assert exchange.asked[0] == START + 300 * MINUTE
    assert (result.done, result.inserted) == (True, 700)
    assert store.candle_rows(symbol.pk, M1) == exchange.candles
    assert Backfill.objects.get().done
