"""Accounts, grants and live orders over HTTP: two people, a password, every gate."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.cache import cache
from django.test import Client
from pytest_django import Settings

from config import clock
from tests.api.factories import Api
from tests.exchange.emulator import Emulator
from tests.trading.factories import make_user
from tests.trading.live_desk import LiveDesk, make_live_desk, set_env
from trading import services
from trading.models import AuditEvent, Bot, Confirmation, IdempotencyKey, LiveGrant, Order

PASSWORD = "secret"  # of people from tests.trading.factories
KEYS = {"key": "exchange-key-0123456789", "secret": "exchange-secret-0123456789"}


def api_of(user: User) -> Api:
    _, secret = services.create_token(
        user=user, name="tests", scope="write", days=1, now=clock.now()
    )
    return Api(secret, user)


class Floor:
    """A desk, the exchange behind it, and the programs of its people."""

    def __init__(self, desk: LiveDesk, emulator: Emulator) -> None:
        self.desk, self.emulator = desk, emulator
        self.operator, self.admin = api_of(desk.asker), api_of(desk.approver)
        self.other = api_of(make_user("admin"))

    def ask(self, api: Api | None = None, **changes: Any) -> Any:
        body = {
            "bot_id": self.desk.bot.pk,
            "account_id": self.desk.account.pk,
            "max_order": "500",
            "max_exposure": "800",
            "hours": 24,
            "reason": "Its record is good.",
            "typed_name": self.desk.bot.name,
        }
        return (api or self.operator).post("grants", {**body, **changes})

    def approve(self, grant: dict[str, Any], api: Api | None = None, **changes: Any) -> Any:
        body = {"digest": grant["digest"], "typed_name": self.desk.bot.name, **changes}
        return (api or self.admin).post(f"grants/{grant['id']}/approve", body)

    def go_live(self) -> dict[str, Any]:
        grant = self.ask().json()
        confirm(self.admin)
        answer = self.approve(grant)
        assert answer.status_code == 200, answer.content
        granted: dict[str, Any] = answer.json()
        return granted

    def order(self, key: str = "", **changes: Any) -> Any:
        body = {"bot_id": self.desk.bot.pk, "symbol": "BTC/USDT", "side": "BUY", "qty": "0.001"}
        return self.admin.post("trading/live/order", {**body, **changes}, key=key)

    @property
    def sent(self) -> int:
        return len(self.emulator.ledger.asked("POST /api/v3/order"))


def confirm(api: Api, password: str = PASSWORD) -> Any:
    return api.post("auth/confirm", {"password": password})


@contextmanager
def open_floor(exchange: str, settings: Settings) -> Iterator[Floor]:
    cache.clear()  # wrong passwords are counted in a table that no model empties
    with Emulator(exchange) as emulator:
        set_env(settings, **{f"{exchange}_base_url": emulator.url})
        keys = {"key": emulator.key.key, "secret": emulator.key.secret}
        yield Floor(make_live_desk(settings, exchange=exchange, **keys), emulator)
        assert emulator.problems() == []


@pytest.fixture
def floor(transactional_db: None, clean_bus: None, settings: Settings) -> Iterator[Floor]:
    with open_floor("binance", settings) as floor:
        yield floor


def test_bybit_is_checked_and_traded_with_through_the_same_doors(
    transactional_db: None, clean_bus: None, settings: Settings
) -> None:
    with open_floor("bybit", settings) as floor:
        checked = floor.operator.post(f"accounts/{floor.desk.account.pk}/check").json()
        floor.go_live()
        shown = floor.order("k1", dry_run=True).json()
        order = floor.order("k1").json()

        assert (checked["may_trade"], checked["may_withdraw"]) == (True, False)
        assert shown["request"] == "POST /v5/order/create"
        assert shown["parameters"]["orderLinkId"] == order["client_order_id"]
        (taken,) = floor.emulator.ledger.by_client_id(order["client_order_id"])
        assert taken.id == order["exchange_order_id"]


class TestAccounts:
    def test_a_key_goes_in_and_never_comes_out(self, floor: Floor) -> None:
        body = {"name": "second", "exchange": "bybit", **KEYS}

        made = floor.admin.post("accounts", body, key="k1")
        again = floor.admin.post("accounts", body, key="k1")

        assert (made.status_code, made.json()["key_hint"]) == (201, "6789")
        assert again.content == made.content
        shown = floor.operator.get(f"accounts/{made.json()['id']}")
        listed, audit = floor.operator.get("accounts"), floor.admin.get("audit")
        kept = list(IdempotencyKey.objects.values_list("response_body", flat=True))
        texts = [made.content, shown.content, listed.content, audit.content, *map(str, kept)]
        for text in texts:
            assert all(value not in str(text) for value in KEYS.values())

    def test_a_field_that_is_wrong_is_named_without_its_value(self, floor: Floor) -> None:
        body = {"name": "main", "exchange": "binance", "key": "k€y-0123456789", "secret": "short"}

        answer = floor.admin.post("accounts", body)

        assert (answer.status_code, answer.json()["code"]) == (422, "ACCOUNT_INVALID")
        assert set(answer.json()["fields"]) == {"name", "key", "secret"}
        assert "short" not in answer.content.decode()

    def test_a_check_says_what_the_key_may_do(self, floor: Floor) -> None:
        answer = floor.operator.post(f"accounts/{floor.desk.account.pk}/check", key="k1")

        assert answer.status_code == 200
        body = answer.json()
        assert (body["may_trade"], body["may_withdraw"], body["reasons"]) == (True, False, [])

    def test_an_exchange_that_does_not_answer_is_a_503(self, floor: Floor) -> None:
        floor.emulator.go_down()

        answer = floor.operator.post(f"accounts/{floor.desk.account.pk}/check")

        assert (answer.status_code, answer.json()["code"]) == (503, "ACCOUNT_UNREACHABLE")

    def test_limits_are_set_and_the_rest_stays(self, floor: Floor) -> None:
        path = f"accounts/{floor.desk.account.pk}"

        body = floor.admin.send("PATCH", path, {"max_order": "50", "symbols": ["BTC/USDT"]}).json()
        off = floor.admin.send("PATCH", path, {"enabled": False}).json()

        assert (body["max_order"], body["symbols"], body["enabled"]) == ("50", ["BTC/USDT"], True)
        assert off["reasons"] == ["The account is switched off."]
        assert floor.admin.send("PATCH", path, {"max_order": "-1"}).status_code == 400

    def test_another_key_must_be_checked_before_it_buys(self, floor: Floor) -> None:
        answer = floor.admin.post(f"accounts/{floor.desk.account.pk}/key", KEYS)

        assert answer.json()["may_trade"] is None
        assert "The account was never checked." in answer.json()["reasons"]

    def test_an_account_goes_when_nothing_needs_it(self, floor: Floor) -> None:
        path = f"accounts/{floor.desk.account.pk}"
        floor.go_live()
        in_use = floor.admin.send("DELETE", path)
        floor.operator.post(f"bots/{floor.desk.bot.pk}/paper", {"reason": "over"})

        assert (in_use.status_code, in_use.json()["code"]) == (409, "ACCOUNT_IN_USE")
        assert floor.admin.send("DELETE", path).status_code == 204
        assert floor.admin.get(path).json()["code"] == "ACCOUNT_UNKNOWN"


class TestConfirm:
    def test_the_password_counts_for_this_token_alone(self, floor: Floor) -> None:
        answer = confirm(floor.admin)

        assert answer.json()["confirmed_until"] > clock.now().isoformat()[:19]
        grant = floor.ask().json()
        second = api_of(floor.desk.approver)
        assert floor.approve(grant, second).json()["code"] == "STEP_UP_REQUIRED"
        assert floor.approve(grant).status_code == 200

    def test_a_wrong_password_is_refused_audited_and_counted(self, floor: Floor) -> None:
        wrong = [confirm(floor.admin, "guess") for _ in range(5)]
        right = confirm(floor.admin)

        assert {answer.json()["code"] for answer in wrong} == {"PASSWORD_WRONG"}
        assert (right.status_code, right.json()["code"]) == (429, "LOGIN_LOCKED")
        assert AuditEvent.objects.filter(action="user.login_failed").count() >= 5
        assert not Confirmation.objects.exists()

    def test_no_key_remembers_a_password(self, floor: Floor) -> None:
        floor.admin.post("auth/confirm", {"password": PASSWORD}, key="k1")
        assert not IdempotencyKey.objects.exists()

    def test_a_session_is_confirmed_apart_from_other_sessions(self, floor: Floor) -> None:
        first, second = Client(), Client()
        for client in (first, second):
            client.force_login(floor.desk.approver)
        body, kind = {"password": PASSWORD}, "application/json"
        first.post("/api/v1/auth/confirm", body, content_type=kind)

        grant = floor.ask().json()
        path = f"/api/v1/grants/{grant['id']}/approve"
        approval = {"digest": grant["digest"], "typed_name": floor.desk.bot.name}
        refused = second.post(path, approval, content_type=kind)
        approved = first.post(path, approval, content_type=kind)

        assert refused.json()["code"] == "STEP_UP_REQUIRED"
        assert approved.json()["state"] == "STANDING"
        via = Confirmation.objects.get().via
        assert str(first.session.session_key) not in via


class TestGrants:
    def test_one_asks_another_approves_and_anybody_revokes(self, floor: Floor) -> None:
        asked = floor.ask()
        assert (asked.status_code, asked.json()["state"]) == (201, "ASKED")
        confirm(floor.admin)

        approved = floor.approve(asked.json()).json()
        listed = floor.operator.get("grants", bot=floor.desk.bot.pk).json()["results"]
        revoked = floor.operator.post(f"grants/{approved['id']}/revoke", {"reason": "odd"}).json()

        assert approved["state"] == "STANDING"
        assert approved["approved_by"] == floor.desk.approver.username
        assert listed == [approved]
        assert (revoked["state"], revoked["revoke_reason"]) == ("REVOKED", "odd")

    def test_who_asks_does_not_approve(self, floor: Floor) -> None:
        grant = floor.ask(floor.admin).json()
        confirm(floor.admin)

        own = floor.approve(grant)
        weak = floor.approve(grant, floor.operator)

        assert (own.status_code, own.json()["code"]) == (403, "OWN_GRANT")
        assert (weak.status_code, weak.json()["code"]) == (403, "FORBIDDEN")
        assert Bot.objects.get(pk=floor.desk.bot.pk).paper_mode

    def test_closed_gates_are_named_with_their_reasons(self, floor: Floor) -> None:
        floor.admin.send("PATCH", f"accounts/{floor.desk.account.pk}", {"enabled": False})

        answer = floor.ask(typed_name="wrong")

        assert (answer.status_code, answer.json()["code"]) == (409, "LIVE_GATES_CLOSED")
        assert answer.json()["fields"]["gates"] == ["account_checked", "name_typed"]

    def test_a_digest_of_something_else_approves_nothing(self, floor: Floor) -> None:
        grant = floor.ask().json()
        confirm(floor.admin)
        assert floor.approve(grant, digest="0" * 64).json()["code"] == "GRANT_CHANGED"

    def test_a_proof_of_minutes_ago_is_not_replayed(self, floor: Floor) -> None:
        grant = floor.ask().json()
        confirm(floor.admin)
        Confirmation.objects.update(at=clock.now() - timedelta(minutes=6))
        assert floor.approve(grant).json()["code"] == "STEP_UP_REQUIRED"

    def test_the_checklist_of_a_bot_is_told_before_anybody_asks(self, floor: Floor) -> None:
        path = f"bots/{floor.desk.bot.pk}/live"

        before = floor.operator.get(path).json()
        floor.ask()
        asked = floor.operator.get(path, account=floor.desk.account.pk).json()

        closed = {gate["name"] for gate in before["gates"] if not gate["ok"]}
        assert (before["open"], closed, before["grant"]) == (False, {"limits_set"}, None)
        assert before["account_id"] == floor.desk.account.pk
        assert (asked["open"], asked["request"]["state"]) == (True, "ASKED")

    def test_back_to_paper_ends_the_grant(self, floor: Floor) -> None:
        floor.go_live()
        answer = floor.operator.post(f"bots/{floor.desk.bot.pk}/paper", {"reason": "enough"})
        assert answer.json()["paper_mode"] is True
        assert LiveGrant.objects.get().revoke_reason == "back to paper"


class TestLiveOrder:
    def test_an_order_goes_out_once_however_often_it_is_sent(self, floor: Floor) -> None:
        floor.go_live()

        first, again = floor.order("k1"), floor.order("k1")
        IdempotencyKey.objects.all().delete()  # a day later, or another process
        late = floor.order("k1")

        assert first.status_code == 201, first.content
        assert first.json()["id"] == again.json()["id"] == late.json()["id"]
        assert floor.sent == 1
        (taken,) = floor.emulator.ledger.by_client_id(first.json()["client_order_id"])
        assert taken.id == first.json()["exchange_order_id"]

    def test_a_dry_run_sends_and_writes_nothing_and_leaves_its_key(self, floor: Floor) -> None:
        floor.go_live()

        shown = floor.order("k1", dry_run=True)
        body = shown.json()

        assert (shown.status_code, body["would_send"], floor.sent) == (200, True, 0)
        assert body["request"] == "POST /api/v3/order"
        assert body["parameters"]["quantity"] == "0.001"
        assert all(gate["ok"] for gate in body["gates"])
        assert not Order.objects.exists()
        order = floor.order("k1").json()
        assert order["client_order_id"] == body["parameters"]["newClientOrderId"]

    def test_a_dry_run_says_what_is_in_the_way(self, floor: Floor) -> None:
        grant = floor.go_live()
        floor.operator.post(f"grants/{grant['id']}/revoke", {"reason": "odd"})

        body = floor.order(dry_run=True).json()

        assert (body["would_send"], body["denial"]) == (False, "live_not_granted")
        assert not next(gate for gate in body["gates"] if gate["name"] == "grant_stands")["ok"]

    def test_a_revoked_grant_stops_the_next_buy(self, floor: Floor) -> None:
        grant = floor.go_live()
        assert floor.order().status_code == 201
        floor.operator.post(f"grants/{grant['id']}/revoke", {"reason": "odd"})

        refused = floor.order()

        assert (refused.status_code, refused.json()["code"]) == (422, "LIVE_NOT_GRANTED")
        assert floor.sent == 1

    def test_without_the_password_nothing_is_sent(self, floor: Floor) -> None:
        floor.go_live()
        Confirmation.objects.all().delete()
        assert floor.order().json()["code"] == "STEP_UP_REQUIRED"
        assert floor.sent == 0

    def test_without_live_mode_nothing_is_sent(self, floor: Floor, settings: Settings) -> None:
        floor.go_live()
        set_env(settings, trading_live_mode=False)
        assert floor.order().json()["code"] == "LIVE_MODE_OFF"
        assert floor.sent == 0

    def test_a_closed_gate_stops_a_buy(self, floor: Floor) -> None:
        floor.go_live()
        type(floor.desk.account).objects.update(checked_at=clock.now() - timedelta(hours=25))
        assert "account_checked" in floor.order().json()["fields"]["gates"]
        assert floor.sent == 0

    def test_more_than_the_grant_allows_is_denied(self, floor: Floor) -> None:
        floor.go_live()
        answer = floor.order(qty="0.015")
        assert (answer.status_code, answer.json()["fields"]["denial"]) == (
            422,
            "grant_order_exceeded",
        )
        assert floor.sent == 0

    def test_a_bot_on_paper_has_another_door(self, floor: Floor) -> None:
        confirm(floor.admin)
        assert floor.order().json()["code"] == "BOT_IS_PAPER"
        assert floor.order(dry_run=True).json()["code"] == "BOT_IS_PAPER"

    def test_an_operator_sends_none_by_hand(self, floor: Floor) -> None:
        floor.go_live()
        body = {"bot_id": floor.desk.bot.pk, "symbol": "BTC/USDT", "side": "BUY", "qty": "0.001"}
        assert floor.operator.post("trading/live/order", body).status_code == 403

    def test_the_same_key_for_another_order_is_refused(self, floor: Floor) -> None:
        floor.go_live()
        floor.order("k1")
        assert floor.order("k1", qty="0.002").json()["code"] == "IDEMPOTENCY_MISMATCH"
        assert floor.sent == 1
