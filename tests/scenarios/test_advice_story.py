"""The whole story of advice: losses, a review, proof, other people, a step back, a silence."""

from __future__ import annotations

import json
import math
import random
import time
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from approvals import services
from approvals.models import Approval, LlmCall, Review, Suggestion
from config import clock
from strategies import queries as strategy_queries
from strategies import services as strategy_services
from tests.api.factories import Api
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
    quote,
    quotes,
)
from trading import services as trading_services
from trading.models import AuditEvent, DecisionRecord, Order, Simulation, SystemState, Trade
from trading.order_state import LIVE, OrderStatus

pytestmark = pytest.mark.django_db

STRATEGY = "trend_ema_fast"
DAYS = 160
HOUR_MS = 3_600_000
VERSIONS = f"strategies/{STRATEGY}/versions"
STEPS = (
    ("bot.started", "olga"),
    ("review.started", "olga"),
    ("suggestion.made", "ai:model"),
    ("suggestion.simulated", "system"),
    ("approval.requested", "olga"),
    ("approval.approved", "anna"),
    ("strategy_version.activated", "anna"),
    ("approval.used", "anna"),
    ("bot.version_taken", "system"),
    ("strategy_version.rolled_back", "anna"),
    ("bot.version_taken", "system"),
    ("review.started", "olga"),
    ("suggestion.refused", "ai:model"),
    ("approval.requested", "olga"),
    ("approval.expired", "system"),
    ("system.emergency_stopped", "system"),
    ("system.resumed", "anna"),
    ("bot.started", "olga"),
)


def waves() -> list[float]:
    """Hourly closes that swing about a rising line, with noise: a trend follower's weather."""
    dice, noise, closes = random.Random(3), 0.0, []
    for hour in range(24 * DAYS):
        noise = 0.9 * noise + dice.gauss(0, 0.004)
        swing = 0.07 * math.sin(2 * math.pi * hour / 90)
        closes.append(100 * math.exp(0.0002 * hour + swing + noise))
    return closes


