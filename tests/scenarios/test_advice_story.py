"""The whole story of advice: losses, a review, proof, other people, a step back, a silence."""

from __future__ import annotations

import json
import math
import random
import time
from datetime import datetime, timedelta
from typing import Any

import pytest

from approvals import services
from approvals.errors import EvidenceRed, OwnApproval
from approvals.models import Approval, LlmCall, Review, Source, Suggestion
from config import clock
from strategies import queries as strategy_queries
from strategies import services as strategy_services
from tests.approvals.asking import make_approver
from tests.approvals.factories import with_model
from tests.approvals.model_server import ModelServer, model_server
from tests.approvals.reviewing import answer, carry, states
from tests.trading.factories import (
    MIDNIGHT_MS,
    bars,
    make_bot,
    make_candles,
    make_fill,
    make_order,
    make_position,
    make_symbol,
    make_user,
)
from trading import services as trading_services
from trading.models import AuditEvent, Simulation, SystemState, Trade
from trading.order_state import OrderStatus

pytestmark = pytest.mark.django_db

STRATEGY = "trend_ema_fast"
DAYS = 160
HOUR_MS = 3_600_000
VIA = "session:test"


def waves() -> list[float]:
    """Hourly closes that swing about a rising line, with noise: a trend follower's weather."""
    dice, noise, closes = random.Random(3), 0.0, []
    for hour in range(24 * DAYS):
        noise = 0.9 * noise + dice.gauss(0, 0.004)
        swing = 0.07 * math.sin(2 * math.pi * hour / 90)
        closes.append(100 * math.exp(0.0002 * hour + swing + noise))
    return closes


class Story:
    """The console, its people, and the model that they ask."""

    def __init__(self, settings: Any, server: ModelServer) -> None:
        with_model(settings, server)
        # Half a year has few trades; a fall that is deeper at all is too deep here.
        strict = {"evidence_min_trades": 10, "evidence_drawdown_worse": 0.0}
        strict["evidence_drawdown_floor"] = 0.0
        settings.ENV = settings.ENV.model_copy(update=strict)
        self.server = server
        self.symbol = make_symbol()
        rows = bars(waves(), start_ms=MIDNIGHT_MS, timeframe="1h")
        self.end_ms = make_candles(self.symbol, rows, "1h")
        self.now = clock.from_ms(self.end_ms)
        trading_services.ensure_system_state(now=self.now)
        strategy_services.sync_strategies(now=self.now)
        self.operator = make_user("operator", "olga")
        self.approver = make_approver("anna")

    def lose_money(self) -> None:
        """Two round trips of a bot, both at a loss."""
        bot = make_bot(self.symbol, version=self.active(), timeframe="1h")
        for bought, sold in (("100", "90"), ("95", "91")):
            make_position(bot, "1", bought)
            order = make_order(bot, status=OrderStatus.OPEN, side="SELL", qty="1")
            make_fill(order, "1", sold)

    def active(self) -> Any:
        return strategy_queries.active_version(STRATEGY)

    def review(self, *texts: str, rounds: int = 2) -> Review:
        self.server.texts = list(texts)
        asked = {
            "source": Source.LLM,
            "symbols": [str(self.symbol)],
            "timeframe": "1h",
            "from_ms": MIDNIGHT_MS + 30 * 24 * HOUR_MS,
            "to_ms": self.end_ms,
            "rounds": rounds,
        }
        started = services.start_review(
            strategy=STRATEGY, asked=asked, by=self.operator, now=self.now
        )
        return carry(started)

    def later(self, **passed: float) -> datetime:
        self.now += timedelta(**passed)
        return self.now


def says(param: str, before: float, after: float, **changes: Any) -> str:
    return answer((param, before, after), **changes)


def verdict(review: Review, round: int) -> str:
    row = Suggestion.objects.exclude(state="REFUSED").get(review=review, round=round)
    assert row.simulation is not None
    return row.simulation.verdict


