"""Jobs: long work in slices that a person can watch and cancel."""

from __future__ import annotations

from datetime import timedelta

import pytest

from config import clock
from marketdata import store
from marketdata.exchanges import exchange_for
from marketdata.models import Circuit, Symbol
from marketdata.services import sync_symbols
from tests.trading.factories import BAR_MS, NOW, later, make_replay, make_symbol, make_user, run
from trading import services
from trading.errors import BotInvalid, JobNotRunning, JobUnknown
from trading.models import AuditEvent, Job
from trading.services import _jobs

pytestmark = pytest.mark.django_db

TO = clock.to_ms(NOW)


@pytest.fixture
def simulated() -> Symbol:
    sync_symbols(exchange=exchange_for("simulated"), now=NOW)
    return Symbol.objects.filter(exchange="simulated")[0]


def backfill(symbol: Symbol, candles: int = 10) -> Job:
    return services.start_backfill(
        symbol=symbol,
        timeframe="5m",
        from_ms=TO - candles * BAR_MS,
        to_ms=TO,
        by=make_user(),
        now=NOW,
    )


def test_a_backfill_stores_its_candles_and_is_done(simulated: Symbol) -> None:
    job = backfill(simulated)

    assert not services.run_job(job_id=job.pk, now=NOW)

    job.refresh_from_db()
    assert (job.status, job.progress) == (Job.Status.DONE, 100)
    assert len(store.candle_rows(simulated.pk, "5m", from_ms=TO - 10 * BAR_MS)) == 10
    assert not services.run_job(job_id=job.pk, now=NOW)


@pytest.mark.parametrize(("first", "last"), [(5, 5), (5, 4), (0, 2_000_001 * BAR_MS)])
def test_a_range_that_is_empty_or_too_long_is_refused(first: int, last: int) -> None:
    with pytest.raises(BotInvalid):
        services.start_backfill(
            symbol=make_symbol(), timeframe="5m", from_ms=first, to_ms=last, by=None, now=NOW
        )

    assert not Job.objects.exists()


def test_a_job_that_fails_says_why_and_harms_nobody() -> None:
    job = backfill(make_symbol(exchange="nowhere"))

    assert not services.run_job(job_id=job.pk, now=NOW)

    job.refresh_from_db()
    assert job.status == Job.Status.FAILED
    assert "nowhere" in job.message


def test_a_canceled_job_does_nothing_more(simulated: Symbol) -> None:
    job = backfill(simulated)

    services.cancel_job(job_id=job.pk, by=make_user(), now=NOW)

    assert not services.run_job(job_id=job.pk, now=NOW)
    job.refresh_from_db()
    assert job.status == Job.Status.CANCELED
    assert store.latest_open_ms(simulated.pk, "5m") is None
    assert AuditEvent.objects.filter(action="job.canceled").count() == 1
    with pytest.raises(JobNotRunning):
        services.cancel_job(job_id=job.pk, by=None, now=NOW)


def test_progress_of_an_ended_job_is_not_written(simulated: Symbol) -> None:
    job = backfill(simulated)
    services.cancel_job(job_id=job.pk, by=None, now=NOW)

    assert not _jobs.update_job(job=job, status="RUNNING", progress=50, message="", now=NOW)

    job.refresh_from_db()
    assert (job.status, job.progress) == (Job.Status.CANCELED, 0)


def test_a_job_that_is_not_there_is_unknown() -> None:
    with pytest.raises(JobUnknown):
        services.cancel_job(job_id=1, by=None, now=NOW)
    assert not services.run_job(job_id=1, now=NOW)


def test_the_job_of_a_replay_shows_how_far_it_is() -> None:
    bot = make_replay([100.0] * 120, speed=60)

    services.run_bot(bot_id=bot.pk, now=later(300))

    job = Job.objects.get(bot=bot)
    assert (job.status, job.progress, job.message) == (Job.Status.RUNNING, 50, "Replaying")
    run(bot, now=later(601))
    job.refresh_from_db()
    assert (job.status, job.progress) == (Job.Status.DONE, 100)


def test_a_backfill_waits_for_an_exchange_that_is_away() -> None:
    job = backfill(make_symbol(exchange="binance"))
    Circuit.objects.create(
        exchange="binance",
        state=Circuit.State.OPEN,
        retry_at=clock.now() + timedelta(minutes=5),
        changed_at=NOW,
    )

    assert not services.run_job(job_id=job.pk, now=NOW)

    job.refresh_from_db()
    assert job.status == Job.Status.RUNNING
    assert "Waiting for the exchange" in job.message
    assert services.tick(process="beat", now=NOW + timedelta(seconds=61)).jobs == [job.pk]
