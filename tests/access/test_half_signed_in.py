"""Who gave the password and not yet the code is nobody: no page, no route, no stream opens."""

from __future__ import annotations

import httpx
import pytest
from django.contrib.auth.models import User
from django.core.cache import cache
from django.test import Client
from pytest_django import Settings
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from config import clock
from config.websocket_auth import SocketCaller
from tests.access.table import PAGES, PUBLIC, TABLE
from tests.access.test_urls import Caller, knock, walked
from tests.api.factories import PASSWORD, make_user
from tests.conftest import AsgiServer
from tests.trading.live_desk import set_env
from tests.trading.phones import PERIOD, Phone, make_phone
from trading import access

LOGIN, CODE = "/accounts/login/", "/accounts/code/"


@pytest.fixture
def boss(console: None) -> User:
    cache.clear()
    return make_user(access.ADMIN, username="boss")


@pytest.fixture
def phone(boss: User) -> Phone:
    return make_phone(boss, now=clock.now())


@pytest.fixture
def half(phone: Phone) -> Client:
    """A browser of an administrator between the two pages."""
    client = Client(raise_request_exception=False)
    answer = client.post(LOGIN, {"login": "boss", "password": PASSWORD})
    assert answer.headers["Location"] == CODE
    return client


def test_no_url_of_the_table_opens(half: Client, ids: dict[str, str]) -> None:
    caller = Caller("half signed in", half, None)

    opened = [
        f"{method} {pattern} -> {status}"
        for pattern in walked()
        for method, right in TABLE[pattern].items()
        if right != PUBLIC
        for status in [knock(caller, method, pattern, ids)]
        if status not in {"login", "401", "403"}
    ]

    assert opened == []
    assert half.get("/admin/").status_code == 302
    # It still is between the two pages: the walk tried everything with a session that counts.
    assert half.get(CODE).status_code == 200


def test_no_session_that_lacks_a_required_second_factor_opens_a_url(
    boss: User, ids: dict[str, str], settings: Settings
) -> None:
    set_env(settings, auth_second_factor="required")
    client = Client(raise_request_exception=False)
    client.force_login(boss)
    caller = Caller("without a second factor", client, boss)
    free = {url for url in PAGES if url.startswith(("/accounts/", "/security/"))}

    opened = [
        f"{method} {pattern} -> {status}"
        for pattern in walked()
        if pattern not in free
        for method, right in TABLE[pattern].items()
        if right != PUBLIC
        for status in [knock(caller, method, pattern, ids)]
        if status not in {"302", "403"}
    ]

    assert opened == []


def may(client: Client) -> bool:
    """Whether a stream would open with this browser's session."""
    return SocketCaller(client.cookies["sessionid"].value, "")._may(access.VIEW)


def test_no_stream_opens_before_the_code(half: Client, phone: Phone) -> None:
    assert not may(half)

    half.post(CODE, {"code": phone.code(clock.now())})

    assert may(half)


def test_streams_close_to_people_without_a_required_one(boss: User, settings: Settings) -> None:
    client = Client()
    client.force_login(boss)
    assert may(client)

    set_env(settings, auth_second_factor="required")

    assert not may(client)
    make_phone(boss, now=clock.now())
    client.force_login(boss)
    assert may(client)


def test_over_the_wire_the_code_opens_page_route_stream_and_socket(
    asgi_server: AsgiServer, phone: Phone
) -> None:
    with httpx.Client(base_url=asgi_server.url, timeout=20) as browser:
        browser.get(LOGIN)
        said = {"csrfmiddlewaretoken": browser.cookies["csrftoken"]}
        to = browser.post(LOGIN, data={"login": "boss", "password": PASSWORD, **said})
        assert to.headers["Location"] == CODE
        assert seen(browser, asgi_server) == (302, 401, 401, 403)

        browser.get(CODE)
        said = {"csrfmiddlewaretoken": browser.cookies["csrftoken"]}
        assert browser.post(CODE, data={"code": "000000"}).status_code == 403  # no token
        browser.post(CODE, data={"code": phone.code(clock.now() + PERIOD), **said})

        assert seen(browser, asgi_server) == (200, 200, 200, 101)


def seen(browser: httpx.Client, server: AsgiServer) -> tuple[int, int, int, int]:
    """What a page, a route of the API, the event stream and a socket answer."""
    page = browser.get("/").status_code
    route = browser.get("/api/v1/bots").status_code
    with browser.stream("GET", "/sse") as stream:
        events = stream.status_code
    cookie = "; ".join(f"{name}={value}" for name, value in browser.cookies.items())
    headers = {"Cookie": cookie, "Origin": server.url}
    try:
        with connect(f"{server.ws_url}/ws/events", additional_headers=headers):
            return page, route, events, 101
    except InvalidStatus as refused:
        return page, route, events, refused.response.status_code
