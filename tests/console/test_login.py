"""Coming in and going out, each with its line in the audit log."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import NoReverseMatch, reverse

from tests.console.pages import text_of
from tests.trading.factories import make_user
from trading.models import AuditEvent

pytestmark = pytest.mark.django_db


def _sign_in(client: Client, password: str) -> int:
    data = {"login": "vera", "password": password}
    return client.post("/accounts/login/", data).status_code


def _actions() -> list[str]:
    return list(AuditEvent.objects.order_by("seq").values_list("action", flat=True))


def test_a_person_signs_in_with_the_password(client: Client) -> None:
    make_user("viewer", "vera")

    assert _sign_in(client, "secret") == 302
    assert client.get("/").status_code == 200
    assert _actions()[-1] == "user.logged_in"


def test_a_wrong_password_is_refused_and_noted(client: Client) -> None:
    make_user("viewer", "vera")

    assert _sign_in(client, "guess") == 200
    assert _actions()[-1] == "user.login_failed"


def test_the_wrong_password_is_not_in_the_log(client: Client) -> None:
    make_user("viewer", "vera")

    _sign_in(client, "guess-me-not")

    assert "guess-me-not" not in str(list(AuditEvent.objects.values()))


def test_five_wrong_passwords_pause_the_account(client: Client) -> None:
    make_user("viewer", "vera")
    for _ in range(5):
        _sign_in(client, "guess")

    response = client.post("/accounts/login/", {"login": "vera", "password": "secret"})

    assert response.status_code != 302
    assert "Too many failed login attempts" in text_of(response)


def test_signing_out_is_asked_first_and_then_noted(client: Client) -> None:
    client.force_login(make_user("viewer", "vera"))

    assert "Sign out?" in text_of(client.get("/accounts/logout/"))
    assert client.post("/accounts/logout/").status_code == 302
    assert _actions()[-1] == "user.logged_out"
    assert client.get("/").status_code == 302


@pytest.mark.parametrize("door", ["account_signup", "account_reset_password", "account_email"])
def test_there_is_no_other_door(door: str) -> None:
    with pytest.raises(NoReverseMatch):
        reverse(door)


def test_a_password_is_changed_by_its_owner(client: Client) -> None:
    client.force_login(make_user("viewer", "vera"))
    data = {"oldpassword": "secret", "password1": "longer words 9", "password2": "longer words 9"}

    assert client.post("/accounts/password/", data).status_code == 302
    client.logout()
    assert _sign_in(client, "longer words 9") == 302


def test_somebody_who_is_signed_in_is_not_asked_again(client: Client) -> None:
    client.force_login(make_user("viewer", "vera"))

    assert client.get("/accounts/login/").status_code == 302
