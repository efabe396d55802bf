"""Bots over HTTP: the fields that clients know, and the verbs."""

from __future__ import annotations

import pytest

from tests.api.factories import Api, make_bot, make_candles, make_quote, make_ready_bot, make_symbol
from trading.models import AuditEvent, Job

BOT = {
    "name": "BTC trend",
    "symbols": ["BTC/USDT", "ETHUSDT"],
    "timeframe": "5m",
    "paper_mode": True,
    "strategy": "trend_ema",
    "knobs": {"max_exposure": "0.5"},
}


def test_a_bot_is_made_stopped_with_the_fields_that_clients_know(operator: Api) -> None:
    make_symbol("ETH/USDT")
    make_symbol("BTC/USDT")

    answer = operator.post("bots", BOT)

    body = answer.json()
    assert answer.status_code == 201
    assert body["symbols"] == ["BTC/USDT", "ETH/USDT"]
    assert (body["timeframe"], body["paper_mode"], body["strategy"]) == ("5m", True, "trend_ema")
    assert (body["status"], body["stop_requested"]) == ("stopped", False)
    assert body["knobs"]["max_exposure"] == "0.5"
    assert operator.get(f"bots/{body['id']}").json() == body
    assert operator.get("bots").json()["results"] == [body]


def test_money_is_a_plain_string_and_time_has_a_z(operator: Api) -> None:
    make_symbol()
    body = operator.post("bots", {**BOT, "symbols": ["BTC/USDT"], "starting_cash": "2500.50"})

    assert body.json()["starting_cash"] == body.json()["cash"] == "2500.5"
    assert body.json()["created_at"].endswith("Z")


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"paper_mode": False}, 400, "BOT_INVALID"),
        ({"knobs": {"max_exposure": "2"}}, 422, "KNOBS_INVALID"),
        ({"knobs": {"no_such": 1}}, 422, "KNOBS_INVALID"),
        ({"strategy": "no_such"}, 404, "STRATEGY_VERSION_UNKNOWN"),
        ({"version": 7}, 404, "STRATEGY_VERSION_UNKNOWN"),
        ({"symbols": ["NO/SUCH"]}, 404, "SYMBOL_UNKNOWN"),
        ({"symbols": ["BTC/USDT", "BTCUSDT"]}, 400, "BOT_INVALID"),
        ({"timeframe": "2m"}, 400, "INVALID"),
        ({"starting_cash": "NaN"}, 400, "INVALID"),
        ({"replay": {"from": 2, "to": 1}}, 400, "BOT_INVALID"),
        ({"replay": {"from": "soon", "to": 1}}, 400, "INVALID"),
    ],
)
def test_what_can_not_be_made_is_refused_by_name(
    operator: Api, change: dict[str, object], status: int, code: str
) -> None:
    make_symbol()

    answer = operator.post("bots", {**BOT, "symbols": ["BTC/USDT"], **change})

    assert (answer.status_code, answer.json()["code"]) == (status, code)


def test_a_replay_takes_its_range_as_text_or_ms(operator: Api) -> None:
    make_symbol()
    replay = {"from": "2024-01-01", "to": 1704153600000, "speed": 60}

    answer = operator.post("bots", {**BOT, "symbols": ["BTC/USDT"], "replay": replay})

    assert answer.json()["replay"] == {"from": 1704067200000, "to": 1704153600000, "speed": 60.0}


def test_a_stopped_bot_may_be_changed(operator: Api) -> None:
    make_symbol("ETH/USDT")
    bot = make_bot()

    changes = {"name": "Other", "symbols": ["ETH/USDT"], "strategy": "sma_cross"}
    answer = operator.send("PATCH", f"bots/{bot.pk}", changes)

    body = answer.json()
    assert (body["name"], body["symbols"], body["strategy"]) == ("Other", ["ETH/USDT"], "sma_cross")
    assert operator.send("PATCH", f"bots/{bot.pk}", {"cash": "1"}).status_code == 400


