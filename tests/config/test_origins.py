"""Only a page of this very origin may open a WebSocket."""

from __future__ import annotations

from typing import Any

import pytest
from pytest_django.fixtures import Settings

from config.origins import is_allowed


@pytest.fixture(autouse=True)
def _hosts(settings: Settings) -> None:
    settings.ALLOWED_HOSTS = ["desk.example", "localhost"]
    settings.CSRF_TRUSTED_ORIGINS = ["https://front.example"]
    settings.SECURE_PROXY_SSL_HEADER = None


def scope(*, scheme: str = "ws", **headers: str) -> dict[str, Any]:
    named = {"host": "desk.example:8000", **headers}
    pairs = [(key.replace("_", "-").encode(), value.encode()) for key, value in named.items()]
    return {"type": "websocket", "scheme": scheme, "headers": pairs}


def test_its_own_page_may() -> None:
    assert is_allowed(scope(origin="http://desk.example:8000", cookie="sessionid=1"))


@pytest.mark.parametrize(
    "origin",
    [
        "http://desk.example:9000",
        "https://desk.example:8000",
        "http://evil.example",
        "http://desk.example.evil.example:8000",
        "null",
    ],
)
def test_another_port_scheme_or_host_may_not(origin: str) -> None:
    assert not is_allowed(scope(origin=origin))


def test_a_trusted_origin_may() -> None:
    assert is_allowed(scope(origin="https://front.example"))


def test_a_host_that_is_not_ours_may_not_even_with_its_own_origin() -> None:
    assert not is_allowed(scope(host="evil.example", origin="http://evil.example"))


def test_without_an_origin_a_cookie_is_not_trusted() -> None:
    assert is_allowed(scope(authorization="Bearer x"))
    assert not is_allowed(scope(cookie="sessionid=1"))


def test_behind_a_proxy_its_header_tells_the_scheme(settings: Settings) -> None:
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    page = {"origin": "https://desk.example:8000"}

    assert is_allowed(scope(x_forwarded_proto="https", **page))
    assert not is_allowed(scope(x_forwarded_proto="http", **page))
