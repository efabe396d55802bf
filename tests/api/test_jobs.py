"""Jobs and dead letters over HTTP."""

from __future__ import annotations

from config import clock
from marketdata.models import DeadLetter
from tests.api.factories import Api, make_bot, make_ready_bot, make_symbol
from trading.models import AuditEvent

RANGE = {"symbol": "BTCUSDT", "timeframe": "1h", "from": "2024-01-01", "to": "2024-01-02"}


def test_a_job_shows_task_status_progress_and_message(operator: Api) -> None:
    make_symbol()
    job = operator.post("market/backfill", RANGE).json()

    shown = operator.get(f"jobs/{job['id']}").json()

    assert shown == job
    assert (job["task"], job["status"], job["progress"]) == ("market.backfill", "queued", 0)
    assert operator.get("jobs").json()["results"] == [job]


def test_a_job_is_canceled_once(operator: Api) -> None:
    make_symbol()
    job = operator.post("market/backfill", RANGE).json()

    canceled = operator.post(f"jobs/{job['id']}/cancel")
    again = operator.post(f"jobs/{job['id']}/cancel")

    assert canceled.json()["status"] == "canceled"
    assert (again.status_code, again.json()["code"]) == (409, "JOB_NOT_RUNNING")


def test_canceling_the_job_of_a_bot_stops_the_bot(operator: Api) -> None:
    bot = make_ready_bot()
    job = operator.post(f"bots/{bot.pk}/start").json()["job"]

    operator.post(f"jobs/{job['id']}/cancel")

    assert operator.get(f"bots/{bot.pk}").json()["status"] == "stopped"


def test_jobs_filter(operator: Api) -> None:
    bot = make_ready_bot()
    operator.post(f"bots/{bot.pk}/start")

    def count(**params: object) -> int:
        return len(operator.get("jobs", **params).json()["results"])

    assert count(bot=bot.pk) == count(task="bot.run") == count(status="queued") == 1
    assert count(bot=make_bot(name="Other").pk) == count(task="x") == count(status="done") == 0
    assert operator.get("jobs/99").json()["code"] == "JOB_UNKNOWN"


def make_letter() -> DeadLetter:
    return DeadLetter.objects.create(
        kind="candle",
        digest="d" * 32,
        source="simulated",
        payload={"rubbish": True},
        reason="no such candle",
        at=clock.now(),
    )


def test_a_dead_letter_is_listed_with_its_reason(viewer: Api) -> None:
    letter = make_letter()

    (row,) = viewer.get("dead-letters", status="open").json()["results"]

    assert (row["id"], row["reason"], row["payload"]) == (
        letter.pk,
        "no such candle",
        {"rubbish": True},
    )
    assert viewer.get("dead-letters", status="retried").json()["results"] == []
    assert viewer.post(f"dead-letters/{letter.pk}/retry").status_code == 403


def test_a_retry_of_what_stays_wrong_is_refused(operator: Api) -> None:
    letter = make_letter()

    answer = operator.post(f"dead-letters/{letter.pk}/retry")

    assert 400 <= answer.status_code < 500
    assert operator.post("dead-letters/99/retry").status_code == 404
    assert not AuditEvent.objects.filter(action="dead_letter.retried").exists()
