"""The AI log's money and what decisions were worth, against numbers made by hand."""

from __future__ import annotations

import uuid
from datetime import timedelta
from decimal import Decimal as D
from typing import Any

import pytest
from django.test import Client

from approvals import ai_queries, services
from approvals.models import LlmCall, LlmMonth, LlmReservation, Review, Shadow, Suggestion
from config import clock
from tests.approvals.asking import make_table
from tests.approvals.factories import make_advice, make_person
from tests.trading.factories import (
    BAR_MS,
    FREE_KNOBS,
    MIDNIGHT_MS,
    bars,
    make_candles,
    make_symbol,
    make_version,
)
from trading.models import Simulation
from trading.pictures import columns
from trading.services._knobs import checked_knobs

pytestmark = pytest.mark.django_db
BARS = 3_000
DECIDED = 2_900  # bars before the decision; a hundred follow


def make_call(month: str, cost: str, **given: Any) -> LlmCall:
    """A settled call of a month."""
    row, _ = LlmMonth.objects.get_or_create(month=month)
    LlmMonth.objects.filter(pk=row.pk).update(spent=LlmMonth.objects.get(pk=row.pk).spent + D(cost))
    at = clock.now()
    held = LlmReservation.objects.create(
        month=row, state="SETTLED", amount=1, cost=D(cost), purpose="REVIEW", at=at
    )
    fields: dict[str, Any] = {"provider": "openai", "model": "acme-1", "verdict": "PASSED", **given}
    call = LlmCall(
        key=uuid.uuid4(),
        reservation=held,
        at=at,
        purpose="REVIEW",
        asked_by="ai:model",
        base_url="http://127.0.0.1",
        params={},
        latency_ms=7,
        cost=D(cost),
        cost_basis="USAGE",
        **fields,
    )
    call.digest = services.call_digest(call)
    call.save()
    return call


def proof() -> Simulation:
    """People are asked only about what was simulated."""
    return Simulation.objects.first() or make_table().simulation


def make_decided(state: str, candidate: float, base: float, *, days_ago: int = 1) -> Suggestion:
    """A decided suggestion with what a worker measured of it."""
    row = make_advice()
    row.state, row.decided_at = state, clock.now() - timedelta(days=days_ago)
    row.version = make_version("trend_ema", fast=10 + Suggestion.objects.count())
    row.simulation = proof()
    row.save()
    Shadow.objects.create(
        suggestion=row,
        from_ms=1,
        to_ms=2,
        candidate_return=candidate,
        base_return=base,
        measured_at=clock.now(),
    )
    return row


def test_the_months_money_adds_up_by_model_with_what_is_held() -> None:
    month = f"{clock.now():%Y-%m}"
    make_call(month, "0.10", tokens_in=1_000, tokens_out=50)
    make_call(month, "0.25", tokens_in=2_000, tokens_out=70, verdict="NOT_JSON")
    make_call(month, "0.40", provider="anthropic", model="other-2")
    make_call("2020-01", "9.00")
    row = LlmMonth.objects.get(month=month)
    LlmReservation.objects.create(
        month=row, amount=D("0.50"), purpose="REVIEW", at=clock.now(), subject="review:9"
    )
    LlmMonth.objects.filter(pk=row.pk).update(spent=row.spent + D("0.50"))

    told = ai_queries.spend(clock.now())
    by_model = ai_queries.spend_by_model(clock.now())

    assert (told.spent, told.held, told.calls, told.failed_calls) == (D("1.25"), D("0.5"), 3, 1)
    assert [(one.model, one.calls, one.failed, one.cost) for one in by_model] == [
        ("other-2", 1, 0, D("0.40")),
        ("acme-1", 2, 1, D("0.35")),
    ]
    assert (by_model[1].tokens_in, by_model[1].tokens_out) == (3_000, 120)
    assert sum(one.cost for one in by_model) + told.held == told.spent
    assert told.share == pytest.approx(1.25 / float(told.budget))


def test_acceptance_and_edges_are_the_means_of_what_was_measured() -> None:
    make_decided("APPROVED", 0.05, 0.01)
    make_decided("APPROVED", -0.02, 0.00)
    make_decided("REJECTED", 0.10, 0.02)
    make_decided("EXPIRED", 0.00, 0.01)
    make_decided("WITHDRAWN", 0.90, 0.00)  # nobody decided on it

    told = ai_queries.track_record()

    assert (told.approved, told.rejected, told.expired, told.decided) == (2, 1, 1, 4)
    assert told.acceptance == 0.5
    assert told.approved_edge == pytest.approx((0.04 - 0.02) / 2)
    assert told.rejected_edge == pytest.approx((0.08 - 0.01) / 2)
    assert (told.approved_measured, told.rejected_measured) == (2, 2)
    assert len(ai_queries.measured_decisions()) == 4


