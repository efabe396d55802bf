"""A password is traded for a token; wrong ones lock the door on the API as on the page."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from tests.api.factories import PASSWORD, Api, make_user
from trading.models import ApiToken, AuditEvent, IdempotencyKey

LOGIN = "/api/v1/auth/login"


def login(password: str = PASSWORD, *, username: str = "viewer") -> Any:
    body = {"username": username, "password": password}
    return Client().post(LOGIN, body, content_type="application/json")


def test_a_login_gives_a_token_that_works_and_expires(console: None) -> None:
    make_user()

    answer = login()

    body = answer.json()
    assert Api(body["token"]).get("auth/me").json()["username"] == "viewer"
    token = ApiToken.objects.get(name="login")
    assert (token.expires_at - token.created_at).days == 1
    assert body["role"] == "viewer"
    assert body["permissions"] == ["trading.view_console"]


def test_a_login_is_audited_and_so_is_a_failed_one(console: None) -> None:
    make_user()
    login("wrong")
    login()

    actions = set(AuditEvent.objects.values_list("action", flat=True))

    assert {"user.login_failed", "user.logged_in", "token.created"} <= actions


def test_a_wrong_password_is_a_401_that_does_not_say_which_part_was_wrong(console: None) -> None:
    make_user()

    known, unknown = login("wrong"), login("wrong", username="nobody")

    assert known.status_code == unknown.status_code == 401
    assert known.content == unknown.content


def test_after_five_wrong_passwords_the_right_one_is_refused_too(console: None) -> None:
    make_user()
    for _ in range(5):
        login("wrong")

    answer = login()

    assert answer.status_code == 429
    assert answer.json()["code"] == "LOGIN_LOCKED"
    assert answer.headers["Retry-After"] == "300"
    assert not ApiToken.objects.filter(name="login").exists()


def test_a_login_is_never_remembered_under_a_key(viewer: Api) -> None:
    body = {"username": "viewer", "password": PASSWORD}

    first, again = (viewer.post("auth/login", body, key="k1") for _ in range(2))

    assert first.json()["token"] != again.json()["token"]
    assert not IdempotencyKey.objects.exists()


def test_tries_of_one_address_are_counted_whoever_it_says_it_is(console: None) -> None:
    answers = [login("wrong", username=f"user{number}") for number in range(11)]

    assert answers[-1].status_code == 429
    assert int(answers[-1].headers["Retry-After"]) >= 1


def test_an_inactive_person_can_not_come_in(console: None) -> None:
    user = make_user()
    user.is_active = False
    user.save()

    assert login().status_code == 401


def test_a_logout_revokes_the_token_it_came_with(viewer: Api) -> None:
    assert viewer.post("auth/logout").status_code == 204

    assert viewer.get("auth/me").status_code == 401
    assert AuditEvent.objects.filter(action="user.logged_out").exists()


def test_a_logout_ends_a_session(console: None) -> None:
    make_user()
    browser = Client()
    browser.login(username="viewer", password=PASSWORD)

    assert browser.post("/api/v1/auth/logout").status_code == 204
    assert browser.get("/api/v1/auth/me").status_code == 401


def test_me_tells_a_session_from_a_token(viewer: Api) -> None:
    browser = Client()
    browser.force_login(viewer.user)  # type: ignore[arg-type]

    assert browser.get("/api/v1/auth/me").json()["auth"] == "session"
    assert viewer.get("auth/me").json()["auth"] == "token"


@pytest.mark.parametrize("header", ["Bearer", "Bearer a b", "Bearer nonsense", "bearer cs_x"])
def test_a_header_that_names_no_token_is_a_401(console: None, header: str) -> None:
    answer = Client().get("/api/v1/bots", headers={"Authorization": header})

    assert (answer.status_code, answer.json()["code"]) == (401, "AUTHENTICATION_FAILED")


def test_a_session_may_not_write_without_its_csrf_token(console: None) -> None:
    make_user("operator")
    browser = Client(enforce_csrf_checks=True)
    browser.login(username="operator", password=PASSWORD)

    answer = browser.post("/api/v1/system/scheduler/stop")

    assert (answer.status_code, answer.json()["code"]) == (403, "CSRF_FAILED")
