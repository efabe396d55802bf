"""Reads of advice: calls, spend, reviews, suggestions, what came of them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.db.models import Count, QuerySet

from approvals.errors import LlmCallUnknown, ReviewUnknown, SuggestionUnknown
from approvals.models import (
    LlmCall,
    LlmCircuit,
    LlmMonth,
    LlmReservation,
    Review,
    Shadow,
    Suggestion,
)

State = Suggestion.State
AI_ACTIONS = ("llm.", "review.", "suggestion.")
ACCEPTED = (State.APPROVED,)
TURNED_DOWN = (State.REJECTED, State.EXPIRED)
MONTHS = 6
MOST_MEASURED = 60


@dataclass(frozen=True, slots=True)
class Health:
    """Whether a model can be asked now. `state`: off, unpriced, ready, left_alone."""

    state: str
    enabled: bool
    provider: str
    model: str
    circuit: str
    failures: int
    retry_at: datetime | None
    last_error: str
    last_ok_at: datetime | None
    last_ok_ms: int | None  # how long that call took


@dataclass(frozen=True, slots=True)
class Spend:
    """The month's money in US dollars; None for a price that nobody said."""

    month: str
    spent: Decimal
    budget: Decimal
    left: Decimal
    per_call: Decimal
    price_in: Decimal | None
    price_out: Decimal | None
    held: Decimal  # put aside by calls that have not come back
    held_calls: int
    calls: int
    failed_calls: int

    @property
    def share(self) -> float | None:
        """Of the budget; None when there is none."""
        return float(self.spent / self.budget) if self.budget else None


@dataclass(frozen=True, slots=True)
class Record:
    """What people made of suggestions, and what that was worth in shadow simulations."""

    made: int
    refused: int
    waiting: int
    approved: int
    rejected: int
    expired: int
    approved_edge: float | None  # mean return of candidate less base since the decision
    approved_measured: int
    rejected_edge: float | None
    rejected_measured: int

    @property
    def decided(self) -> int:
        """What people decided or let expire."""
        return self.approved + self.rejected + self.expired

    @property
    def acceptance(self) -> float | None:
        """Approved of all decided; None for none."""
        return self.approved / self.decided if self.decided else None


@dataclass(frozen=True, slots=True)
class ModelSpend:
    """One model's calls of a month; tokens are those that were told, money in US dollars."""

    provider: str
    model: str
    calls: int
    failed: int
    tokens_in: int
    tokens_out: int
    cost: Decimal


def health() -> Health:
    """From what is known; asks nobody."""
    env = settings.ENV
    row = LlmCircuit.objects.filter(pk=env.llm_provider).first()
    good = LlmCall.objects.filter(provider=env.llm_provider, http_status=200).first()
    return Health(
        state=_state(row),
        enabled=env.llm_enabled,
        provider=env.llm_provider,
        model=env.llm_model,
        circuit=row.state.lower() if row else "closed",
        failures=row.failures if row else 0,
        retry_at=row.retry_at if row else None,
        last_error=row.last_error if row and row.failures else "",
        last_ok_at=good.at if good else None,
        last_ok_ms=good.latency_ms if good else None,
    )


def _state(row: LlmCircuit | None) -> str:
    env = settings.ENV
    if not env.llm_enabled or not env.llm_model:
        return "off"
    if env.llm_price_in is None or env.llm_price_out is None:
        return "unpriced"
    return "left_alone" if row and row.state != LlmCircuit.State.CLOSED else "ready"


def spend(now: datetime) -> Spend:
    """Of the month that `now` is in."""
    env = settings.ENV
    month = f"{now:%Y-%m}"
    row = LlmMonth.objects.filter(month=month).first()
    held = LlmReservation.objects.filter(month__month=month, state=LlmReservation.State.HELD)
    amounts = list(held.values_list("amount", flat=True))
    calls = LlmCall.objects.filter(reservation__month__month=month)
    spent = row.spent if row else Decimal(0)
    return Spend(
        month=month,
        spent=spent,
        budget=env.llm_monthly_budget,
        left=max(env.llm_monthly_budget - spent, Decimal(0)),
        per_call=env.llm_call_budget,
        price_in=env.llm_price_in,
        price_out=env.llm_price_out,
        held=sum(amounts, Decimal(0)),
        held_calls=len(amounts),
        calls=calls.count(),
        failed_calls=calls.exclude(verdict="PASSED").count(),
    )


def spend_by_model(now: datetime) -> list[ModelSpend]:
    """Of the month that `now` is in, the dearest first; with what is held it adds up to `spent`."""
    calls = LlmCall.objects.filter(reservation__month__month=f"{now:%Y-%m}")
    found: dict[tuple[str, str], ModelSpend] = {}
    for call in calls.only("provider", "model", "verdict", "tokens_in", "tokens_out", "cost"):
        key = (call.provider, call.model)
        before = found.get(key) or ModelSpend(*key, 0, 0, 0, 0, Decimal(0))
        found[key] = ModelSpend(
            *key,
            before.calls + 1,
            before.failed + (not call.passed),
            before.tokens_in + (call.tokens_in or 0),
            before.tokens_out + (call.tokens_out or 0),
            before.cost + call.cost,
        )
    return sorted(found.values(), key=lambda each: (-each.cost, each.provider, each.model))