def test_the_whole_story(settings: Any) -> None:
    with model_server() as server:
        story = Story(settings, server)
        story.lose_money()
        first, began = story.active(), time.monotonic()

        # A review: the first proposal is valid and fails its proof, the second one passes.
        review = story.review(says("atr_period", 14, 12), says("buffer", 0.5, 0.4))
        assert time.monotonic() - began < 60
        _check_what_the_model_saw(server)
        assert (verdict(review, 1), verdict(review, 2)) == ("RED", "GREEN")
        assert states(review) == ["SIMULATED", "PENDING"]
        _the_red_one_goes_nowhere(story, review)

        # Another person approves it, and it is used once.
        request = Approval.objects.get()
        _only_others_decide(story, request)
        activated = services.activate(
            version_id=request.version_id or 0,
            by=story.approver,
            via=VIA,
            now=story.later(minutes=1),
        )
        assert story.active() == activated.version
        assert story.active().params["buffer"] == 0.4
        assert Suggestion.objects.get(review=review, round=2).state == "APPROVED"

        # It disappoints: one step back, without a simulation.
        services.roll_back(
            strategy=STRATEGY,
            reason="it disappoints",
            by=story.approver,
            via=VIA,
            now=story.later(hours=1),
        )
        assert story.active() == first

        # The same parameter rests for a day; another one is proposed, and nobody decides.
        third = story.review(says("buffer", 0.5, 0.4), says("slow", 13, 11), rounds=1)
        assert states(third) == ["REFUSED COOLING_DOWN", "PENDING"]
        _silence_stops_everything(story)

    _check_the_log()


def _check_what_the_model_saw(server: ModelServer) -> None:
    data = json.loads(server.asked[0]["body"]["messages"][1]["content"].removeprefix("DATA\n"))
    assert data["live"] == {"trades": 2, "pnl": -14.0, "win_rate": 0.0}
    fed_back = json.loads(server.asked[1]["body"]["messages"][1]["content"].removeprefix("DATA\n"))
    assert fed_back["rounds"][0]["deltas"] == [{"param": "atr_period", "from": 14, "to": 12}]
    assert Trade.objects.filter(status=Trade.Status.CLOSED).count() == 2


def _the_red_one_goes_nowhere(story: Story, review: Review) -> None:
    red = Suggestion.objects.get(review=review, round=1)
    with pytest.raises(EvidenceRed):
        services.request_activation(
            version_id=red.version_id or 0,
            simulation_id=red.simulation_id or 0,
            by=story.operator,
            reason="try it anyway",
            now=story.now,
        )


def _only_others_decide(story: Story, request: Approval) -> None:
    said: dict[str, Any] = {"approval_id": request.pk, "digest": request.digest, "via": VIA}
    assert request.requested_by == story.operator
    story.operator.groups.add(*story.approver.groups.all())  # even an administrator
    own = type(story.operator).objects.get(pk=story.operator.pk)
    with pytest.raises(OwnApproval):
        services.approve(**said, by=own, now=story.now)
    services.approve(**said, by=story.approver, now=story.later(minutes=1))


def _silence_stops_everything(story: Story) -> None:
    waiting = Approval.objects.get(state=Approval.State.PENDING)
    at = waiting.due_at + timedelta(seconds=1)
    assert services.watch_approvals(now=at) == [waiting.pk]
    assert SystemState.objects.get(pk=1).state == SystemState.State.EMERGENCY_STOP
    assert Suggestion.objects.get(approvals=waiting).state == "EXPIRED"
    # Time alone resumes nothing; a person does.
    later = at + timedelta(days=3)
    trading_services.tick(process="beat", now=later)
    assert SystemState.objects.get(pk=1).state == SystemState.State.EMERGENCY_STOP
    trading_services.resume_system(by=story.approver, reason="looked at it", now=later)
    assert SystemState.objects.get(pk=1).state == SystemState.State.RUNNING


def _check_the_log() -> None:
    """Each step is one event, in order; each call is archived and genuine."""
    actions = list(AuditEvent.objects.order_by("seq").values_list("action", flat=True))
    wanted = (
        "review.started",
        "suggestion.made",
        "suggestion.simulated",
        "approval.requested",
        "approval.approved",
        "strategy_version.activated",
        "approval.used",
        "strategy_version.rolled_back",
        "suggestion.refused",
        "approval.expired",
        "system.emergency_stopped",
        "system.resumed",
    )
    places = [actions.index(action) for action in wanted]
    assert places == sorted(places), list(zip(wanted, places, strict=True))
    assert all(services.call_digest(call) == call.digest for call in LlmCall.objects.all())
    assert Simulation.objects.filter(finished_at=None).count() == 0
    assert trading_services.verify_audit(now=clock.now()).ok
