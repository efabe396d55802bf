"""After the password a code is asked of people with a second factor; nothing opens before."""

from __future__ import annotations

import pytest
import time_machine
from django.contrib.auth.models import User
from django.test import Client

from config import clock
from tests.console.coming_in import (
    CODE,
    LOGIN,
    PASSWORD,
    is_in,
    last,
    olga,
    password_given,
    phone,
    time,
)
from tests.console.pages import body, text_of
from tests.trading.factories import make_user
from tests.trading.phones import PERIOD, Phone, make_phone, wrong_code
from trading import services
from trading.models import AuditEvent

pytestmark = pytest.mark.django_db
__all__ = ["olga", "phone", "time"]


def test_the_code_is_asked_after_the_password(phone: Phone) -> None:
    client = password_given()
    assert not is_in(client)
    page = body(client.get(CODE))
    assert 'autocomplete="one-time-code"' in page
    assert 'inputmode="numeric"' in page

    answer = client.post(CODE, {"code": phone.code(clock.now())})

    assert (answer.status_code, answer.headers["Location"]) == (302, "/")
    assert is_in(client)
    assert AuditEvent.objects.latest("seq").action == "user.logged_in"


def test_it_leads_to_where_the_person_wanted_to_go(phone: Phone) -> None:
    client = password_given(next="/orders/")

    answer = client.post(CODE, {"code": phone.code(clock.now())})

    assert answer.headers["Location"] == "/orders/"


def test_a_code_that_was_pasted_with_a_space_counts(phone: Phone) -> None:
    code, client = phone.code(clock.now()), password_given()

    client.post(CODE, {"code": f" {code[:3]} {code[3:]}\n"})

    assert is_in(client)


def test_a_recovery_code_counts_once(phone: Phone) -> None:
    for expected in (True, False):
        client = password_given()
        client.post(CODE, {"code": phone.paper[0]})
        assert is_in(client) is expected


def test_a_code_that_signed_somebody_in_signs_nobody_else_in(phone: Phone) -> None:
    code, first, second = phone.code(clock.now()), password_given(), password_given()
    first.post(CODE, {"code": code})

    answer = second.post(CODE, {"code": code})

    assert answer.status_code == 422
    assert "Wrong, or used already" in text_of(answer)
    assert (is_in(first), is_in(second)) == (True, False)


def test_an_old_code_and_somebody_elses_open_nothing(phone: Phone) -> None:
    others = make_phone(make_user("operator", "otto"), now=clock.now())
    client, now = password_given(), clock.now()

    for code in (phone.code(now - 2 * PERIOD), others.code(now), others.paper[0], ""):
        assert client.post(CODE, {"code": code}).status_code == 422
    assert not is_in(client)


def test_what_was_typed_is_neither_shown_again_nor_logged(phone: Phone) -> None:
    wrong = wrong_code(phone, clock.now())

    answer = password_given().post(CODE, {"code": wrong})

    assert wrong not in body(answer)
    assert wrong not in str(list(AuditEvent.objects.values_list("after", "reason", "subject")))
    assert last("user.code_refused").after == {"username": "olga"}


def test_five_wrong_codes_close_the_door_to_the_right_one_too(
    phone: Phone, time: time_machine.Traveller
) -> None:
    for _ in range(5):  # a new browser each time: it is counted for the person
        password_given().post(CODE, {"code": wrong_code(phone, clock.now())})
    client = password_given()

    answer = client.post(CODE, {"code": phone.code(clock.now())})

    assert "Too many failed login attempts" in text_of(answer)
    assert not is_in(client)
    time.shift(301)
    client = password_given()
    client.post(CODE, {"code": phone.code(clock.now())})
    assert is_in(client)


def test_the_page_is_not_there_without_a_password_just_before(
    phone: Phone, time: time_machine.Traveller
) -> None:
    right = {"code": phone.code(clock.now())}
    assert Client().post(CODE, right).headers["Location"] == "/"
    late = password_given()
    time.shift(15 * 60 + 1)

    assert late.post(CODE, {"code": phone.code(clock.now())}).headers["Location"] == "/"
    assert not is_in(late)


def test_the_password_of_one_and_the_code_of_another_sign_nobody_in(phone: Phone) -> None:
    otto = make_user("operator", "otto")
    others = make_phone(otto, now=clock.now())
    client = password_given()

    client.post(CODE, {"code": others.code(clock.now()), "login": "otto", "user": otto.pk})

    assert not is_in(client)


def test_it_can_be_given_up(phone: Phone) -> None:
    client = password_given()

    assert client.post(CODE, {"cancel": "1"}).headers["Location"] == LOGIN
    assert client.get(LOGIN).status_code == 200
    assert client.post(CODE, {"code": phone.code(clock.now())}).headers["Location"] == "/"


def test_a_reset_meanwhile_means_to_begin_again(phone: Phone) -> None:
    client = password_given()
    services.reset_second_factor(username="olga", by=None, reason="lost", now=clock.now())

    assert client.post(CODE, {"code": "000000"}).headers["Location"] == LOGIN
    assert not is_in(client)


def test_a_form_of_another_page_is_refused(phone: Phone) -> None:
    half = password_given()
    forged = Client(enforce_csrf_checks=True)
    forged.cookies = half.cookies

    assert forged.post(CODE, {"code": phone.code(clock.now())}).status_code == 403
    assert not is_in(half)


def test_people_without_one_sign_in_as_before(olga: User) -> None:
    client = Client()

    assert client.post(LOGIN, {"login": "olga", "password": PASSWORD}).status_code == 302
    assert is_in(client)