def months() -> list[LlmMonth]:
    """The last ones, newest first."""
    return list(LlmMonth.objects.all()[:MONTHS])


def lost_calls() -> QuerySet[LlmReservation]:
    """Money put aside by calls that have not come back."""
    rows = LlmReservation.objects.filter(state=LlmReservation.State.HELD)
    return rows.select_related("month")


def track_record(strategy_id: int | None = None) -> Record:
    """Over all suggestions, or those of one strategy."""
    rows = Suggestion.objects.all()
    if strategy_id is not None:
        rows = rows.filter(strategy_id=strategy_id)
    counts = dict(rows.order_by().values_list("state").annotate(Count("pk")))
    approved, rejected = _edge(rows, ACCEPTED), _edge(rows, TURNED_DOWN)
    return Record(
        made=sum(counts.values()) - counts.get(State.REFUSED, 0),
        refused=counts.get(State.REFUSED, 0),
        waiting=counts.get(State.PENDING, 0),
        approved=counts.get(State.APPROVED, 0),
        rejected=counts.get(State.REJECTED, 0),
        expired=counts.get(State.EXPIRED, 0),
        approved_edge=approved[0],
        approved_measured=approved[1],
        rejected_edge=rejected[0],
        rejected_measured=rejected[1],
    )


def _edge(rows: QuerySet[Suggestion], states: tuple[str, ...]) -> tuple[float | None, int]:
    shadows = Shadow.objects.filter(suggestion__in=rows.filter(state__in=states))
    edges = [one.edge for one in shadows]
    return (sum(edges) / len(edges) if edges else None), len(edges)


def measured_decisions() -> list[Shadow]:
    """Decided suggestions that were simulated since, the newest decision last."""
    rows = Shadow.objects.filter(suggestion__state__in=(*ACCEPTED, *TURNED_DOWN))
    rows = rows.select_related("suggestion__strategy", "suggestion__base", "suggestion__version")
    newest = rows.order_by("-suggestion__decided_at", "-pk")[:MOST_MEASURED]
    return list(newest)[::-1]


def calls() -> QuerySet[LlmCall]:
    """Newest first."""
    return LlmCall.objects.select_related("reservation__month").order_by("-id")


def call(call_id: int) -> LlmCall:
    """One call, or LlmCallUnknown."""
    found = calls().filter(pk=call_id).first()
    if found is None:
        raise LlmCallUnknown(f"There is no call {call_id}.")
    return found


def reviews() -> QuerySet[Review]:
    """Newest first, with what lists show."""
    return Review.objects.select_related("job", "strategy", "base", "created_by").order_by("-id")


def review(review_id: int) -> Review:
    """One review, or ReviewUnknown."""
    found = reviews().filter(pk=review_id).first()
    if found is None:
        raise ReviewUnknown(f"There is no review {review_id}.")
    return found


def suggestions() -> QuerySet[Suggestion]:
    """Newest first, with what lists show."""
    return Suggestion.objects.select_related(
        "strategy",
        "base",
        "version",
        "simulation__job",
        "call",
        "review__job",
        "created_by",
        "shadow",
    ).order_by("-id")


def suggestion(suggestion_id: int) -> Suggestion:
    """One suggestion, or SuggestionUnknown."""
    found = suggestions().filter(pk=suggestion_id).first()
    if found is None:
        raise SuggestionUnknown(f"There is no suggestion {suggestion_id}.")
    return found


def texts_of(row: Suggestion) -> list[dict[str, Any]]:
    """The suggestion's texts, each cut at its claims: [{"field", "parts": [(text, mark)]}].

    A mark is "" for plain text, "good" for a number that a stored value supports, "bad" else.
    """
    told = {"rationale": row.rationale, "expected_effect": row.expected_effect}
    told |= {f"risks.{number}": text for number, text in enumerate(row.risks)}
    return [
        {"field": field, "parts": _parts(text, [c for c in row.claims if c["field"] == field])}
        for field, text in told.items()
        if text
    ]


def _parts(text: str, claims: list[dict[str, Any]]) -> list[tuple[str, str, str]]:
    parts, place = [], 0
    for claim in sorted(claims, key=lambda one: one["start"]):
        if claim["start"] < place:
            continue
        parts.append((text[place : claim["start"]], "", ""))
        mark = "good" if claim["by"] else "bad"
        parts.append((text[claim["start"] : claim["end"]], mark, claim["by"]))
        place = claim["end"]
    parts.append((text[place:], "", ""))
    return [part for part in parts if part[0]]
