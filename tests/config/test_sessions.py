"""Sessions end when nobody uses them, and twelve hours after the sign-in however much they do."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
import time_machine
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.test import Client
from pytest_django import Settings

from config import clock
from config.sessions import BEGUN
from config.websocket_auth import SocketCaller
from tests.api.factories import PASSWORD, make_user
from tests.trading.live_desk import set_env
from trading import access, services

pytestmark = pytest.mark.django_db
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
URL = "/tokens/"


@pytest.fixture
def time() -> Iterator[time_machine.Traveller]:
    with time_machine.travel(clock.now(), tick=False) as traveller:
        services.ensure_system_state(now=clock.now())
        services.sync_roles()
        yield traveller


@pytest.fixture
def client(time: time_machine.Traveller) -> Client:
    make_user(access.VIEWER, username="vera")
    client = Client()
    client.post("/accounts/login/", {"login": "vera", "password": PASSWORD})
    assert is_in(client)
    return client


def is_in(client: Client) -> bool:
    return client.get(URL).status_code == 200


def test_it_ends_after_half_an_hour_without_a_request(
    client: Client, time: time_machine.Traveller
) -> None:
    time.shift(30 * MINUTE - timedelta(seconds=1))
    assert is_in(client)
    time.shift(30 * MINUTE)

    assert not is_in(client)


def test_a_used_one_stays_and_ends_after_twelve_hours(
    client: Client, time: time_machine.Traveller
) -> None:
    for _ in range(12 * 3 - 1):
        time.shift(20 * MINUTE)
        assert is_in(client)

    time.shift(20 * MINUTE)
    assert not is_in(client)


def test_what_is_written_into_it_does_not_make_it_longer(
    client: Client, time: time_machine.Traveller
) -> None:
    for _ in range(12 * 3 - 1):
        time.shift(20 * MINUTE)
        session = client.session
        session["note"] = clock.now().isoformat()
        session.save()
    assert is_in(client)

    time.shift(20 * MINUTE)
    assert not is_in(client)


def test_changing_the_password_does_not_make_it_longer(
    client: Client, time: time_machine.Traveller
) -> None:
    for _ in range(33):
        time.shift(20 * MINUTE)
        assert is_in(client)
    new = "quite another password"
    given = {"oldpassword": PASSWORD, "password1": new, "password2": new}
    assert client.post("/accounts/password/", given).status_code == 302
    time.shift(29 * MINUTE)
    assert is_in(client)
    time.shift(29 * MINUTE)
    assert is_in(client)

    time.shift(3 * MINUTE)
    assert not is_in(client)


def test_a_new_sign_in_begins_a_new_day(client: Client, time: time_machine.Traveller) -> None:
    time.shift(13 * HOUR)
    assert not is_in(client)

    client.post("/accounts/login/", {"login": "vera", "password": PASSWORD})

    time.shift(20 * MINUTE)
    assert is_in(client)


def test_the_cookie_goes_with_the_browser(client: Client) -> None:
    assert client.cookies["sessionid"]["max-age"] == ""


def test_use_is_written_at_most_once_a_minute(
    client: Client,
    time: time_machine.Traveller,
) -> None:
    def ends() -> object:
        return Session.objects.get().expire_date

    before = ends()
    time.shift(50)
    assert is_in(client)
    assert ends() == before
    time.shift(10)
    assert is_in(client)
    assert ends() == clock.now() + 30 * MINUTE


def test_what_others_wrote_into_it_meanwhile_stays(
    client: Client, time: time_machine.Traveller
) -> None:
    time.shift(5 * MINUTE)
    other = client.session
    other["seed"] = "x"
    other.save()

    assert is_in(client)

    assert client.session["seed"] == "x"


def test_a_stream_sees_the_end_and_does_not_move_it(
    client: Client, time: time_machine.Traveller
) -> None:
    caller = SocketCaller(client.cookies["sessionid"].value, "")
    for _ in range(29):
        time.shift(MINUTE)
        assert caller._may(access.VIEW)

    time.shift(MINUTE)
    assert not caller._may(access.VIEW)


def test_a_session_that_was_ended_is_not_made_again_by_its_use(
    client: Client, time: time_machine.Traveller
) -> None:
    time.shift(5 * MINUTE)
    services.end_sessions(user=User.objects.get(username="vera"), by=None, now=clock.now())

    assert not is_in(client)
    assert not Session.objects.exists()


def test_the_idle_time_can_be_turned_off(
    client: Client, time: time_machine.Traveller, settings: Settings
) -> None:
    set_env(settings, session_idle_minutes=0)
    assert is_in(client)
    time.shift(11 * HOUR)

    assert is_in(client)
    time.shift(HOUR)
    assert not is_in(client)


def test_one_from_before_the_sign_in_was_noted_ends_when_it_would_have(
    client: Client, time: time_machine.Traveller
) -> None:
    session = client.session
    del session[BEGUN]
    session.save()
    for _ in range(2):
        time.shift(14 * MINUTE)
        assert is_in(client)

    time.shift(2 * MINUTE)
    assert not is_in(client)
