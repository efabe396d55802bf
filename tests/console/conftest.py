"""Browsers of people with each role, on a console that has been started once."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.test import Client

from tests.trading.factories import NOW, make_user
from trading import access, services

SignIn = Callable[[str], Client]


@pytest.fixture
def sign_in(db: None) -> SignIn:
    """A browser of somebody with this role; "" is an account without one."""

    def of(role: str) -> Client:
        user = make_user(role or access.VIEWER, role or "nobody")
        if not role:
            user.groups.clear()
        client = Client()
        client.force_login(user)
        return client

    services.ensure_system_state(now=NOW)
    return of


@pytest.fixture
def viewer(sign_in: SignIn) -> Client:
    return sign_in(access.VIEWER)


@pytest.fixture
def operator(sign_in: SignIn) -> Client:
    return sign_in(access.OPERATOR)


@pytest.fixture
def admin(sign_in: SignIn) -> Client:
    return sign_in(access.ADMIN)
