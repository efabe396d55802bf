"""Every URL x method x role against the table."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection, transaction
from django.test import Client
from django.urls import get_resolver

from config.routing import websocket_urlpatterns
from tests.access import table
from tests.access.table import ADMIN_PREFIX, PUBLIC, SIGNED_IN, TABLE
from tests.access.walk import Route, routes
from tests.api.factories import PASSWORD, make_api, make_user
from trading import access

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
SAFE = ("GET",)
# A page among the routes of the API: who isn't signed in is sent to sign in.
PAGES_OF_THE_API = ("/api/v1/docs", "/api/docs")


@dataclass(frozen=True, slots=True)
class Caller:
    """Somebody at the door."""

    name: str
    client: Client
    user: User | None
    may_write: bool = True
    is_program: bool = False

    def holds(self, right: str) -> bool:
        if right == PUBLIC:
            return True
        if self.user is None:
            return False
        return right == SIGNED_IN or self.user.has_perm(right)


@pytest.fixture
def callers(console: None) -> list[Caller]:
    nobody = User.objects.create_user("nobody", password=PASSWORD)
    people = [nobody, *(make_user(role) for role in access.ROLE_PERMISSIONS)]
    found = [Caller("anonymous", Client(), None)]
    for user in people:
        client = Client()
        client.force_login(user)
        found.append(Caller(user.get_username(), client, user))
    for scope in ("read", "write"):
        api = make_api(access.ADMIN, scope=scope)
        found.append(
            Caller(f"{scope} token", api.client, api.user, scope == "write", is_program=True)
        )
    for caller in found:
        caller.client.raise_request_exception = False
    return found


def own_routes() -> list[Route]:
    return [route for route in routes(get_resolver()) if not route.pattern.startswith(ADMIN_PREFIX)]


def test_every_url_is_in_the_table_and_nothing_else_is() -> None:
    assert {route.pattern for route in own_routes()} == set(TABLE)


def test_both_prefixes_of_the_api_lead_to_the_same_views() -> None:
    views = {route.pattern: route.view for route in own_routes()}

    for path in table.API:
        assert views[f"/api/v1/{path}"] is views[f"/api/{path}"], path


def test_each_role_gets_what_the_table_says(callers: list[Caller], ids: dict[str, str]) -> None:
    wrong = [
        f"{caller.name}: {method} {pattern} -> {status}"
        for pattern in walked()
        for method in METHODS
        for caller in asked(callers, TABLE[pattern].get(method))
        for status in [knock(caller, method, pattern, ids)]
        if not fits(caller, method, pattern, status)
    ]

    assert wrong == []


def walked() -> list[str]:
    """The API by its first prefix only: the second leads to the same views."""
    doubles = {f"/api/{path}" for path in table.API}
    return [pattern for pattern in TABLE if pattern not in doubles]


def asked(callers: list[Caller], right: str | None) -> list[Caller]:
    """What doesn't exist is asked for by the weakest and the strongest only; and on another
    database everything is, where the pages may differ but not who may see them.
    """
    all_of_them = right and connection.vendor == "sqlite"
    return [each for each in callers if all_of_them or each.name in {"anonymous", "admin"}]


def knock(caller: Caller, method: str, pattern: str, ids: dict[str, str]) -> str:
    """The status of one request, whose effects are undone; "login" for the way to the door."""
    url = re.sub(r"<(\w+)>", lambda match: ids[match[1]], pattern)
    is_api = pattern.startswith(("/api/", "/sse"))
    body: dict[str, Any] = {"content_type": "application/json"} if is_api else {}
    cookies = copy.deepcopy(caller.client.cookies)
    undone = transaction.atomic()
    undone._from_testcase = True  # type: ignore[attr-defined]  # durable blocks may be inside
    with undone:
        answer = caller.client.generic(method, url, b"{}" if is_api else b"", **body)
        transaction.set_rollback(True)
    caller.client.cookies = cookies  # a logout would take the session's away
    if answer.status_code == 302 and answer.headers["Location"].startswith("/accounts/login"):
        return "login"
    return str(answer.status_code)


def fits(caller: Caller, method: str, pattern: str, status: str) -> bool:
    """Whether a status is what the table promises to this caller."""
    right = TABLE[pattern].get(method)
    if status.startswith("5") and status != "503":
        return False
    if right is None:
        if caller.name == "admin":
            return status in {"405", "429"}
        return status in {"401", "403", "405", "429", "login"}
    is_page = not pattern.startswith(("/api/", "/sse")) or pattern in PAGES_OF_THE_API
    if caller.is_program and is_page and right != PUBLIC:
        return status == "login"
    if not caller.holds(right):
        refused = "login" if is_page else "401"
        return status == (refused if caller.user is None else "403")
    if not caller.may_write and method not in SAFE and right != PUBLIC:
        return status == "403"
    return status not in {"401", "403", "405", "login"}


def test_a_post_from_another_page_is_refused_everywhere(
    callers: list[Caller], ids: dict[str, str]
) -> None:
    admin = next(caller for caller in callers if caller.name == "admin")
    forged = Client(enforce_csrf_checks=True, raise_request_exception=False)
    forged.cookies = admin.client.cookies
    caller = Caller("forged", forged, admin.user)

    accepted = [
        f"{method} {pattern} -> {status}"
        for method, pattern in writes()
        for status in [knock(caller, method, pattern, ids)]
        if status != "403"
    ]

    assert accepted == []


def writes() -> Iterator[tuple[str, str]]:
    """All that changes something, but the one door that needs no session."""
    for pattern, rights in TABLE.items():
        for method in rights:
            if method not in SAFE and not pattern.endswith("/auth/login"):
                yield method, pattern


def test_the_administration_is_for_staff(callers: list[Caller]) -> None:
    inside = [
        route.pattern
        for route in routes(get_resolver())
        if route.pattern.startswith(ADMIN_PREFIX) and "login" not in route.pattern
    ]
    outsiders = [caller for caller in callers if caller.name not in {"admin", "write token"}]

    let_in = [
        f"{caller.name}: {pattern} -> {answer.status_code}"
        for pattern in inside
        for caller in outsiders
        for answer in [caller.client.get(re.sub(r"<\w+>|\(.*\)", "1", pattern))]
        if answer.status_code not in {301, 302, 403, 404}
    ]

    assert len(inside) > 20
    assert let_in == []


def test_every_socket_is_in_the_table() -> None:
    served = {
        "/" + str(entry.pattern).removeprefix("^").removesuffix("$")
        for entry in websocket_urlpatterns
    }
    rights = {entry.callback.consumer_class.permission for entry in websocket_urlpatterns}

    assert served == set(table.SOCKETS)
    assert rights == set(table.SOCKETS.values())


def test_someone_without_a_role_sees_nothing(callers: list[Caller], ids: dict[str, str]) -> None:
    nobody = next(caller for caller in callers if caller.name == "nobody")

    seen = [
        pattern
        for pattern, rights in TABLE.items()
        if rights.get("GET") not in {None, PUBLIC, SIGNED_IN}
        if knock(nobody, "GET", pattern, ids) != "403"
    ]

    assert seen == []