def test_a_start_makes_a_job_and_a_stop_ends_it(operator: Api) -> None:
    bot = make_ready_bot()

    started = operator.post(f"bots/{bot.pk}/start")
    again = operator.post(f"bots/{bot.pk}/start")
    stopped = operator.post(f"bots/{bot.pk}/stop")

    assert started.status_code == 202
    assert started.json()["bot"]["status"] == "running"
    assert started.json()["job"]["task"] == "bot.run"
    assert (again.status_code, again.json()["code"]) == (409, "BOT_ALREADY_RUNNING")
    assert (stopped.json()["status"], stopped.json()["stop_requested"]) == ("stopped", True)
    assert Job.objects.get().status == Job.Status.DONE
    assert operator.post(f"bots/{bot.pk}/stop").json()["code"] == "BOT_NOT_RUNNING"


def test_a_start_without_candles_says_what_is_missing(operator: Api) -> None:
    bot = make_bot(strategy="trend_ema")

    answer = operator.post(f"bots/{bot.pk}/start")

    assert (answer.status_code, answer.json()["code"]) == (409, "NOT_READY")
    assert "missing" in answer.json()["fields"]["reasons"][0]


def test_knobs_turn_one_by_one_and_are_audited_with_the_person(operator: Api) -> None:
    bot = make_bot()

    answer = operator.post(f"bots/{bot.pk}/knobs", {"cooldown_candles": 3})

    event = AuditEvent.objects.get(action="bot.knobs_changed")
    assert answer.json()["knobs"]["cooldown_candles"] == 3
    assert answer.json()["knobs"]["max_exposure"] == bot.knobs["max_exposure"]
    assert (event.actor, event.subject) == ("operator", f"bot:{bot.pk}")
    assert operator.post(f"bots/{bot.pk}/knobs", [1]).status_code == 400


def test_a_manual_cycle_gives_its_decision(operator: Api) -> None:
    bot = make_ready_bot()

    made = operator.post(f"bots/{bot.pk}/cycle").json()["decisions"]

    assert [row["action"] for row in made] == ["ENTER"]
    assert operator.get(f"bots/{bot.pk}/decisions").json()["results"][0] == made[0]


def test_the_old_name_of_a_cycle_works_without_saying_which_bot(operator: Api) -> None:
    make_ready_bot()

    answer = operator.client.post("/api/trading/paper/cycle", {}, "application/json")

    assert answer.json()["decisions"][0]["reason"] == "signal_enter"


def test_with_two_bots_the_old_name_asks_which(operator: Api) -> None:
    make_ready_bot()
    make_bot(name="Other")

    answer = operator.client.post("/api/trading/paper/cycle", {}, "application/json")

    assert (answer.status_code, list(answer.json()["fields"])) == (400, ["bot_id"])


def test_bots_and_decisions_filter(operator: Api) -> None:
    bot = make_ready_bot()
    make_symbol("ETH/USDT")
    operator.post(f"bots/{bot.pk}/cycle")

    assert operator.get("bots", status="running").json()["results"] == []
    assert len(operator.get("bots", status="STOPPED").json()["results"]) == 1
    decisions = f"bots/{bot.pk}/decisions"
    assert operator.get(decisions, symbol="ETH/USDT").json()["results"] == []
    assert len(operator.get(decisions, action="enter", symbol="BTCUSDT").json()["results"]) == 1
    assert operator.get(decisions, action="dance").status_code == 400
    assert operator.get("bots/99/decisions").status_code == 404


@pytest.mark.parametrize("verb", ["start", "stop", "knobs", "cycle"])
def test_verbs_of_a_bot_that_is_not_there_are_a_404(operator: Api, verb: str) -> None:
    answer = operator.post(f"bots/99/{verb}", {})

    assert (answer.status_code, answer.json()["code"]) == (404, "BOT_UNKNOWN")


@pytest.mark.parametrize("verb", ["start", "stop", "knobs", "cycle"])
def test_a_viewer_may_not_touch_a_bot(viewer: Api, verb: str) -> None:
    bot = make_bot()

    assert viewer.post(f"bots/{bot.pk}/{verb}", {}).status_code == 403


def test_a_list_costs_the_same_queries_however_many_bots(
    operator: Api, django_assert_max_num_queries: object
) -> None:
    for number in range(5):
        make_bot(name=f"Bot {number}")
    symbol = make_symbol()
    make_candles(symbol, many=2)
    make_quote(symbol)

    with django_assert_max_num_queries(9):  # type: ignore[operator]
        operator.get("bots")
