"""Long work: how far it is, and an end to it."""

from __future__ import annotations

from django.test import Client

from tests.console.pages import body, command, text_of
from tests.trading.factories import NOW, make_replay
from trading.models import Job


def make_job(status: str = Job.Status.RUNNING) -> Job:
    return Job.objects.create(
        task="market.backfill",
        status=status,
        progress=40,
        message="page 4",
        created_at=NOW,
        updated_at=NOW,
    )


def test_a_job_shows_how_far_it_is(viewer: Client) -> None:
    job = make_job()

    response = viewer.get("/jobs/")

    assert "Download history Running 40 % page 4" in text_of(response)
    assert f'job-id="{job.pk}"' in body(response)


def test_an_operator_cancels_a_job(operator: Client) -> None:
    job = make_job()

    response = command(operator, f"/jobs/{job.pk}/cancel/")

    job.refresh_from_db()
    assert job.status == Job.Status.CANCELED
    assert text_of(response) == "The job is canceled."


def test_cancelling_a_bot_s_job_stops_the_bot(operator: Client) -> None:
    bot = make_replay([100, 101])

    command(operator, f"/jobs/{bot.jobs.get().pk}/cancel/")

    bot.refresh_from_db()
    assert not bot.is_running


def test_a_job_that_has_ended_can_not_be_cancelled(operator: Client) -> None:
    job = make_job(Job.Status.DONE)

    assert command(operator, f"/jobs/{job.pk}/cancel/").status_code == 409
    assert f"/jobs/{job.pk}/cancel/" not in body(operator.get("/jobs/"))


def test_jobs_are_filtered_by_status(viewer: Client) -> None:
    make_job(Job.Status.FAILED)

    assert "page 4" in text_of(viewer.get("/jobs/?status=FAILED"))
    assert "page 4" not in text_of(viewer.get("/jobs/?status=DONE"))
