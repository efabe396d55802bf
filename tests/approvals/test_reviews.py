"""The loop: asked, checked, simulated, again or on to people; killed and canceled anywhere."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError, transaction

from approvals import services
from approvals.models import LlmReservation, Review, Source, Suggestion
from tests.approvals.factories import make_person, with_model
from tests.approvals.model_server import model_server
from tests.approvals.reviewing import GOOD, STRATEGY, answer, carry, only, start, states, step
from tests.scenarios.replays import NOW
from tests.trading.simulating import searched
from trading.models import AuditEvent, Job, Simulation
from trading.services import cancel_job

pytestmark = pytest.mark.django_db


def test_a_suggestion_becomes_a_candidate_that_is_simulated_against_the_active_version(
    settings: Any,
) -> None:
    with model_server(text=answer(*GOOD)) as server:
        with_model(settings, server)
        review = carry(start(by=make_person("operator"), rounds=1))

    row = only(review)
    assert row.simulation is not None
    assert row.version is not None
    assert row.version.params["fast"] == 6
    assert row.simulation.baseline == review.base
    assert row.simulation.oos_share == review.oos_share == 0.3
    assert row.simulation.verdict in Simulation.Verdict
    assert row.call is not None
    assert row.call.asked_by == row.created_by.get_username() if row.created_by else False
    assert review.job.status == Job.Status.DONE
    assert review.outcome


@pytest.mark.parametrize("behaviour", [{"pause_s": 1.5}, {"status": 500}, {"cut_at": 9}])
def test_a_model_that_does_not_answer_ends_the_review_and_says_so(
    settings: Any, behaviour: dict[str, Any]
) -> None:
    with model_server(**behaviour) as server:
        with_model(settings, server, llm_timeout_s=1.0)
        review = carry(start())

    assert review.job.status == Job.Status.FAILED
    assert review.outcome.startswith("The model did not answer")
    assert len(server.asked) == 1
    assert states(review) == []


def test_a_killed_review_is_taken_up_where_it_was_and_asks_at_most_twice(settings: Any) -> None:
    class Killed(BaseException):
        pass

    def die() -> Any:
        raise Killed

    with model_server(text=answer(*GOOD)) as server:
        with_model(settings, server)
        review = start(rounds=1)
        assert services.advance_reviews(now=NOW, later=lambda: NOW)  # measured
        times = iter([NOW, NOW])
        with pytest.raises(Killed):
            services.advance_reviews(now=NOW, later=lambda: next(times, None) or die())
        assert not services.advance_reviews(now=NOW + timedelta(seconds=60), later=lambda: NOW)
        review.refresh_from_db()
        review = carry(review)

    assert len(server.asked) == 2
    assert LlmReservation.objects.filter(state=LlmReservation.State.HELD).count() == 1
    assert states(review) != []
    assert review.job.status == Job.Status.DONE


def test_a_review_that_always_dies_while_asking_ends(settings: Any) -> None:
    with model_server(text=answer(*GOOD)) as server:
        with_model(settings, server)
        review = start()
        services.advance_reviews(now=NOW, later=lambda: NOW)
        Review.objects.filter(pk=review.pk).update(asked=2)
        review = carry(review)

    assert server.asked == []
    assert review.job.status == Job.Status.FAILED


def test_a_canceled_review_stops_and_its_candidate_goes_nowhere(settings: Any) -> None:
    with model_server(text=answer(*GOOD)) as server:
        with_model(settings, server)
        review = start()
        at = NOW
        while review.step != Review.Step.WAIT:
            step(review)
            at += timedelta(seconds=2)
            review.refresh_from_db()
        cancel_job(job_id=review.job_id, by=None, now=at)
        review = carry(review)

    row = only(review)
    assert (row.state, review.outcome) == (Suggestion.State.WITHDRAWN, "Canceled")
    assert row.simulation is not None
    assert row.simulation.job.status == Job.Status.CANCELED


def test_two_workers_never_take_the_same_step(settings: Any) -> None:
    with model_server(text=answer(*GOOD)) as server:
        with_model(settings, server)
        start()
        Review.objects.update(due_at=NOW + timedelta(seconds=120))  # claimed by another
        assert not services.advance_reviews(now=NOW, later=lambda: NOW)


def test_no_suggestion_reaches_people_without_a_finished_simulation(settings: Any) -> None:
    with model_server(text=answer(*GOOD)) as server:
        with_model(settings, server)
        review = start()
        for _ in range(2):
            services.advance_reviews(now=NOW, later=lambda: NOW)

    row = only(review)
    assert row.state == Suggestion.State.GATED
    assert not services.put_before_people(suggestion_id=row.pk)
    with pytest.raises(IntegrityError), transaction.atomic():
        Suggestion.objects.filter(pk=row.pk).update(state=Suggestion.State.PENDING)


def test_the_rules_need_no_model(settings: Any) -> None:
    review = carry(start(by=make_person("operator"), source=Source.RULES, rounds=1))

    row = only(review)
    assert row.source == Source.RULES
    assert row.call is None
    assert row.simulation is not None
    made = AuditEvent.objects.get(action="suggestion.made")
    assert (made.actor, made.actor_kind) == ("ai:rules", "ai")


def test_the_rules_try_something_else_in_each_round() -> None:
    review = carry(start(source=Source.RULES, rounds=3))

    tried = [row.deltas for row in Suggestion.objects.filter(review=review)]
    assert len(tried) == len({str(each) for each in tried})
    assert review.job.status == Job.Status.DONE


def test_what_the_optimiser_found_goes_the_same_way() -> None:
    search = searched()
    review = services.start_review(
        strategy=STRATEGY,
        asked={"source": Source.OPTIMISER, "search_id": search.pk, "rounds": 1},
        by=None,
        now=NOW,
    )
    review = carry(review)

    row = only(review)
    assert row.version is not None
    assert row.version.params == search.best[0]["params"]
    assert row.simulation is not None
    assert row.simulation.from_ms == search.from_ms


def test_a_persons_parameters_go_the_same_way() -> None:
    review = carry(start(source=Source.PERSON, params={"fast": 8, "slow": 21}))

    assert only(review).simulation is not None


def test_a_candidate_of_a_review_that_failed_is_withdrawn(settings: Any) -> None:
    review = start(source=Source.PERSON, params={"fast": 6})
    step(review)
    simulation = Simulation.objects.get()
    Job.objects.filter(pk=simulation.job_id).update(status=Job.Status.FAILED, message="no disk")
    review.refresh_from_db()

    review = carry(review)

    assert review.outcome == "The simulation did not end: no disk"
    assert only(review).state == Suggestion.State.WITHDRAWN


def test_every_step_is_in_the_audit_log(settings: Any) -> None:
    with model_server(text=answer(*GOOD)) as server:
        with_model(settings, server)
        carry(start(by=make_person("operator"), rounds=1))

    actions = list(AuditEvent.objects.order_by("seq").values_list("action", flat=True))
    wanted = ["review.started", "llm.called", "suggestion.made", "simulation.started"]
    wanted += ["simulation.finished", "suggestion.simulated", "review.finished"]
    assert [each for each in actions if each in wanted] == wanted
