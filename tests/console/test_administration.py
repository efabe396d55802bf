"""Django's administration: by our sign-in, and only after proving again who one is."""

from __future__ import annotations

import pytest
import time_machine
from django.contrib.auth.models import User
from django.test import Client
from pytest_django import Settings

from config import clock
from tests.console.coming_in import LOGIN, PASSWORD, signed_in, time
from tests.console.pages import text_of
from tests.trading.factories import make_user
from tests.trading.live_desk import set_env
from tests.trading.phones import make_phone

pytestmark = pytest.mark.django_db
__all__ = ["time"]
PEOPLE, CONFIRM = "/admin/auth/user/", "/security/confirm/"


@pytest.fixture
def boss() -> User:
    made = make_user("admin", "boss")
    made.is_staff = made.is_superuser = True
    made.save()
    return made


@pytest.mark.parametrize("method", ["get", "post"])
def test_its_own_sign_in_leads_to_ours(boss: User, method: str) -> None:
    client, given = Client(), {"username": "boss", "password": PASSWORD}

    answer = getattr(client, method)(f"/admin/login/?next={PEOPLE}", given)

    assert answer.headers["Location"].startswith(LOGIN)
    assert client.get(PEOPLE).status_code == 302


def test_somebody_signed_in_does_not_become_somebody_else_there(boss: User) -> None:
    client = signed_in(make_user("viewer", "vera"))

    answer = client.post("/admin/login/", {"username": "boss", "password": PASSWORD})

    assert answer.status_code == 403
    assert client.get(PEOPLE, follow=True).status_code == 403  # and isn't sent in circles


def test_staff_prove_again_who_they_are_and_go_on(boss: User, time: time_machine.Traveller) -> None:
    client = signed_in(boss)
    asked = client.get(f"{PEOPLE}?q=o")
    assert asked.headers["Location"] == f"{CONFIRM}?next=%2Fadmin%2Fauth%2Fuser%2F%3Fq%3Do"
    assert "Who is there?" in text_of(client.get(asked.headers["Location"]))

    wrong = client.post(CONFIRM, {"password": "a guess", "next": PEOPLE})
    assert wrong.status_code == 422
    right = client.post(CONFIRM, {"password": PASSWORD, "next": PEOPLE})

    assert right.headers["Location"] == PEOPLE
    assert client.get(PEOPLE).status_code == 200
    assert signed_in(boss).get(PEOPLE).status_code == 302  # another browser
    time.shift(5 * 60 + 1)
    assert client.get(PEOPLE).status_code == 302


def test_a_post_without_it_changes_nothing(boss: User) -> None:
    given = {"username": "eve", "password1": "a long password", "password2": "a long password"}

    answer = signed_in(boss).post(f"{PEOPLE}add/", given)

    assert answer.headers["Location"].startswith(CONFIRM)
    assert not User.objects.filter(username="eve").exists()


def test_with_a_second_factor_the_code_is_needed_too(boss: User) -> None:
    phone = make_phone(boss, now=clock.now())
    client, said = signed_in(boss), {"password": PASSWORD, "next": PEOPLE}

    assert client.post(CONFIRM, said).status_code == 422
    assert client.get(PEOPLE).status_code == 302
    assert client.post(CONFIRM, {**said, "code": phone.code(clock.now())}).status_code == 302
    assert client.get(PEOPLE).status_code == 200


def test_where_money_needs_a_second_factor_roles_do(boss: User, settings: Settings) -> None:
    set_env(settings, auth_second_factor="live")
    client = signed_in(boss)
    client.post(CONFIRM, {"password": PASSWORD})

    assert client.get(PEOPLE).headers["Location"] == "/security/"


@pytest.mark.parametrize("to", ["https://evil.example/", "//evil.example", "javascript:x", ""])
def test_it_leads_to_no_other_site(boss: User, to: str) -> None:
    answer = signed_in(boss).post(CONFIRM, {"password": PASSWORD, "next": to})

    assert answer.headers["Location"] == "/"


def test_second_factors_are_not_in_its_tables(boss: User) -> None:
    client = signed_in(boss)
    client.post(CONFIRM, {"password": PASSWORD})

    assert client.get("/admin/mfa/authenticator/").status_code == 404
    assert client.get("/admin/password_change/").headers["Location"] == "/accounts/password/"
