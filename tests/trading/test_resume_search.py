"""A stopped search goes on where it was."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.api.factories import make_api
from tests.scenarios.replays import NOW
from tests.trading.test_search import carried, start
from trading import access, services
from trading.errors import SearchNotStopped
from trading.models import AuditEvent, Job

pytestmark = pytest.mark.django_db


def test_a_canceled_search_is_resumed_and_tries_each_combination_once() -> None:
    space = {"fast": {"low": 4, "high": 44, "step": 1}, "slow": {"values": [50]}}
    search = start(space=space)
    assert services.run_search(search_id=search.pk, now=NOW, budget_s=0)
    services.cancel_job(job_id=search.job_id, by=None, now=NOW)
    assert not services.run_search(search_id=search.pk, now=NOW)

    services.resume_search(search=search, by=None, now=NOW + timedelta(hours=1))

    done = carried(search)
    assert (done.tried, done.job.status) == (41, Job.Status.DONE)
    event = AuditEvent.objects.get(action="search.resumed")
    assert event.after == {"tried": 32, "wanted": 41}


def test_a_search_that_failed_may_be_tried_again() -> None:
    search = start()
    Job.objects.filter(pk=search.job_id).update(status=Job.Status.FAILED)

    resumed = services.resume_search(search=search, by=None, now=NOW)

    assert resumed.job.status == Job.Status.QUEUED


def test_a_search_that_runs_or_has_ended_is_not_resumed() -> None:
    search = start()

    with pytest.raises(SearchNotStopped):
        services.resume_search(search=search, by=None, now=NOW)
    carried(search)
    Job.objects.filter(pk=search.job_id).update(status=Job.Status.CANCELED)
    with pytest.raises(SearchNotStopped):
        services.resume_search(search=search, by=None, now=NOW)


def test_programs_resume_by_the_api() -> None:
    search = start()
    Job.objects.filter(pk=search.job_id).update(status=Job.Status.CANCELED)
    services.sync_roles()
    api = make_api(access.OPERATOR)

    resumed = api.post(f"searches/{search.pk}/resume")
    again = api.post(f"searches/{search.pk}/resume")

    assert (resumed.status_code, resumed.json()["job"]["status"]) == (202, "queued")
    assert (again.status_code, again.json()["code"]) == (409, "SEARCH_NOT_STOPPED")
