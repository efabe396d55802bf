"""Advice over the API: models, spend, reviews, suggestions, the archive."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from django.core.cache import cache

from approvals.models import LlmCall, Review
from config import clock
from marketdata.timeframes import Timeframe
from tests.api.factories import Api, make_candles, make_symbol
from tests.approvals.factories import MODEL_KEY, make_advice, with_model
from tests.approvals.model_server import model_server

ASKED = {
    "strategy": "trend_ema",
    "source": "rules",
    "symbols": ["BTC/USDT"],
    "timeframe": "1h",
}


def test_without_a_model_all_says_that_it_is_off(viewer: Api, operator: Api) -> None:
    health = viewer.get("ai/health").json()

    assert (health["state"], health["enabled"]) == ("off", False)
    assert viewer.get("ai/models").json()["code"] == "LLM_OFF"
    assert operator.post("ai/llm/test").json()["code"] == "LLM_OFF"
    assert viewer.get("ai/llm/status").json()["spend"]["spent"] == "0"


def test_the_models_are_asked_for_once_a_minute(viewer: Api, settings: Any) -> None:
    cache.clear()
    with model_server() as server:
        with_model(settings, server)
        first = viewer.get("ai/models").json()
        again = viewer.get("ai/models").json()

    assert first == again == {"provider": "openai", "models": ["model-a", "model-b"]}
    assert len(server.asked) == 1


def test_a_test_is_a_call_with_a_cost(operator: Api, settings: Any) -> None:
    with model_server(text='{"ready": true}') as server:
        with_model(settings, server)
        told = operator.post("ai/llm/test").json()
        status = operator.get("ai/llm/status").json()

    assert (told["verdict"], told["cost"]) == ("PASSED", "0.0002")
    assert status["health"]["state"] == "ready"
    assert status["spend"]["spent"] == "0.0002"
    assert Decimal(status["spend"]["left"]) == Decimal("19.9998")


def test_an_unknown_price_is_said_and_nothing_is_asked(operator: Api, settings: Any) -> None:
    with model_server() as server:
        with_model(settings, server, llm_price_in=None)
        answer = operator.post("ai/llm/test")

    assert (answer.status_code, answer.json()["code"]) == (409, "LLM_PRICE_UNKNOWN")
    assert operator.get("ai/health").json()["state"] == "unpriced"
    assert server.asked == []


def test_a_provider_that_fails_is_a_503_without_its_words(viewer: Api, settings: Any) -> None:
    cache.clear()
    with model_server(status=500, raw=MODEL_KEY.encode()) as server:
        with_model(settings, server)
        answer = viewer.get("ai/models")
        asked = len(server.asked)
        assert viewer.get("ai/models").json()["code"] == "LLM_FAILED"

    assert len(server.asked) == asked == 3
    assert (answer.status_code, answer.json()["code"]) == (503, "LLM_FAILED")
    assert MODEL_KEY not in answer.content.decode()


def test_the_archive_is_opened_for_operators(operator: Api, settings: Any) -> None:
    with model_server(text='{"ready": true}') as server:
        with_model(settings, server)
        made = operator.post("ai/llm/test").json()
    told = operator.get(f"ai/calls/{made['id']}").json()

    assert told["genuine"] is True
    assert "You have no tools" in told["prompt"]
    assert '{\\"ready\\": true}' in told["answer"]
    assert "prompt" not in operator.get("ai/calls").json()["results"][0]


@pytest.mark.parametrize("path", ["ai/proposals/generate", "strategies/trend_ema/review"])
def test_a_review_is_a_job(operator: Api, path: str) -> None:
    make_candles(make_symbol(), timeframe=Timeframe.H1, many=1_500)
    asked = {k: v for k, v in ASKED.items() if k != "strategy" or path.startswith("ai/")}

    answer = operator.post(path, asked)

    assert answer.status_code == 202
    told = answer.json()
    assert (told["strategy"], told["source"], told["step"]) == ("trend_ema", "rules", "measure")
    assert told["job"]["task"] == "strategy.review"
    assert operator.get(f"ai/reviews/{told['id']}").json() == told


def test_the_same_request_twice_is_one_review(operator: Api) -> None:
    make_candles(make_symbol(), timeframe=Timeframe.H1, many=1_500)
    first = operator.post("ai/proposals/generate", ASKED, key="once")
    again = operator.post("ai/proposals/generate", ASKED, key="once")

    assert first.json() == again.json()
    assert Review.objects.count() == 1


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"source": "god"}, 400),
        ({"rounds": 99}, 400),
        ({"auto_approve": True}, 400),
        ({"symbols": ["NO/SUCH"]}, 404),
        ({"timeframe": "2y"}, 400),
        ({"to": "2023-01-01T00:00:00Z"}, 400),
        ({"timeframe": "1d"}, 400),
        ({"strategy": "none"}, 404),
        ({"source": "optimiser"}, 404),
        ({"source": "person"}, 400),
        ({"source": "llm"}, 409),
        ({"note": "x" * 501}, 400),
    ],
)
def test_rubbish_is_refused(operator: Api, change: dict[str, Any], status: int) -> None:
    make_candles(make_symbol(), timeframe=Timeframe.H1, many=1_500)

    answer = operator.post("ai/proposals/generate", {**ASKED, **change})

    assert answer.status_code == status, answer.content
    assert not Review.objects.exists()


def test_a_viewer_starts_nothing(viewer: Api) -> None:
    make_candles(make_symbol(), timeframe=Timeframe.H1, many=1_500)

    assert viewer.post("ai/proposals/generate", ASKED).status_code == 403
    assert viewer.post("ai/llm/test").status_code == 403


def test_suggestions_are_found_by_strategy_state_and_source(viewer: Api) -> None:
    made = make_advice(now=clock.now())

    def found(**params: Any) -> list[int]:
        return [row["id"] for row in viewer.get("ai-suggestions", **params).json()["results"]]

    assert found(strategy_id=made.strategy_id, state="refused", source="llm") == [made.pk]
    assert found(strategy="trend_ema") == [made.pk]
    assert found(state="approved") == []
    assert viewer.get("ai-suggestions", state="x").status_code == 400
    told = viewer.get(f"ai-suggestions/{made.pk}").json()
    assert (told["refused_code"], told["version"], told["verdict"]) == ("NOT_JSON", None, None)
    assert told["call"] == LlmCall.objects.get().pk


def test_events_of_models_are_a_feed(viewer: Api) -> None:
    make_advice(now=clock.now())

    (event,) = viewer.get("ai/events").json()["results"]

    assert (event["action"], event["actor"]) == ("llm.called", "ai:model")
