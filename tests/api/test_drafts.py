"""Drafts and retiring over HTTP: what may change, who may, and what happens twice."""

from __future__ import annotations

from typing import Any

import pytest

from strategies.models import StrategyVersion
from tests.api.factories import Api, make_symbol
from trading.models import AuditEvent

VERSIONS = "strategies/trend_ema/versions"
DRAFT = {"params": {"fast": 8, "slow": 21}, "note": "An idea", "draft": True}


def drafted(api: Api, **params: Any) -> dict[str, Any]:
    made = api.post(VERSIONS, {**DRAFT, "params": {**DRAFT["params"], **params}})  # type: ignore[dict-item]
    assert made.status_code == 201
    return dict(made.json())


def test_a_draft_is_saved_read_changed_and_proposed(operator: Api) -> None:
    draft = drafted(operator)
    path = f"{VERSIONS}/{draft['number']}"
    assert (draft["state"], draft["note"]) == ("DRAFT", "An idea")
    assert operator.get(path).json() == draft

    change = {"params": {"fast": 9}, "params_hash": draft["params_hash"]}
    changed = operator.send("PATCH", path, change).json()
    assert (changed["params"]["fast"], changed["params"]["slow"]) == (9, 21)
    assert changed["note"] == "An idea"
    again = operator.send("PATCH", path, change)
    assert (again.status_code, again.json()["code"]) == (409, "STRATEGY_DRAFT_CHANGED")

    proposed = operator.post(f"{path}/propose", {})
    assert (proposed.status_code, proposed.json()["state"]) == (200, "CANDIDATE")
    twice = operator.post(f"{path}/propose", {})
    assert (twice.status_code, twice.json()["code"]) == (409, "STRATEGY_VERSION_STATE_WRONG")


def test_a_draft_is_deleted_and_gone(operator: Api) -> None:
    path = f"{VERSIONS}/{drafted(operator)['number']}"

    assert operator.send("DELETE", path).status_code == 204
    assert operator.send("DELETE", path).json()["code"] == "STRATEGY_VERSION_UNKNOWN"
    assert drafted(operator)["number"] == 3


@pytest.mark.parametrize(
    "change",
    [
        {"params": {"fast": 0}},
        {"params": {"odd": 1}},
        {"params": "rubbish"},
        {"state": "ACTIVE"},
        {"number": 1},
        {"note": "x" * 201},
    ],
)
def test_rubbish_changes_no_draft(operator: Api, change: dict[str, Any]) -> None:
    draft = drafted(operator)
    path = f"{VERSIONS}/{draft['number']}"

    assert operator.send("PATCH", path, change).status_code in {400, 422}
    assert operator.get(path).json() == draft


def test_a_draft_that_becomes_what_there_is_points_to_it(operator: Api) -> None:
    draft = drafted(operator)
    defaults = {"params": {"fast": 12, "slow": 26}}

    answer = operator.send("PATCH", f"{VERSIONS}/{draft['number']}", defaults)

    assert (answer.status_code, answer.json()["code"]) == (409, "STRATEGY_VERSION_EXISTS")
    assert answer.json()["fields"] == {"version": 1}


def test_no_parameters_change_but_a_drafts(operator: Api) -> None:
    candidate = operator.post(VERSIONS, {"params": {"fast": 9}}).json()

    for number in (1, candidate["number"]):
        path = f"{VERSIONS}/{number}"
        before = operator.get(path).json()
        for answer in (
            operator.send("PATCH", path, {"params": {"fast": 7}}),
            operator.send("DELETE", path),
        ):
            assert answer.json()["code"] == "STRATEGY_VERSION_STATE_WRONG"
        assert operator.get(path).json() == before


def test_the_active_version_is_not_retired_by_hand(operator: Api) -> None:
    answer = operator.post(f"{VERSIONS}/1/retire", {"reason": "no good"})

    assert (answer.status_code, answer.json()["code"]) == (409, "STRATEGY_VERSION_STATE_WRONG")
    assert "what replaces it retires it" in answer.json()["detail"]


def test_a_candidate_is_retired_with_a_reason_and_once(operator: Api) -> None:
    candidate = operator.post(VERSIONS, {"params": {"fast": 9}}).json()
    path = f"{VERSIONS}/{candidate['number']}/retire"

    assert operator.post(path, {}).json()["fields"] == {
        "reason": ["Say why, in 3 to 200 characters."]
    }
    assert operator.post(path, {"reason": "no good"}).json()["state"] == "RETIRED"
    assert operator.post(path, {"reason": "no good"}).status_code == 409
    event = AuditEvent.objects.get(action="strategy_version.retired")
    assert (event.reason, event.actor) == ("no good", "operator")


def test_a_draft_can_be_neither_asked_for_nor_traded(operator: Api) -> None:
    draft, _ = drafted(operator), make_symbol()
    request = operator.post(f"{VERSIONS}/{draft['number']}/request", {"reason": "at once"})
    bot = {"name": "Bold", "symbols": ["BTCUSDT"], "timeframe": "5m", "strategy": "trend_ema"}
    made = operator.post("bots", {**bot, "version": draft["number"]})

    assert (request.status_code, request.json()["code"]) == (400, "APPROVAL_INVALID")
    assert made.status_code in {400, 422}
    assert "draft" in made.json()["detail"]
    assert StrategyVersion.objects.get(pk=draft["id"]).state == "DRAFT"


def test_a_viewer_touches_no_draft(viewer: Api, operator: Api) -> None:
    path = f"{VERSIONS}/{drafted(operator)['number']}"

    assert viewer.get(path).status_code == 200
    assert viewer.post(VERSIONS, DRAFT).status_code == 403
    assert viewer.send("PATCH", path, {"params": {"fast": 9}}).status_code == 403
    assert viewer.send("DELETE", path).status_code == 403
    for verb in ("propose", "retire"):
        assert viewer.post(f"{path}/{verb}", {"reason": "because"}).status_code == 403
