"""Data quality: freshness, gaps, circuits, streams, letters, and what a person does about them."""

from __future__ import annotations

import csv
import io
from datetime import timedelta

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries, Settings

from config import clock
from marketdata import live_features, services, stream_state
from marketdata.models import (
    Circuit,
    DeadLetter,
    FeedGap,
    FeedInterruption,
    FeedLease,
    Symbol,
    Ticker,
)
from tests.console.pages import body, command, fragment, is_fragment, text_of
from tests.strategies.looks import make_state
from tests.trading.factories import bars, make_account, make_candles, make_symbol
from tests.trading.live_desk import set_env
from trading.models import AuditEvent, Job
from trading.quality_pages import cells_of

pytestmark = pytest.mark.usefixtures("clean_bus", "db")

URL = "/data-quality/"
MINUTE = 60_000


def make_watched(name: str = "BTC/USDT", *, age_s: float = 0) -> Symbol:
    symbol = make_symbol(name, exchange="simulated")
    Symbol.objects.filter(pk=symbol.pk).update(watched=True)
    at = clock.now() - timedelta(seconds=age_s)
    Ticker.objects.create(symbol=symbol, last=100.0, at=at)
    return symbol


def make_gap(symbol: Symbol, status: str = FeedGap.Status.OPEN, *, minutes: int = 30) -> FeedGap:
    end = clock.now_ms() // MINUTE * MINUTE - 120 * MINUTE
    return FeedGap.objects.create(
        symbol=symbol,
        timeframe="1m",
        from_ms=end - minutes * MINUTE,
        to_ms=end,
        status=status,
        found_at=clock.now(),
    )


def make_letter() -> DeadLetter:
    return DeadLetter.objects.create(
        kind="ticker", digest="d", source="binance", payload={}, reason="odd", at=clock.now()
    )


def test_with_nothing_yet_each_part_says_so(viewer: Client) -> None:
    text = text_of(viewer.get(URL))

    for words in ("No symbol is followed", "None of these", "None yet", "never had a lease"):
        assert words in text


def test_a_late_symbol_comes_first_with_its_age_and_what_is_missing(viewer: Client) -> None:
    fine, late = make_watched("BTC/USDT"), make_watched("ETH/USDT", age_s=300)
    start_ms = clock.now_ms() // MINUTE * MINUTE - 60 * MINUTE
    rows = bars([1.0] * 60, start_ms=start_ms, timeframe="1m")
    make_candles(fine, rows, "1m")
    live_features.put_states({fine.pk: make_state(at=clock.now(), trades_cached=321)}, {})

    response = viewer.get(URL)

    first, second = response.context["page"]().object_list
    assert (first.symbol, second.symbol) == (late, fine)
    assert first.missing > 0.9
    assert second.frames[0].behind == 0
    assert "321" in text_of(response)
    assert 'class="heat__most"' in body(response)


def test_a_gap_of_the_day_is_on_the_strip_and_a_filled_one_is_not(viewer: Client) -> None:
    symbol = make_watched()
    start_ms = clock.now_ms() // MINUTE * MINUTE - 2 * MINUTE
    make_candles(symbol, bars([1.0, 1.0], start_ms=start_ms, timeframe="1m"), "1m")
    make_gap(symbol)
    [row] = viewer.get(URL).context["page"]().object_list
    assert 0.02 < row.missing < 0.0215

    FeedGap.objects.update(status=FeedGap.Status.FILLED)
    [row] = viewer.get(URL).context["page"]().object_list
    assert row.missing == 0


def test_cells_are_the_covered_part_of_each_stretch() -> None:
    assert cells_of([(0, 10), (15, 30), (-5, -1), (40, 50)], 0, 40, 4) == [1.0, 0.5, 1.0, 0.0]
    assert cells_of([(0, 40), (0, 40)], 0, 40, 2) == [1.0, 1.0]


def test_a_circuit_tells_its_reason_and_the_next_try(viewer: Client) -> None:
    now = clock.now()
    Circuit.objects.create(
        exchange="binance", state="OPEN", failures=4, last_error="timed out",
        retry_at=now, changed_at=now,
    )  # fmt: skip

    text = text_of(viewer.get(URL))

    assert f"binance open timed out 4 in a row {now:%H:%M:%S}" in text


def test_streams_and_clocks_are_told_per_exchange(viewer: Client, settings: Settings) -> None:
    set_env(settings, exchanges=("binance",))
    make_account()
    values = dict.fromkeys(("messages", "duplicates", "not_understood", "prints_missed"), 0)
    stream = stream_state.FeedStream(
        exchange="binance", at_ms=clock.now_ms(), symbols=10, connections=2, up=1, since_ms=None,
        heard_ms=None, stale=["BTC/USDT"], refused=[], lag_ms=41.6, per_s=12.0, reconnects=3,
        last_error="", **values,
    )  # fmt: skip
    stream_state.put_streams([stream])

    text = text_of(viewer.get(URL))

    assert "1 of 2 up, 10 symbols 1 asked meanwhile: BTC/USDT 42 12.0 3" in text
    assert "main: 0 ms" in text


