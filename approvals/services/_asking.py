"""One suggestion from whoever a review asks: the model, or the advisor's own rules."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import F

from approvals.advisor import gate, rules
from approvals.advisor.gate import GateRefused, Proposal
from approvals.advisor.prompts import REVIEW
from approvals.models import LlmCall, Review, Source, Suggestion
from approvals.services import _llm
from approvals.services._calls import PASSED, Asked, Clock, ask_model
from approvals.services._review_data import ground, seen_by_rules
from approvals.services._suggestions import refuse_suggestion, suggest
from trading.models import Job

MOST_ASKED = 2  # of one round: a lost answer is asked for once more
MOST_REFUSED = 2  # of one review: an answer's fault is told back once
FAULTS = frozenset(gate.Refused) | {"MODEL_REFUSED", "MODEL_OTHER", "CUT_SHORT", "FORMAT", "EMPTY"}


@dataclass(frozen=True, slots=True)
class Made:
    """A suggestion, or neither: then it may be asked again, unless `ended` says why not."""

    suggestion: Suggestion | None = None
    ended: str = ""
    status: str = Job.Status.DONE


def ask(review: Review, *, now: datetime, later: Clock) -> Made:
    """Ask once and keep what came. Refuses what `ask_model` refuses."""
    existing = Suggestion.objects.filter(review=review, round=review.round).exclude(
        state=Suggestion.State.REFUSED
    )
    if found := existing.first():
        return Made(found)  # whoever made it was killed before it could say so
    if review.source == Source.RULES:
        return _by_rules(review, now)
    return _by_model(review, later)


def _by_model(review: Review, later: Clock) -> Made:
    # Counted before it is asked: a process that dies while it waits has asked too.
    counted = Review.objects.filter(pk=review.pk, asked__lt=MOST_ASKED)
    if not counted.update(asked=F("asked") + 1):
        return Made(ended="The model gave no usable answer.", status=Job.Status.FAILED)
    where = ground(review, later())  # before anything is sent: a call that is paid is archived
    passed: list[Proposal] = []

    def judge(text: str) -> tuple[str, str]:
        try:
            content = text.encode("utf-8", "surrogatepass")
            passed.append(gate.check(content, where))
        except GateRefused as refusal:
            return str(refusal.code), refusal.reason
        return PASSED, ""

    call, _ = ask_model(_asked(review), judge=judge, later=later)
    if passed:
        return Made(suggest(review=review, proposal=passed[0], call=call, now=later()))
    return _refused(review, call, later())


def _asked(review: Review) -> Asked:
    with_ = _llm.setup()
    return Asked(
        purpose=LlmCall.Purpose.REVIEW,
        question=REVIEW.question(
            _data(review), max_tokens=with_.max_tokens, temperature=with_.temperature
        ),
        template=REVIEW.name,
        template_sha256=REVIEW.sha256,
        asked_by=review.created_by.get_username() if review.created_by else "nobody",
        subject=f"review:{review.pk}",
        inputs=_inputs(review),
    )


def _refused(review: Review, call: LlmCall, now: datetime) -> Made:
    if call.verdict not in FAULTS:
        what = f"The model did not answer: {call.reason}"
        return Made(ended=what, status=Job.Status.FAILED)
    refuse_suggestion(review=review, code=call.verdict, reason=call.reason, call=call, now=now)
    refused = Suggestion.objects.filter(review=review, state=Suggestion.State.REFUSED)
    if refused.count() >= MOST_REFUSED:
        return Made(ended=f"Refused twice, last for {call.verdict}: {call.reason}")
    return Made()


def _data(review: Review) -> dict[str, Any]:
    """What was measured, earlier rounds, and the fault of the last answer if there was one."""
    last = Suggestion.objects.filter(review=review).order_by("-pk").first()
    told = dict(review.facts)
    if last is not None and last.state == Suggestion.State.REFUSED:
        told["refused"] = {"code": last.refused_code, "reason": last.refused_reason}
    return told


def _inputs(review: Review) -> Mapping[str, Any]:
    return {
        "review": review.pk,
        "round": review.round,
        "base": {"version": review.base.number, "params": review.base.params_hash},
        "code": review.base.code_hash,
        "symbols": review.symbols,
        "timeframe": review.timeframe,
        "from_ms": review.from_ms,
        "to_ms": review.to_ms,
        "oos_share": review.oos_share,
        "metrics": review.facts.get("metrics", {}),
    }


def _by_rules(review: Review, now: datetime) -> Made:
    """The most urgent idea that this review has not tried; it passes the same gate."""
    seen = seen_by_rules(review)
    tried = Suggestion.objects.filter(review=review).count()
    for idea in rules.ideas(seen)[tried:]:
        told = rules.answer(idea, base_version=review.base.number, bounds=seen.bounds)
        try:
            proposal = gate.check(json.dumps(told).encode(), ground(review, now))
        except GateRefused as refusal:
            refuse_suggestion(
                review=review, code=str(refusal.code), reason=refusal.reason, call=None, now=now
            )
            continue
        return Made(suggest(review=review, proposal=proposal, call=None, now=now))
    return Made(ended="The rules find nothing more to change.")
