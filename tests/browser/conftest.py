"""A Chromium of the system, in front of a real ASGI server."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from typing import Any

import pytest
from django.conf import settings
from django.test import Client
from playwright.sync_api import BrowserContext, ConsoleMessage, Page

from config import clock
from tests.conftest import AsgiServer
from trading import access
from trading import services as trading_services

CHROMIUM = os.environ.get("CHROMIUM") or next(
    filter(None, map(shutil.which, ("chromium", "google-chrome", "chromium-browser"))), None
)


@pytest.fixture(scope="session", autouse=True)
def _database_beside_a_running_loop() -> Iterator[None]:
    """Playwright's synchronous API keeps an event loop running in the thread of the test."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "1")
        yield


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict[str, Any]) -> dict[str, Any]:
    if CHROMIUM is None:
        pytest.skip("No Chromium here (on Debian: apt-get install chromium)")
    quiet = ["--disable-background-networking", "--disable-component-update", "--no-first-run"]
    contained = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
    return {**browser_type_launch_args, "executable_path": CHROMIUM, "args": quiet + contained}


@pytest.fixture
def operator(asgi_server: AsgiServer, context: BrowserContext) -> str:
    """The browser is logged in as an operator of this name."""
    trading_services.sync_roles()
    user = trading_services.create_user(
        username="olga", password="a long password", role=access.OPERATOR, now=clock.now()
    )
    assert user
    client = Client()
    client.force_login(user)
    cookie = client.cookies[settings.SESSION_COOKIE_NAME].value
    context.add_cookies(
        [{"name": settings.SESSION_COOKIE_NAME, "value": cookie, "url": asgi_server.url}]
    )
    return user.username


@pytest.fixture
def complaints(page: Page) -> list[str]:
    """What the page's console reports as errors, such as a breach of the content policy."""
    found: list[str] = []

    def note(message: ConsoleMessage) -> None:
        if message.type == "error":
            found.append(message.text)

    page.on("console", note)
    page.on("pageerror", lambda error: found.append(str(error)))
    return found