def test_what_the_dead_feed_said_of_streams_is_not_passed_on_as_now(
    viewer: Client, settings: Settings
) -> None:
    set_env(settings, exchanges=("binance",))
    assert "none: it is asked" in text_of(viewer.get(URL))


def test_an_interruption_is_listed_with_its_length(viewer: Client) -> None:
    now = clock.now()
    FeedInterruption.objects.create(
        exchange="bybit", cause="SILENT", outcome="FILLED", began_at=now - timedelta(minutes=3),
        ended_at=now, symbols=["BTC/USDT"], prints_missed=7, prints_filled=7,
    )  # fmt: skip

    text = text_of(viewer.get(URL))

    assert "bybit nothing was said any more" in text
    assert "3 min every print was made up for 1 symbols 7 7 made up" in text


def test_who_holds_the_lease_and_who_stands_by_is_told(viewer: Client) -> None:
    now = clock.now()
    assert services.claim_lease(holder="one:1", now=now)
    assert not services.claim_lease(holder="two:2", now=now)

    text = text_of(viewer.get(URL))

    assert "Feed at work one:1" in text
    assert "Stands by ready two:2" in text
    FeedLease.objects.update(expires_at=now - timedelta(seconds=1))
    assert "Feed nobody one:1" in text_of(viewer.get(URL))


def test_the_ledger_shows_open_gaps_or_those_asked_for(viewer: Client) -> None:
    symbol = make_watched()
    make_gap(symbol, FeedGap.Status.ABSENT)

    assert "None of these" in text_of(viewer.get(URL))
    assert "absent" in text_of(fragment(viewer, f"{URL}?gaps=ABSENT", "quality"))
    assert "1 absent" in text_of(viewer.get(f"{URL}?gaps=rubbish"))


def test_an_operator_has_a_gap_filled_now(operator: Client) -> None:
    gap = make_gap(make_watched())

    text = text_of(command(operator, f"/data-quality/gaps/{gap.pk}/fill/"))

    job = Job.objects.get()
    assert text == f"Job {job.pk} asks for the candles."
    assert (job.args["from_ms"], job.args["to_ms"]) == (gap.from_ms, gap.to_ms)
    assert command(operator, "/data-quality/gaps/999/fill/").status_code == 404


def test_a_viewer_fills_and_discards_nothing(viewer: Client) -> None:
    gap, letter = make_gap(make_watched()), make_letter()

    page = text_of(viewer.get(URL))

    assert "Fill now" not in page
    assert "Discard" not in page
    assert viewer.post(f"/data-quality/gaps/{gap.pk}/fill/").status_code == 403
    assert viewer.post(f"/dead-letters/{letter.pk}/discard/").status_code == 403


def test_a_letter_is_discarded_once_and_stays_listed(operator: Client) -> None:
    letter = make_letter()
    assert "ticker of binance: odd" in text_of(operator.get(URL))

    for _ in range(2):
        command(operator, f"/dead-letters/{letter.pk}/discard/")

    event = AuditEvent.objects.get(action="dead_letter.discarded")
    assert (event.actor, event.before) == ("operator", {"status": "OPEN"})
    assert "Dropped" in text_of(operator.get("/markets/dead-letters/"))
    assert "ticker of binance" not in text_of(operator.get(URL))
    assert command(operator, "/dead-letters/999/discard/").status_code == 404


def test_what_was_stored_already_is_not_discarded(operator: Client) -> None:
    letter = make_letter()
    command(operator, f"/dead-letters/{letter.pk}/retry/")

    response = command(operator, f"/dead-letters/{letter.pk}/discard/")

    assert response.status_code in {409, 422}
    letter.refresh_from_db()
    assert letter.status == DeadLetter.Status.RETRIED


@pytest.mark.parametrize(
    ("what", "head", "rows"),
    [("symbols", "price_age_s", 1), ("gaps", "found_at", 1), ("interruptions", "cause", 0)],
)
def test_each_table_is_taken_away_as_a_file(
    viewer: Client, what: str, head: str, rows: int
) -> None:
    make_gap(make_watched())

    lines = csv.DictReader(io.StringIO(viewer.get(f"{URL}?csv={what}").content.decode()))

    assert len(list(lines)) == rows
    assert head in (lines.fieldnames or ())
    assert viewer.get(f"{URL}?csv=../etc").status_code == 200


def test_two_hundred_symbols_cost_as_many_queries_as_one(
    viewer: Client, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    values = {"price_tick": "0.01", "qty_step": "0.01", "watched": True, "quote": "USDT"}
    Symbol.objects.bulk_create(
        Symbol(
            exchange="simulated", name=f"T{number}/USDT", base="T", updated_at=clock.now(), **values
        )
        for number in range(200)
    )

    with django_assert_max_num_queries(20):
        response = fragment(viewer, URL, "quality")
    assert is_fragment(response)
    assert "1–50 of 200" in text_of(response)