class Person:
    """Somebody at the console, in a browser and with a program."""

    def __init__(self, user: User) -> None:
        self.user = user
        self.browser = Client()
        _, secret = trading_services.create_token(
            user=user, name="story", scope="write", days=30, now=clock.now()
        )
        self.api = Api(secret, user)

    def comes_in(self) -> None:
        """Hours pass between two looks, and sessions that nobody uses end."""
        self.browser.force_login(self.user)

    def page(self, path: str) -> str:
        self.comes_in()
        answer = self.browser.get(path)
        assert answer.status_code == 200, path
        return str(answer.content.decode())

    def clicks(self, path: str, **fields: Any) -> int:
        """A form that is sent, as htmx does it; the answer's status."""
        self.comes_in()
        sent = {name: str(value) for name, value in fields.items()}
        answer = self.browser.post(path, sent, headers={"HX-Request": "true"})
        return int(answer.status_code)

    def asks(self, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        """The API is asked to do something, and does it."""
        answer = self.api.post(path, body)
        assert answer.status_code < 300, (path, answer.content)
        return dict(answer.json())


class Story:
    """The console, its people, their bot, and the model that they ask."""

    def __init__(self, settings: Any, server: ModelServer, monkeypatch: Any) -> None:
        with_model(settings, server)
        # Half a year has few trades; a fall that is deeper at all is too deep here.
        strict = {"evidence_min_trades": 10, "evidence_drawdown_worse": 0.0}
        strict["evidence_drawdown_floor"] = 0.0
        settings.ENV = settings.ENV.model_copy(update=strict)
        self.server = server
        self.symbol = make_symbol()
        self.closes = waves()
        rows = bars(self.closes, start_ms=MIDNIGHT_MS, timeframe="1h")
        self.end_ms = make_candles(self.symbol, rows, "1h")
        self.now = clock.from_ms(self.end_ms)
        # Pages, API and Django's sessions live in the same time as workers.
        monkeypatch.setattr(timezone, "now", lambda: self.now)
        monkeypatch.setattr(clock, "now", lambda: self.now)
        monkeypatch.setattr(clock, "now_ms", lambda: clock.to_ms(self.now))
        trading_services.ensure_system_state(now=self.now)
        strategy_services.sync_strategies(now=self.now)
        self.olga = Person(make_user("operator", "olga"))
        self.anna = Person(make_approver("anna"))
        self.bot = make_bot(self.symbol, version=self.active(), timeframe="1h", now=self.now)

    def lose_money(self) -> None:
        """Two round trips of the bot, both at a loss; then it is started."""
        for bought, sold in (("100", "90"), ("95", "91")):
            make_position(self.bot, "1", bought)
            order = make_order(self.bot, status=OrderStatus.OPEN, side="SELL", qty="1")
            make_fill(order, "1", sold)
        self.olga.asks(f"bots/{self.bot.pk}/start")

    def active(self) -> Any:
        return strategy_queries.active_version(STRATEGY)

    def review(self, *texts: str, rounds: int = 2) -> Review:
        self.server.texts = list(texts)
        asked = {
            "source": "llm",
            "symbols": [str(self.symbol)],
            "timeframe": "1h",
            "from": MIDNIGHT_MS + 30 * 24 * HOUR_MS,
            "to": self.end_ms,
            "rounds": rounds,
        }
        told = self.olga.asks(f"strategies/{STRATEGY}/review", asked)
        return carry(Review.objects.get(pk=told["id"]))

    def later(self, **passed: float) -> datetime:
        self.now += timedelta(**passed)
        return self.now

    def candle(self, rise: float, *, quoted: bool) -> DecisionRecord:
        """The next hour ends, and a worker runs the bot: what it decided.

        Without a quote nothing fills, so what is ordered then works on.
        """
        self.closes.append(self.closes[-1] * (1 + rise))
        start_ms = MIDNIGHT_MS + (len(self.closes) - 1) * HOUR_MS
        row = bars(self.closes[-2:], start_ms=start_ms - HOUR_MS, timeframe="1h")[1:]
        make_candles(self.symbol, row, "1h")
        self.now = clock.from_ms(start_ms + HOUR_MS) + timedelta(seconds=5)
        self.run(quoted=quoted)
        made = DecisionRecord.objects.select_related("version")
        return made.get(bot=self.bot, candle_close_ms=start_ms + HOUR_MS)

    def catch_up(self) -> None:
        """Candles of the hours in which nobody asked for any."""
        while MIDNIGHT_MS + (len(self.closes) + 1) * HOUR_MS <= clock.to_ms(self.now):
            start_ms = MIDNIGHT_MS + len(self.closes) * HOUR_MS
            self.closes.append(self.closes[-1])
            make_candles(self.symbol, bars(self.closes[-1:], start_ms=start_ms), "1h")

    def run(self, *, quoted: bool) -> None:
        told = {self.symbol: quote(self.closes[-1], at=self.now)} if quoted else {}
        trading_services.run_bot(bot_id=self.bot.pk, now=self.now, quote_for=quotes(told))
        self.bot.refresh_from_db()


def says(param: str, before: float, after: float, **changes: Any) -> str:
    return answer((param, before, after), **changes)


def verdict(review: Review, round: int) -> str:
    row = Suggestion.objects.exclude(state="REFUSED").get(review=review, round=round)
    assert row.simulation is not None
    return row.simulation.verdict


def test_the_whole_story(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    with model_server() as server:
        story = Story(settings, server, monkeypatch)
        story.lose_money()
        first, began = story.active(), time.monotonic()
        _an_order_of_the_bot_works(story)

        # A review: the first proposal is valid and fails its proof, the second one passes.
        review = story.review(says("atr_period", 14, 12), says("buffer", 0.5, 0.4))
        assert time.monotonic() - began < 60
        _check_what_the_model_saw(server)
        assert (verdict(review, 1), verdict(review, 2)) == ("RED", "GREEN")
        assert states(review) == ["SIMULATED", "PENDING"]
        _the_red_one_goes_nowhere(story, review)

        request = Approval.objects.get()
        _they_see_what_the_bot_would_do(story, request)
        _only_others_decide(story, request)
        second = _it_is_activated_once(story, review)
        _the_bot_takes_it_between_two_candles(story, first, second)
        _one_step_back(story, first)

        # The same parameter rests for a day; another one is proposed, and nobody decides.
        third = story.review(says("buffer", 0.5, 0.4), says("slow", 13, 11), rounds=1)
        assert states(third) == ["REFUSED COOLING_DOWN", "PENDING"]
        _silence_stops_everything(story)
        _only_a_person_lets_it_go_on(story, first)

    _check_the_log()


def _an_order_of_the_bot_works(story: Story) -> None:
    """Prices leap, the bot buys at the candle's close, and no quote comes to fill it."""
    decided = story.candle(0.10, quoted=False)
    assert (decided.action, decided.version) == ("ENTER", story.active())
    assert Order.objects.get(intent__decision=decided).status == OrderStatus.OPEN


def _check_what_the_model_saw(server: ModelServer) -> None:
    data = json.loads(server.asked[0]["body"]["messages"][1]["content"].removeprefix("DATA\n"))
    assert data["live"] == {"trades": 2, "pnl": -14.0, "win_rate": 0.0}
    fed_back = json.loads(server.asked[1]["body"]["messages"][1]["content"].removeprefix("DATA\n"))
    assert fed_back["rounds"][0]["deltas"] == [{"param": "atr_period", "from": 14, "to": 12}]
    assert Trade.objects.filter(status=Trade.Status.CLOSED).count() == 2


def _the_red_one_goes_nowhere(story: Story, review: Review) -> None:
    red = Suggestion.objects.get(review=review, round=1)
    assert red.version is not None
    path = f"/strategies/{STRATEGY}/versions/{red.version.number}/request/"
    given = {"reason": "try it anyway", "override_reason": "I am sure"}

    assert story.olga.clicks(path, **given) == 409
    answer = story.olga.api.post(f"{VERSIONS}/{red.version.number}/request", given)
    assert (answer.status_code, answer.json()["code"]) == (409, "EVIDENCE_RED")
    assert Approval.objects.filter(version=red.version).count() == 0


def _they_see_what_the_bot_would_do(story: Story, request: Approval) -> None:
    """A worker looks at the bot; the page of the request shows proof, claims and order."""
    assert services.measure_outlooks(now=story.now) == 1
    path = f"/approvals/{request.pk}/"
    page, visitor = story.anna.page(path), Client()
    visitor.force_login(make_user("viewer", "vera"))
    seen = visitor.get(path).content.decode()
    assert "Prompt and answer of call" not in seen
    assert "Who operates bots can read the prompt and the answer." in seen

    for shown in (
        "Why, in its own words",
        "Candidate against the active version",
        "out of sample",
        "Exposure in the simulation",
        "Takes it at a candle&#x27;s close once its order is done.",
        "no order: an order is still working",
        "Prompt and answer of call",
    ):
        assert shown in page, shown


def _only_others_decide(story: Story, request: Approval) -> None:
    assert request.requested_by == story.olga.user
    said = {"digest": request.digest, "reason": ""}
    path = f"/approvals/{request.pk}"
    assert story.olga.clicks(f"{path}/approve/", **said) == 403  # she only operates
    story.olga.user.groups.add(*story.anna.user.groups.all())
    refused = story.olga.api.post(f"approvals/{request.pk}/approve", said)
    assert (refused.status_code, refused.json()["code"]) == (403, "OWN_APPROVAL")
    assert Approval.objects.get(pk=request.pk).state == "PENDING"

    story.later(minutes=1)
    assert story.anna.clicks(f"{path}/approve/", **said) < 400
    assert Approval.objects.get(pk=request.pk).state == "APPROVED"


def _it_is_activated_once(story: Story, review: Review) -> Any:
    made = Suggestion.objects.get(review=review, round=2)
    assert made.version is not None
    story.later(minutes=1)
    told = story.anna.asks(f"{VERSIONS}/{made.version.number}/activate")
    assert (told["version"], told["replaced"]) == (made.version.number, 1)
    again = story.anna.api.post(f"{VERSIONS}/{made.version.number}/activate")
    assert again.status_code == 404  # used up

    assert story.active() == made.version
    assert story.active().params["buffer"] == 0.4
    assert Suggestion.objects.get(pk=made.pk).state == "APPROVED"
    return made.version


def _the_bot_takes_it_between_two_candles(story: Story, first: Any, second: Any) -> None:
    """Not while its order works: that one was decided by the version that made it."""
    waiting = story.candle(0.0, quoted=False)
    assert (waiting.version, waiting.reason) == (first, "order_pending")
    assert story.bot.version == first

    story.later(seconds=30)
    story.run(quoted=True)
    assert Order.objects.get(bot=story.bot, side="BUY", qty__gt=1).status == OrderStatus.FILLED
    assert story.bot.version == first  # within a candle nothing changes

    decided = story.candle(0.0, quoted=True)
    assert (decided.version, decided.reason) == (second, "already_long")
    assert story.bot.version == second
    page = story.olga.page(f"/bots/{story.bot.pk}/")
    assert f"v{second.number}" in page


def _one_step_back(story: Story, first: Any) -> None:
    """It disappoints: the version before, without a simulation; the bot follows."""
    story.later(minutes=10)
    assert story.anna.clicks(f"/strategies/{STRATEGY}/rollback/", reason="") == 400
    assert story.anna.clicks(f"/strategies/{STRATEGY}/rollback/", reason="it disappoints") < 400
    assert story.active() == first

    assert story.candle(0.0, quoted=True).version == first
    assert story.bot.version == first


def _silence_stops_everything(story: Story) -> None:
    waiting = Approval.objects.get(state=Approval.State.PENDING)
    story.now = waiting.due_at + timedelta(seconds=1)
    assert services.check_approvals(now=story.now) == [waiting.pk]
    assert SystemState.objects.get(pk=1).state == SystemState.State.EMERGENCY_STOP
    assert Suggestion.objects.get(approvals=waiting).state == "EXPIRED"
    assert "expired undecided" in story.olga.page(f"/approvals/{waiting.pk}/")
    story.bot.refresh_from_db()
    assert not story.bot.is_running
    assert not Order.objects.filter(status__in=LIVE).exists()


def _only_a_person_lets_it_go_on(story: Story, first: Any) -> None:
    """Time alone resumes nothing, an operator may not, and the bot is started by hand."""
    story.later(hours=20)
    trading_services.tick(process="beat", now=story.now)
    assert SystemState.objects.get(pk=1).state == SystemState.State.EMERGENCY_STOP
    assert story.olga.api.post(f"bots/{story.bot.pk}/start").status_code == 409
    bert = Person(make_user("operator", "bert"))
    assert bert.clicks("/controls/resume/", reason="me too") == 403

    assert story.anna.clicks("/controls/resume/", reason="looked at it") < 400
    assert SystemState.objects.get(pk=1).state == SystemState.State.RUNNING
    story.bot.refresh_from_db()
    assert not story.bot.is_running
    story.catch_up()
    story.olga.asks(f"bots/{story.bot.pk}/start")
    decided = story.candle(0.0, quoted=True)
    assert (decided.version, story.bot.is_running) == (first, True)


def _check_the_log() -> None:
    """Each step is one event, in order, by who did it; each call is archived and genuine."""
    rows = list(AuditEvent.objects.order_by("seq").values_list("action", "actor"))
    place = -1
    for step in STEPS:
        assert step in rows[place + 1 :], (step, rows[place + 1 :])
        place = rows.index(step, place + 1)
    for once in ("approval.used", "system.emergency_stopped", "system.resumed"):
        assert sum(action == once for action, _ in rows) == 1, once
    assert all(services.call_digest(call) == call.digest for call in LlmCall.objects.all())
    assert Simulation.objects.filter(finished_at=None).count() == 0
    assert trading_services.verify_audit(now=clock.now()).ok
