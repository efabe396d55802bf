"""Writes of one caller are counted; reads are not."""

from __future__ import annotations

import pytest
from rest_framework.settings import api_settings

from config import bus
from tests.api.factories import Api


@pytest.fixture
def three_writes(monkeypatch: pytest.MonkeyPatch) -> None:
    rates = {**api_settings.DEFAULT_THROTTLE_RATES, "writes": "3/min"}
    monkeypatch.setattr(api_settings, "DEFAULT_THROTTLE_RATES", rates)


def test_too_many_writes_are_told_when_to_come_back(three_writes: None, operator: Api) -> None:
    answers = [operator.post("system/scheduler/stop") for _ in range(4)]

    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    assert answers[3].json()["code"] == "THROTTLED"
    assert 1 <= int(answers[3].headers["Retry-After"]) <= 60
    assert operator.get("bots").status_code == 200


def test_one_caller_does_not_use_up_anothers(three_writes: None, operator: Api, admin: Api) -> None:
    for _ in range(4):
        operator.post("system/scheduler/stop")

    assert admin.post("system/scheduler/stop").status_code == 200


def test_while_the_bus_is_away_nobody_is_refused(
    three_writes: None, operator: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away() -> object:
        raise ConnectionError("no bus")

    with monkeypatch.context() as patch:
        patch.setattr(bus, "client", away)
        answers = [operator.post("system/scheduler/stop") for _ in range(4)]

    assert [answer.status_code for answer in answers] == [200] * 4
