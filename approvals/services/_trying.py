"""A candidate is simulated against the active version, and what that says decides the next step."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from approvals.models import Review, Suggestion
from approvals.services import _people
from approvals.services._review_data import metrics_of
from approvals.services._suggestions import (
    begin_simulating,
    end_simulating,
    suggest_params,
    version_of,
)
from marketdata.queries import resolve_symbol
from trading import queries as trading_queries
from trading.models import Job, Simulation
from trading.services import Plan, start_simulation

State = Suggestion.State
Verdict = Simulation.Verdict
OPEN = (Job.Status.QUEUED, Job.Status.RUNNING)


@dataclass(frozen=True, slots=True)
class Judged:
    """A simulation has ended; `outcome` is set when the review ends with it."""

    outcome: str = ""
    status: str = Job.Status.DONE


def try_candidate(review: Review, *, now: datetime) -> None:
    """Start the simulation of this round's suggestion. Refuses SimulationInvalid, ParamsInvalid."""
    suggestion = _current(review)
    if suggestion is None and review.wanted:
        params = review.wanted[review.round - 1]
        words = f"Try {review.round} of what {review.get_source_display().lower()} wants."
        suggestion = suggest_params(review=review, params=params, rationale=words, now=now)
    with transaction.atomic():
        if suggestion is not None and suggestion.state == State.GATED:
            simulation = start_simulation(
                version=version_of(suggestion),
                baseline=review.base,
                plan=_plan(review),
                by=review.created_by,
                now=now,
            )
            begin_simulating(suggestion=suggestion, simulation=simulation)
        Review.objects.filter(pk=review.pk, step=Review.Step.SIMULATE).update(step=Review.Step.WAIT)


def wait_for_simulation(review: Review, *, now: datetime) -> Judged | None:
    """None while it runs; else what comes of it. Refuses what asking for an approval refuses."""
    suggestion = _current(review)
    if suggestion is None or suggestion.simulation is None:
        return Judged("The suggestion is gone.", Job.Status.FAILED)
    job = suggestion.simulation.job
    if job.status in OPEN:
        return None
    if suggestion.simulation.finished_at is None:
        return Judged(f"The simulation did not end: {job.message}", Job.Status.FAILED)
    end_simulating(suggestion=suggestion, now=now)
    if suggestion.simulation.verdict == Verdict.GREEN:
        return _on_to_people(review, suggestion, now)
    if review.round < review.rounds:
        _next_round(review, suggestion)
        return Judged()
    best = _best_of(review)
    if best is None:
        return Judged("No candidate was good enough.")
    return _on_to_people(review, best, now)


def _on_to_people(review: Review, suggestion: Suggestion, now: datetime) -> Judged:
    _people.ask_for_approval(suggestion=suggestion, by=review.created_by, now=now)
    suggestion.refresh_from_db()
    colour = suggestion.simulation.verdict.lower() if suggestion.simulation else ""
    if suggestion.state == State.PENDING:
        return Judged(f"A {colour} candidate waits for people.")
    return Judged(f"A {colour} candidate was simulated; ask for its approval.")


def _best_of(review: Review) -> Suggestion | None:
    """Of the candidates that are not red the one that scored best."""
    rows = Suggestion.objects.filter(
        review=review, state=State.SIMULATED, simulation__verdict=Verdict.AMBER
    ).select_related("simulation")
    return max(rows, key=_score, default=None)


def _score(suggestion: Suggestion) -> float:
    headline = suggestion.simulation.headline if suggestion.simulation else {}
    return headline.get("candidate", {}).get("composite") or 0.0


def _next_round(review: Review, suggestion: Suggestion) -> None:
    """Feed back what the candidate did in sample; of the rest only that it was not enough."""
    told: list[dict[str, object]] = list(review.facts.get("rounds", []))
    if suggestion.simulation is not None:
        report = trading_queries.report_of(suggestion.simulation)
        told.append(
            {
                "round": review.round,
                "deltas": suggestion.deltas,
                "metrics": metrics_of(report["candidate"]["metrics"]["in_sample"]),
                "good_enough": False,
            }
        )
    Review.objects.filter(pk=review.pk, step=Review.Step.WAIT, round=review.round).update(
        facts={**review.facts, "rounds": told},
        round=review.round + 1,
        asked=0,
        step=Review.Step.SIMULATE if review.wanted else Review.Step.ASK,
    )


def _current(review: Review) -> Suggestion | None:
    return (
        Suggestion.objects.filter(review=review, round=review.round)
        .exclude(state=State.REFUSED)
        .select_related("simulation__job", "version__strategy")
        .first()
    )


def _plan(review: Review) -> Plan:
    """Candidate and baseline on the same candles, with the same costs."""
    return Plan(
        symbols=[resolve_symbol(name) for name in review.symbols],
        timeframe=review.timeframe,
        from_ms=review.from_ms,
        to_ms=review.to_ms,
        knobs=review.knobs,
        starting_cash=review.starting_cash,
        oos_share=review.oos_share,
        seed=review.seed,
    )
