"""Suggestions: made, refused, simulated, and what becomes of them. They change nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any

from django.contrib.auth.models import User
from django.db import transaction

from approvals.advisor import facts
from approvals.advisor.gate import Delta, Proposal
from approvals.models import LlmCall, Review, Source, Suggestion
from strategies.models import StrategyVersion
from trading.models import Simulation
from trading.services import create_version, record

State = Suggestion.State
ENDED = (State.APPROVED, State.REJECTED, State.EXPIRED, State.WITHDRAWN, State.SUPERSEDED)


def suggest(
    *, review: Review, proposal: Proposal, call: LlmCall | None, now: datetime
) -> Suggestion:
    """What passed the gate, as a candidate version that is to be simulated."""
    texts = {
        "rationale": proposal.rationale,
        "expected_effect": proposal.expected_effect,
        **{f"risks.{number}": text for number, text in enumerate(proposal.risks)},
    }
    known = facts.facts_of(review.facts, proposal.deltas)
    claims = facts.checked(texts, known, facts.tokens_of(review.facts))
    params = {**review.base.params, **{one.param: one.after for one in proposal.deltas}}
    return _made(
        review,
        params,
        now=now,
        call=call,
        deltas=[_step(one) for one in proposal.deltas],
        rationale=proposal.rationale,
        confidence=proposal.confidence,
        risks=list(proposal.risks),
        expected_effect=proposal.expected_effect,
        claims=claims,
    )


def suggest_params(
    *, review: Review, params: Mapping[str, Any], rationale: str, now: datetime
) -> Suggestion:
    """Whole parameters of the optimiser or a person: inside the bounds, however far the step.

    Refuses ParamsInvalid.
    """
    base = review.base.params
    steps = [
        {"param": name, "from": base.get(name), "to": value}
        for name, value in params.items()
        if base.get(name) != value
    ]
    return _made(review, params, now=now, call=None, deltas=steps, rationale=rationale)


def _made(
    review: Review, params: Mapping[str, Any], *, now: datetime, call: LlmCall | None, **texts: Any
) -> Suggestion:
    with transaction.atomic():
        version = create_version(
            strategy_name=review.strategy.name,
            params=params,
            note=f"Review {review.pk}, round {review.round}",
            by=review.created_by,
            now=now,
        )
        row = Suggestion.objects.create(
            **_of_review(review, now), state=State.GATED, version=version, call=call, **texts
        )
        record(
            action="suggestion.made",
            subject=f"suggestion:{row.pk}",
            by=_author(review),
            now=now,
            after={
                "review": review.pk,
                "round": row.round,
                "deltas": row.deltas,
                "version": str(version),
                "unsupported": row.unsupported,
                "call": call.pk if call else None,
            },
        )
    return row


def _of_review(review: Review, now: datetime) -> dict[str, Any]:
    return {
        "strategy": review.strategy,
        "base": review.base,
        "review": review,
        "source": review.source,
        "round": review.round,
        "parent": _parent(review),
        "created_by": review.created_by,
        "created_at": now,
    }


def refuse_suggestion(
    *, review: Review, code: str, reason: str, call: LlmCall | None, now: datetime
) -> Suggestion:
    """An answer that the gate did not let pass, kept with why."""
    with transaction.atomic():
        row = Suggestion.objects.create(
            **_of_review(review, now),
            state=State.REFUSED,
            refused_code=code,
            refused_reason=reason[:200],
            call=call,
        )
        record(
            action="suggestion.refused",
            subject=f"suggestion:{row.pk}",
            by=_author(review),
            now=now,
            after={"review": review.pk, "code": code, "call": call.pk if call else None},
            reason=reason,
        )
    return row


def begin_simulating(*, suggestion: Suggestion, simulation: Simulation) -> bool:
    """Once."""
    return bool(
        Suggestion.objects.filter(pk=suggestion.pk, state=State.GATED).update(
            state=State.SIMULATING, simulation=simulation
        )
    )


def end_simulating(*, suggestion: Suggestion, now: datetime) -> bool:
    """Once: its simulation has a verdict."""
    with transaction.atomic():
        rows = Suggestion.objects.filter(
            pk=suggestion.pk,
            state=State.SIMULATING,
            simulation__finished_at__isnull=False,
        )
        changed = rows.update(state=State.SIMULATED)
        suggestion.refresh_from_db()
        if changed and suggestion.simulation is not None:
            record(
                action="suggestion.simulated",
                subject=f"suggestion:{suggestion.pk}",
                by=None,
                now=now,
                after={
                    "simulation": suggestion.simulation.pk,
                    "verdict": suggestion.simulation.verdict,
                    "report": suggestion.simulation.report_hash,
                },
            )
    return bool(changed)


def put_before_people(*, suggestion_id: int) -> bool:
    """Its approval has been asked for, in the caller's transaction."""
    return bool(
        Suggestion.objects.filter(pk=suggestion_id, state=State.SIMULATED).update(
            state=State.PENDING
        )
    )


def follow_decision(*, suggestion_id: int, state: str, now: datetime) -> bool:
    """What became of its approval, in the caller's transaction; whether that was news."""
    assert state in ENDED  # noqa: S101  # by the caller's own table
    return bool(
        Suggestion.objects.filter(pk=suggestion_id, state=State.PENDING).update(
            state=state, decided_at=now
        )
    )


def withdraw_suggestions(*, review: Review, now: datetime) -> None:
    """Those of a review that did not come to its end, and that have no verdict."""
    Suggestion.objects.filter(review=review, state__in=(State.GATED, State.SIMULATING)).update(
        state=State.WITHDRAWN, decided_at=now
    )


def _parent(review: Review) -> Suggestion | None:
    return Suggestion.objects.filter(review=review).order_by("-pk").first()


def _author(review: Review) -> User | str | None:
    """A model and the advisor's rules are no people."""
    if review.source == Source.LLM:
        return "ai:model"
    if review.source == Source.RULES:
        return "ai:rules"
    return "ai:optimiser" if review.source == Source.OPTIMISER else review.created_by


def _step(delta: Delta) -> dict[str, Any]:
    told = asdict(delta)
    return {"param": told["param"], "from": told["before"], "to": told["after"]}


def version_of(suggestion: Suggestion) -> StrategyVersion:
    """The candidate; a refused suggestion has none."""
    assert suggestion.version is not None  # noqa: S101  # by the table's constraint
    return suggestion.version
