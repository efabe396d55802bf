"""What was previewed is sent, once, and the page says what is known of it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.core.cache import cache
from django.test import Client
from pytest_django import Settings

from tests.console.pages import body, text_of
from tests.exchange import faults
from tests.exchange.emulator import Emulator
from tests.trading.live_desk import LiveDesk, make_live_desk, set_env
from trading import services
from trading.models import Order

PLACING = "POST /api/v3/order"


@pytest.fixture
def emulator(transactional_db: None, clean_bus: None, settings: Settings) -> Iterator[Emulator]:
    cache.clear()
    with Emulator("binance") as emulator:
        set_env(settings, binance_base_url=emulator.url)
        yield emulator


@pytest.fixture
def desk(emulator: Emulator, settings: Settings) -> LiveDesk:
    made = make_live_desk(settings, key=emulator.key.key, secret=emulator.key.secret)
    made.go_live()
    return made


@pytest.fixture
def admin(desk: LiveDesk) -> Client:
    client = Client()
    client.force_login(desk.approver)
    return client


def previewed(client: Client, desk: LiveDesk) -> dict[str, str]:
    """The hidden fields that the preview gives to its send button."""
    wanted = {"symbol": desk.bot.symbols.get().pk, "side": "BUY", "type": "MARKET"}
    page = client.post(f"/bots/{desk.bot.pk}/live/order/", {**wanted, "qty": "0.001", "price": ""})
    return dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', body(page)))


def send(client: Client, desk: LiveDesk, given: dict[str, str]) -> Any:
    url = f"/bots/{desk.bot.pk}/live/order/send/"
    return client.post(url, {**given, "password": "secret"}, follow=True)


def test_it_is_sent_once_however_often_it_is_pressed(
    admin: Client, desk: LiveDesk, emulator: Emulator
) -> None:
    given = previewed(admin, desk)

    first, _ = send(admin, desk, given), send(admin, desk, given)

    assert "The order is open." in text_of(first)
    assert len(emulator.ledger.asked(PLACING)) == 1
    assert Order.objects.count() == 1
    assert "badge--live" in body(first)


def test_a_lost_answer_is_called_that(admin: Client, desk: LiveDesk, emulator: Emulator) -> None:
    emulator.fail(faults.answer_lost, path=PLACING)

    answer = send(admin, desk, previewed(admin, desk))

    assert "Sent, but the answer was lost" in text_of(answer)
    assert len(emulator.ledger.asked(PLACING)) == 1


def test_what_was_revoked_since_the_preview_is_not_sent(
    admin: Client, desk: LiveDesk, emulator: Emulator
) -> None:
    given = previewed(admin, desk)
    grant = services.get_grant(desk.bot.grants.get().pk)
    services.revoke_grant(grant_id=grant.pk, reason="", by=desk.asker, now=desk.at(seconds=1))

    answer = send(admin, desk, given)

    assert (answer.status_code, "No live grant" in text_of(answer)) == (422, True)
    assert not emulator.ledger.asked(PLACING)
