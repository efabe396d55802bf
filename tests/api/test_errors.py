"""Every error has one shape and a stable code; people get a notice or a page."""

from __future__ import annotations

import pytest
from django.db import OperationalError, connection
from django.test import Client

from tests.api.factories import PASSWORD, Api, make_user


def test_a_refusal_carries_its_code_detail_and_fields(operator: Api) -> None:
    answer = operator.get("bots/99")

    assert answer.status_code == 404
    assert answer.json() == {"code": "BOT_UNKNOWN", "detail": "There is no bot 99.", "fields": {}}


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "code"),
    [
        ("POST", "bots", {}, 400, "INVALID"),
        ("POST", "bots", b"{", 400, "MALFORMED"),
        ("POST", "bots", b"[1]", 400, "INVALID"),
        ("DELETE", "bots", None, 405, "METHOD_NOT_ALLOWED"),
        ("GET", "no-such-thing", None, 404, "NOT_FOUND"),
        ("GET", "audit/verify", None, 403, "FORBIDDEN"),
        ("GET", "bots?limit=x", None, 400, "INVALID"),
    ],
)
def test_every_kind_of_error_has_the_shape(
    operator: Api, method: str, path: str, body: object, status: int, code: str
) -> None:
    answer = operator.send(method, path, body)

    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert set(answer.json()) == {"code", "detail", "fields"}


def test_wrong_fields_are_named(operator: Api) -> None:
    answer = operator.post("bots", {"name": "x", "symbols": [], "timeframe": "2m", "nmae": 1})

    assert answer.json()["fields"] == {"nmae": ["There is no such field."]}


def test_no_login_is_a_401_with_a_challenge(console: None) -> None:
    answer = Client().get("/api/v1/bots")

    assert answer.status_code == 401
    assert answer.json()["code"] == "NOT_AUTHENTICATED"
    assert answer.headers["WWW-Authenticate"] == "Bearer"


def test_an_unsupported_body_is_a_415(operator: Api) -> None:
    answer = operator.client.post("/api/v1/bots", "a=1", content_type="text/plain")

    assert (answer.status_code, answer.json()["code"]) == (415, "UNSUPPORTED_MEDIA_TYPE")


def test_every_answer_carries_the_callers_correlation_id(operator: Api) -> None:
    given = operator.client.get("/api/v1/bots", headers={"X-Correlation-ID": "case-7"})
    made = operator.get("bots/99")

    assert given.headers["X-Correlation-ID"] == "case-7"
    assert len(made.headers["X-Correlation-ID"]) == 32


def test_a_bug_is_a_500_without_a_trace_of_it(
    operator: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*args: object) -> None:
        raise RuntimeError("secret detail")

    monkeypatch.setattr("trading.queries.system_state", broken)
    operator.client.raise_request_exception = False

    answer = operator.get("system/state")

    assert (answer.status_code, answer.json()["code"]) == (500, "INTERNAL_ERROR")
    assert b"secret detail" not in answer.content


@pytest.mark.parametrize("by", ["token", "session"])
def test_without_the_database_everything_is_a_503(
    operator: Api, monkeypatch: pytest.MonkeyPatch, by: str
) -> None:
    def away(*args: object, **kwargs: object) -> None:
        raise OperationalError("connection refused")

    client = operator.client if by == "token" else Client()
    if by == "session":
        client.force_login(make_user())
    client.raise_request_exception = False
    with monkeypatch.context() as patch:
        patch.setattr(connection, "cursor", away)
        answer = client.get("/api/v1/bots")

    assert (answer.status_code, answer.json()["code"]) == (503, "UNAVAILABLE")


def test_a_page_that_is_not_there_is_a_page(console: None) -> None:
    make_user()
    browser = Client()
    browser.login(username="viewer", password=PASSWORD)

    answer = browser.get("/no-such-page")

    assert answer.status_code == 404
    assert answer.headers["Content-Type"].startswith("text/html")


def test_htmx_gets_a_notice_at_its_place(console: None) -> None:
    make_user()
    browser = Client(headers={"HX-Request": "true"})
    browser.login(username="viewer", password=PASSWORD)

    answer = browser.get("/no-such-page")

    assert answer.headers["HX-Retarget"] == "#notices"
    assert b"NOT_FOUND" in answer.content
    assert b"<html" not in answer.content
