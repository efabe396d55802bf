"""People at the sign-in pages, with their phones, while the clock stands still."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import time_machine
from django.contrib.auth.models import User
from django.core.cache import cache
from django.test import Client

from config import clock
from tests.trading.factories import make_user
from tests.trading.phones import Phone, make_phone
from trading import services
from trading.models import AuditEvent

PASSWORD = "secret"  # of people from tests.trading.factories
LOGIN, CODE = "/accounts/login/", "/accounts/code/"


@pytest.fixture(autouse=True)
def time() -> Iterator[time_machine.Traveller]:
    """It stands still, so that no code ends in the middle of a test."""
    with time_machine.travel(clock.now(), tick=False) as traveller:
        cache.clear()
        services.ensure_system_state(now=clock.now())
        yield traveller


@pytest.fixture
def olga() -> User:
    return make_user("operator", "olga")


@pytest.fixture
def phone(olga: User) -> Phone:
    return make_phone(olga, now=clock.now())


@pytest.fixture
def inside(olga: User) -> Client:
    return signed_in(olga)


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def password_given(**more: str) -> Client:
    client = Client()
    answer = client.post(LOGIN, {"login": "olga", "password": PASSWORD, **more})
    assert (answer.status_code, answer.headers["Location"]) == (302, CODE)
    return client


def is_in(client: Client) -> bool:
    return client.get("/").status_code == 200


def proof(phone: Phone, **changes: str) -> dict[str, str]:
    return {"password": PASSWORD, "code": phone.code(clock.now()), **changes}


def last(action: str) -> AuditEvent:
    return AuditEvent.objects.filter(action=action).latest("seq")
