"""The switch over everything, over HTTP."""

from __future__ import annotations

from tests.api.factories import Api, make_bot, make_order, make_ready_bot


def test_pause_and_resume(operator: Api) -> None:
    paused = operator.post("system/state", {"state": "PAUSED", "reason": "lunch"})
    resumed = operator.post("system/state", {"state": "RUNNING"})

    assert (paused.json()["state"], paused.json()["reason"]) == ("PAUSED", "lunch")
    assert paused.json()["changed_by"] == "operator"
    assert resumed.json()["state"] == operator.get("system/state").json()["state"] == "RUNNING"
    assert operator.post("system/state", {"state": "RUNNING"}).json()["code"] == "SYSTEM_HALTED"


def test_an_emergency_stop_returns_its_proof(operator: Api) -> None:
    bot = make_ready_bot()
    operator.post(f"bots/{bot.pk}/start")
    make_order(operator, bot, type="LIMIT", price="40000")

    proof = operator.post("system/emergency-stop", {"reason": "drill"}).json()

    assert (proof["bots_stopped"], proof["orders_canceled"]) == (1, 1)
    assert (proof["orders_unresolved"], proof["claims_after_stop"]) == ([], 0)
    assert 0 <= proof["halted_s"] < 5
    assert operator.get("system/state").json()["state"] == "EMERGENCY_STOP"


def test_only_an_administrator_with_a_reason_ends_an_emergency_stop(
    operator: Api, admin: Api
) -> None:
    operator.post("system/state", {"state": "EMERGENCY_STOP", "reason": "drill"})

    refused = operator.post("system/state", {"state": "RUNNING", "reason": "again"})
    silent = admin.post("system/state", {"state": "RUNNING"})
    resumed = admin.post("system/state", {"state": "RUNNING", "reason": "checked"})

    assert (refused.status_code, refused.json()["code"]) == (403, "RESUME_NOT_ALLOWED")
    assert (silent.status_code, silent.json()["code"]) == (400, "REASON_REQUIRED")
    assert resumed.json()["state"] == "RUNNING"


def test_readiness_names_each_gate(viewer: Api) -> None:
    body = viewer.get("system/readiness").json()

    gates = {gate["name"]: gate for gate in body["gates"]}
    assert body["ready"] is False
    assert gates["system_running"]["ok"] is True
    assert "no sign of life" in gates["processes_alive"]["reasons"][0]


def test_the_scheduler_does_not_start_on_cold_data(operator: Api) -> None:
    make_bot(strategy="trend_ema")
    assert operator.post("system/scheduler/stop").json()["on"] is False

    answer = operator.post("system/scheduler/start")

    assert (answer.status_code, answer.json()["code"]) == (409, "NOT_READY")
    fields = answer.json()["fields"]
    assert "missing" in fields["reasons"][0]
    [cold] = fields["missing"]
    assert (cold["symbol"], cold["timeframe"]) == ("BTC/USDT", "1m")
    assert cold["missing"] == cold["needed"] > 0
    status = operator.get("system/scheduler").json()
    assert (status["on"], status["missing"]) == (False, [cold])


def test_the_scheduler_starts_on_warm_data(operator: Api) -> None:
    make_ready_bot()
    operator.post("system/scheduler/stop")

    status = operator.post("system/scheduler/start").json()
    assert (status["on"], status["missing"]) == (True, [])


def test_a_state_that_is_none_is_refused(operator: Api) -> None:
    assert operator.post("system/state", {"state": "FAST"}).status_code == 400
