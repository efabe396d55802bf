"""Strategies and their versions over HTTP."""

from __future__ import annotations

from tests.api.factories import Api
from trading.models import AuditEvent

FASTER = {"params": {"fast": 8, "slow": 21}, "note": "Faster"}


def test_a_strategy_shows_the_schema_of_its_parameters(viewer: Api) -> None:
    body = viewer.get("strategies/trend_ema").json()

    assert body["params_schema"]["properties"]["fast"]["default"] == 12
    assert (body["active_version"], body["versions"]) == (1, 1)
    assert viewer.get(f"strategies/{body['id']}").json() == body
    assert body in viewer.get("strategies").json()["results"]


def test_a_version_is_a_candidate_with_its_diff(operator: Api) -> None:
    made = operator.post("strategies/trend_ema/versions", FASTER)

    body = made.json()
    assert (made.status_code, body["number"], body["state"]) == (201, 2, "CANDIDATE")
    assert (body["created_by"], body["note"]) == ("operator", "Faster")
    changed = {row["name"]: (row["before"], row["after"]) for row in body["diff"]}
    assert changed == {"fast": (12, 8), "slow": (26, 21)}
    listed = operator.get("strategies/trend_ema/versions").json()["results"]
    assert [row["number"] for row in listed] == [2, 1]
    assert listed[0] == body


def test_the_same_parameters_are_the_same_version_and_one_event(operator: Api) -> None:
    first = operator.post("strategies/trend_ema/versions", FASTER)
    again = operator.post("strategies/trend_ema/versions", FASTER)

    assert first.json() == again.json()
    assert AuditEvent.objects.filter(action="strategy_version.created").count() == 1


def test_parameters_out_of_bounds_are_named(operator: Api) -> None:
    answer = operator.post("strategies/trend_ema/versions", {"params": {"fast": 0, "odd": 1}})

    assert (answer.status_code, answer.json()["code"]) == (422, "STRATEGY_PARAMS_INVALID")
    assert set(answer.json()["fields"]) == {"fast", "odd"}


def test_what_is_not_there_is_a_404(operator: Api) -> None:
    for path in ("strategies/none", "strategies/999", "strategies/none/versions"):
        assert operator.get(path).json()["code"] == "STRATEGY_UNKNOWN"
    assert operator.post("strategies/none/versions", FASTER).status_code == 404


def test_a_viewer_makes_no_version(viewer: Api) -> None:
    assert viewer.post("strategies/trend_ema/versions", FASTER).status_code == 403
