"""The second factor at the API: login, confirmation, and what is closed to people without one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import time_machine
from django.core.cache import cache
from django.test import Client
from pytest_django import Settings

from config import clock
from tests.api.factories import PASSWORD, Api, make_user
from tests.trading.live_desk import set_env
from tests.trading.phones import PERIOD, Phone, make_phone, wrong_code
from trading import access
from trading.models import ApiToken, AuditEvent, Confirmation


@pytest.fixture(autouse=True)
def time(console: None) -> Iterator[time_machine.Traveller]:
    """It stands still, so that no code ends in the middle of a test."""
    with time_machine.travel(clock.now(), tick=False) as traveller:
        cache.clear()
        yield traveller


def phone_of(api: Api) -> Phone:
    assert api.user is not None
    return make_phone(api.user, now=clock.now())


def login(**changes: str) -> Any:
    body = {"username": "operator", "password": PASSWORD, **changes}
    return Client().post("/api/v1/auth/login", body, content_type="application/json")


def confirm(api: Api, **changes: str) -> Any:
    return api.post("auth/confirm", {"password": PASSWORD, **changes})


class TestLogin:
    def test_the_code_is_asked_by_a_stable_code(self, operator: Api) -> None:
        phone_of(operator)

        answer = login()

        assert (answer.status_code, answer.json()["code"]) == (403, "SECOND_FACTOR_REQUIRED")
        assert "code" in answer.json()["fields"]
        assert not ApiToken.objects.filter(name="login").exists()

    def test_with_the_code_there_is_a_token(self, operator: Api) -> None:
        phone = phone_of(operator)

        answer = login(code=phone.code(clock.now()))

        assert answer.status_code == 200
        assert answer.json()["second_factor"] is True
        assert Api(answer.json()["token"]).get("auth/me").json()["second_factor"] is True

    def test_a_code_makes_one_token(self, operator: Api) -> None:
        phone = phone_of(operator)
        codes = (phone.code(clock.now()), phone.paper[0])

        for code in codes:
            assert login(code=code).status_code == 200
            again = login(code=code)
            assert (again.status_code, again.json()["code"]) == (422, "CODE_WRONG")
        assert ApiToken.objects.filter(name="login").count() == 2

    def test_without_the_password_no_code_is_tried(self, operator: Api) -> None:
        phone = phone_of(operator)

        answer = login(password="a guess", code=phone.code(clock.now()))

        assert (answer.status_code, answer.json()["code"]) == (401, "AUTHENTICATION_FAILED")
        assert login(code=phone.code(clock.now())).status_code == 200

    def test_wrong_codes_lock_the_door_as_wrong_passwords_do(self, operator: Api) -> None:
        phone = phone_of(operator)
        wrong = wrong_code(phone, clock.now())

        said = [login(code=wrong).json()["code"] for _ in range(5)]
        locked = login(code=phone.code(clock.now()))

        assert said == ["CODE_WRONG"] * 5
        assert (locked.status_code, locked.json()["code"]) == (429, "LOGIN_LOCKED")
        assert AuditEvent.objects.filter(action="user.code_refused").count() == 5

    def test_a_right_password_between_them_does_not_open_it(self, operator: Api) -> None:
        phone = phone_of(operator)
        for _ in range(5):
            login(code=wrong_code(phone, clock.now()))
            login()

        assert login(code=phone.code(clock.now())).status_code == 429

    def test_people_without_one_need_no_code(self, operator: Api) -> None:
        assert login().json()["second_factor"] is False
        assert login(code="123456").status_code == 200

    def test_tokens_go_on_without_codes(self, operator: Api) -> None:
        phone_of(operator)

        assert operator.get("bots").status_code == 200
        assert operator.post("auth/tokens", {"name": "another"}).status_code == 201


class TestConfirm:
    def test_it_needs_the_code_too(self, operator: Api) -> None:
        phone = phone_of(operator)

        refused = confirm(operator)
        wrong = confirm(operator, code=wrong_code(phone, clock.now()))

        assert (refused.status_code, refused.json()["code"]) == (403, "SECOND_FACTOR_REQUIRED")
        assert (wrong.status_code, wrong.json()["code"]) == (422, "CODE_WRONG")
        assert not Confirmation.objects.exists()
        assert confirm(operator, code=phone.code(clock.now())).status_code == 200

    def test_the_same_code_confirms_once(self, operator: Api, time: time_machine.Traveller) -> None:
        phone = phone_of(operator)
        code = phone.code(clock.now())
        assert confirm(operator, code=code).status_code == 200

        assert confirm(operator, code=code).json()["code"] == "CODE_WRONG"
        time.shift(PERIOD)
        assert confirm(operator, code=phone.code(clock.now())).status_code == 200

    def test_a_code_of_somebody_else_confirms_nothing(self, operator: Api, admin: Api) -> None:
        phone_of(operator)
        others = phone_of(admin)

        assert confirm(operator, code=others.code(clock.now())).json()["code"] == "CODE_WRONG"
        assert confirm(admin, code=others.code(clock.now())).status_code == 200

    def test_a_repeated_key_undoes_no_count(self, operator: Api) -> None:
        phone = phone_of(operator)
        wrong = {"password": PASSWORD, "code": wrong_code(phone, clock.now())}
        for place in range(5):
            operator.post("auth/confirm", wrong, key=f"key-{place % 2}")

        assert confirm(operator, code=phone.code(clock.now())).status_code == 429

    def test_a_code_that_is_no_text_is_refused(self, operator: Api) -> None:
        phone_of(operator)

        for code in (None, ["1"], {"a": 1}, "9" * 41):
            answer = operator.post("auth/confirm", {"password": PASSWORD, "code": code})
            assert answer.status_code == 400, code


class TestWhoMustHaveOne:
    def test_confirming_is_not_enough_without_one(self, admin: Api, settings: Settings) -> None:
        set_env(settings, auth_second_factor="live")
        assert confirm(admin).status_code == 200

        stopped = admin.post("system/emergency-stop", {"reason": "a test"})
        resumed = admin.post("system/state", {"state": "RUNNING", "reason": "It is safe."})

        assert stopped.status_code == 200  # stopping never waits for anything
        assert resumed.status_code == 403
        assert resumed.json()["code"] == "SECOND_FACTOR_NEEDED"
        assert "/security/" in resumed.json()["detail"]

    def test_with_one_it_is(self, admin: Api, settings: Settings) -> None:
        set_env(settings, auth_second_factor="live")
        admin.post("system/emergency-stop", {"reason": "a test"})
        phone_of(admin)

        answer = admin.post("system/state", {"state": "RUNNING", "reason": "It is safe."})

        assert answer.status_code == 200

    def test_where_everybody_needs_one_nobody_without_makes_a_token(
        self, operator: Api, settings: Settings
    ) -> None:
        set_env(settings, auth_second_factor="required")

        for answer in (login(), operator.post("auth/tokens", {"name": "another"})):
            assert (answer.status_code, answer.json()["code"]) == (403, "SECOND_FACTOR_NEEDED")
        assert operator.get("bots").status_code == 200  # a token that stands goes on

    def test_where_only_money_needs_one_tokens_are_made(
        self, operator: Api, settings: Settings
    ) -> None:
        set_env(settings, auth_second_factor="live")

        assert login().status_code == 200


def test_who_asks_sees_whether_there_is_one(viewer: Api) -> None:
    assert viewer.get("auth/me").json()["second_factor"] is False
    make_phone(make_user(access.VIEWER), now=clock.now())
    assert viewer.get("auth/me").json()["second_factor"] is True