def test_a_shadow_is_what_holding_earned_and_what_staying_out_did() -> None:
    """Prices rise by the same part each bar: who is in the market earns exactly that."""
    symbol, rise = make_symbol(), 1.0005
    rows = bars([100 * rise**index for index in range(BARS)])
    end_ms = make_candles(symbol, rows)
    base = make_version("trend_ema", fast=5, slow=13, buffer=0)
    timid = make_version("trend_ema", fast=5, slow=13, buffer=5)  # no gap is ever that wide
    decided_at = clock.from_ms(MIDNIGHT_MS + DECIDED * BAR_MS)
    row = make_advice()
    Review.objects.filter(suggestions=row).update(
        symbols=[str(symbol)],
        knobs=checked_knobs(FREE_KNOBS).stored(),
        starting_cash=D(100_000),
        from_ms=MIDNIGHT_MS,
        to_ms=MIDNIGHT_MS + 1_000 * BAR_MS,
    )
    Suggestion.objects.filter(pk=row.pk).update(
        state="REJECTED",
        decided_at=decided_at,
        base=base,
        version=timid,
        simulation=proof(),
    )

    assert services.measure_shadows(now=clock.from_ms(end_ms)) == 1

    shadow = Shadow.objects.get()
    assert (shadow.from_ms, shadow.to_ms) == (clock.to_ms(decided_at), end_ms)
    # Decided at the first close since, bought at the next open, which is that close.
    held = rise ** (BARS - DECIDED - 1) - 1
    assert shadow.base_return == pytest.approx(held, rel=1e-3)
    assert shadow.candidate_return == 0
    assert shadow.edge == pytest.approx(-held, rel=1e-3)
    assert ai_queries.track_record().rejected_edge == pytest.approx(-held, rel=1e-3)


def test_what_can_not_be_measured_keeps_nothing_else_from_it() -> None:
    end_ms = make_candles(make_symbol(), bars([100.0 + index % 9 for index in range(BARS)]))
    now, made = clock.from_ms(end_ms), proof()
    for number in range(12):
        row = make_advice()
        row.state, row.simulation, row.base = "REJECTED", made, make_version("trend_ema", fast=6)
        row.version = make_version("trend_ema", fast=7 + number)
        row.decided_at = now - timedelta(hours=8 if number == 0 else 7)
        row.save()
        symbol = str(make_symbol()) if number == 0 else "recorded:GONE/USDT"
        Review.objects.filter(suggestions=row).update(
            symbols=[symbol], knobs=checked_knobs(FREE_KNOBS).stored(), starting_cash=D(1_000)
        )

    assert services.measure_shadows(now=now) == 1
    assert Shadow.objects.get().suggestion == Suggestion.objects.order_by("pk")[0]


def test_the_log_shows_each_decision_and_says_when_there_are_few() -> None:
    client = Client()
    client.force_login(make_person())

    before = client.get("/advice/").content.decode()
    assert "Nothing to compare yet" in before
    assert "none measured yet" in before
    make_decided("APPROVED", 0.05, 0.01)
    make_decided("EXPIRED", -0.02, 0.01)
    make_call(f"{clock.now():%Y-%m}", "0.10")
    after = client.get("/advice/").content.decode()

    assert after.count('class="edge edge--') == 2
    assert "too few to tell from luck" in after
    assert "+4.00\u202f%" in after
    assert "−3.00\u202f%" in after
    assert "acme-1" in after


def test_columns_stand_on_zero() -> None:
    drawn = columns([("approved", "a", 0.03), ("rejected", "b", -0.01)], height=160)

    assert drawn is not None
    up, down = drawn.columns
    assert (drawn.zero, up.y, up.height) == (120.0, 0.0, 120.0)
    assert (down.y, down.height) == (120.0, 40.0)
    assert [mark.text for mark in drawn.rows] == ["-1.0%", "+0.0%", "+3.0%"]
    assert columns([]) is None
    flat = columns([("approved", "a", 0.0)])
    assert flat is not None
    assert flat.columns[0].height == 1.0
