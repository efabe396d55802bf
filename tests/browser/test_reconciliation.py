"""A drift in a real browser: it appears while somebody looks."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from config import clock
from config.bus import EVENTS_GROUP
from tests.conftest import AsgiServer
from tests.trading.factories import make_account, make_incident, make_reconcile_run
from trading import services
from trading.models import ExchangeAccount

pytestmark = pytest.mark.browser


@pytest.fixture
def account(clean_bus: None, asgi_server: AsgiServer, operator: str) -> ExchangeAccount:
    services.ensure_system_state(now=clock.now())
    return make_account()


def test_a_drift_appears_by_itself(
    asgi_server: AsgiServer, account: ExchangeAccount, page: Page
) -> None:
    page.goto(f"{asgi_server.url}/reconciliation/")
    expect(page.get_by_text("Nothing ever differed")).to_be_visible()
    expect(page.locator("live-socket[state=live]")).to_be_attached()

    make_reconcile_run(account, "DIFFERENT", differences=1)
    incident = make_incident(account)
    data = {"account_id": account.pk, "incident_id": incident.pk, "ts": "2024-01-01T00:00:00Z"}
    event = {"type": "event.message", "event": "reconciliation.changed", "data": data}
    asgi_server.push(EVENTS_GROUP, event)

    expect(page.get_by_role("heading", name="What differs now")).to_be_visible()
    expect(page.locator("#drift-count")).to_have_text("1")
