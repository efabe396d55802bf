"""People with a second factor decide with a code; real money may ask for one of everybody."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import time_machine
from django.contrib.auth.models import User
from django.core.cache import cache
from django.test import Client
from pytest_django import Settings

from approvals import services
from config import clock
from tests.approvals.asking import VIA, Table, make_table
from tests.approvals.limiting import Room, make_room
from tests.console.pages import body, text_of
from tests.trading.live_desk import set_env
from tests.trading.phones import make_phone, wrong_code
from trading import services as trading_services
from trading.errors import SecondFactorNeeded
from trading.models import Confirmation, LiveGrant

pytestmark = pytest.mark.django_db
PASSWORD = "secret"


@pytest.fixture(autouse=True)
def time() -> Iterator[None]:
    """It stands still, so that no code ends in the middle of a test."""
    cache.clear()
    with time_machine.travel(clock.now(), tick=False):
        yield


def browser(user: User) -> Client:
    user.set_password(PASSWORD)
    user.save()
    client = Client()
    client.force_login(User.objects.get(pk=user.pk))
    return client


class TestOnPages:
    @pytest.fixture
    def table(self) -> Table:
        made = make_table(now=clock.now())
        services.change_policy(
            kind="ACTIVATION",
            by=made.approver,
            now=clock.now(),
            deadline_s=3600,
            approvers=1,
            step_up=True,
            on_expiry="NOTHING",
            allow_red=False,
        )
        return made

    def approve(self, client: Client, row: Any, **given: str) -> Any:
        said = {"digest": row.digest, "password": PASSWORD, **given}
        return client.post(f"/approvals/{row.pk}/approve/", said)

    def test_an_approval_asks_for_the_code_of_who_has_one(self, table: Table) -> None:
        client, row = browser(table.approver), table.ask()
        assert 'name="code"' not in body(client.get(f"/approvals/{row.pk}/"))
        phone, client = make_phone(table.approver, now=clock.now()), browser(table.approver)
        assert 'name="code"' in body(client.get(f"/approvals/{row.pk}/"))

        without = self.approve(client, row)
        wrong = self.approve(client, row, code=wrong_code(phone, clock.now()))

        assert "Give the code of your authenticator app too" in text_of(without)
        assert "Wrong, or used already" in text_of(wrong)
        row.refresh_from_db()
        assert row.state == "PENDING"
        assert not Confirmation.objects.exists()
        self.approve(client, row, code=phone.code(clock.now()))
        row.refresh_from_db()
        assert row.state == "APPROVED"

    def test_a_waiver_asks_for_it_too(self, table: Table) -> None:
        phone = make_phone(table.approver, now=clock.now())
        client = browser(table.approver)
        given = {"hours": "1", "reason": "alone here", "password": PASSWORD}

        assert client.post("/approvals/waiver/", given).status_code == 422
        said = {**given, "code": phone.code(clock.now())}
        assert client.post("/approvals/waiver/", said).status_code == 302

    def test_so_does_a_live_grant(self, settings: Settings) -> None:
        room = make_room(settings)
        desk = room.desk
        trading_services.bring_to_paper(bot_id=desk.bot.pk, by=desk.asker, now=desk.now)
        grant = desk.ask()
        with time_machine.travel(desk.now, tick=False):
            phone = make_phone(desk.approver, now=desk.now)
            client = browser(desk.approver)
            said = {
                "digest": LiveGrant.objects.get(pk=grant.pk).subject_digest,
                "typed_name": desk.bot.name,
                "password": PASSWORD,
            }
            url = f"/grants/{grant.pk}/approve/"

            refused = client.post(url, said)
            assert refused.status_code == 422
            assert "Give the code of your authenticator app too" in text_of(refused)
            assert client.post(url, {**said, "code": phone.paper[0]}).status_code == 302


Act = Callable[[Room], object]

# What somebody without a second factor may not do where real money asks for one.
MONEY: dict[str, Act] = {
    "approve a live grant": lambda room: room.desk.approve(room.desk.ask(hours=48)),
    "approve looser limits": lambda room: room.approve(room.ask()),
    "grant a waiver": lambda room: services.grant_waiver(
        hours=1, reason="alone", by=room.desk.approver, via=VIA, now=room.now
    ),
    "leave an emergency stop": lambda room: trading_services.resume_system(
        reason="safe", by=room.desk.approver, now=room.now
    ),
}


@pytest.mark.parametrize("what", MONEY)
def test_money_asks_for_a_second_factor(settings: Settings, what: str) -> None:
    room = make_room(settings)
    set_env(settings, auth_second_factor="live")
    room.desk.confirm()
    if "stop" in what:
        trading_services.emergency_stop(reason="x", by=room.desk.asker, now=room.now)

    with pytest.raises(SecondFactorNeeded):
        MONEY[what](room)


def test_stopping_pausing_and_saying_no_never_do(settings: Settings) -> None:
    room = make_room(settings)
    row = room.ask()
    set_env(settings, auth_second_factor="live")
    desk = room.desk

    services.reject(
        approval_id=row.pk,
        digest=row.digest,
        reason="not now",
        by=desk.approver,
        via="",
        now=room.now,
    )
    trading_services.set_knobs(
        bot_id=desk.bot.pk, knobs={"max_exposure": "0.1"}, by=desk.asker, now=room.now
    )
    trading_services.pause_system(reason="x", by=desk.asker, now=room.now)
    trading_services.resume_system(reason="x", by=desk.asker, now=room.now)
    trading_services.emergency_stop(reason="x", by=desk.asker, now=room.now)


def test_with_a_second_factor_money_moves(settings: Settings) -> None:
    room = make_room(settings)
    set_env(settings, auth_second_factor="live")
    make_phone(room.desk.approver, now=room.now)

    assert room.approve(room.ask()).state == "USED"
