"""Looser limits over the API: refused at once, asked for, agreed to, set."""

from __future__ import annotations

from typing import Any

import pytest

from approvals.models import Approval
from config import clock
from tests.api.factories import PASSWORD, Api, make_api, make_bot
from tests.trading.factories import make_account
from trading import access, services
from trading.models import Bot, ExchangeAccount

pytestmark = pytest.mark.django_db


@pytest.fixture
def bot(console: None) -> Bot:
    """A live bot, as two people would have made it."""
    made = make_bot(knobs={"max_exposure": "0.5", "cooldown_candles": 3})
    account = make_account()
    ExchangeAccount.objects.update(symbols=["BTC/USDT"], max_order=500, max_exposure=800)
    Bot.objects.filter(pk=made.pk).update(paper_mode=False, account=account)
    return Bot.objects.get(pk=made.pk)


@pytest.fixture
def carl(console: None) -> Api:
    """Another administrator, who gave the password to this token."""
    user = services.create_user(
        username="carl", password=PASSWORD, role=access.ADMIN, now=clock.now()
    )
    assert user is not None
    _, secret = services.create_token(user=user, name="t", scope="write", days=1, now=clock.now())
    api = Api(secret, user)
    assert api.post("auth/confirm", {"password": PASSWORD}).status_code == 200
    return api


def knobs(bot: Bot) -> dict[str, Any]:
    return dict(Bot.objects.get(pk=bot.pk).knobs)


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "bots/{}/knobs", {"max_exposure": "0.9", "max_position": "0.01"}),
        ("PATCH", "bots/{}", {"knobs": {"max_exposure": "0.9"}, "name": "Other"}),
        ("PATCH", "bots/{}", {"knobs": {"max_exposure": 0.9}}),
    ],
)
@pytest.mark.parametrize("role", [access.OPERATOR, access.ADMIN])
def test_no_call_loosens_a_live_bot_alone(
    bot: Bot, method: str, path: str, body: dict[str, Any], role: str
) -> None:
    before = knobs(bot)

    answer = make_api(role).send(method, path.format(bot.pk), body)

    assert (answer.status_code, answer.json()["code"]) == (409, "LIMITS_NEED_APPROVAL")
    assert answer.json()["fields"]["max_exposure"] == ["0.5 -> 0.9"]
    assert knobs(bot) == before
    assert Bot.objects.get(pk=bot.pk).name == bot.name


def test_no_call_loosens_the_account_of_a_live_bot_alone(bot: Bot, admin: Api) -> None:
    path = f"accounts/{bot.account_id}"
    for body in ({"max_exposure": "801"}, {"symbols": ["BTC/USDT", "ETH/USDT"], "max_order": "1"}):
        answer = admin.send("PATCH", path, body)
        assert (answer.status_code, answer.json()["code"]) == (409, "LIMITS_NEED_APPROVAL")

    assert admin.send("PATCH", path, {"max_exposure": "600"}).status_code == 200
    assert admin.get(path).json()["symbols"] == ["BTC/USDT"]


def test_knobs_are_asked_for_and_set_with_the_last_word(bot: Bot, operator: Api, carl: Api) -> None:
    asked = operator.post(
        f"bots/{bot.pk}/limits/request",
        {"knobs": {"max_exposure": "0.9", "cooldown_candles": 5}, "reason": "Two good weeks."},
    )
    row = asked.json()
    assert (asked.status_code, row["kind"], row["about"]) == (201, "limits", f"bot:{bot.pk}")
    assert [(each["param"], each["looser"]) for each in row["diff"]] == [
        ("max_exposure", True),
        ("cooldown_candles", False),
    ]
    listed = carl.get("approvals", kind="limits", state="pending").json()["results"]
    assert [each["id"] for each in listed] == [row["id"]]
    path, digest = f"approvals/{row['id']}/approve", {"digest": row["digest"]}
    assert operator.post(path, digest).status_code == 403

    assert carl.post(path, digest).json()["state"] == "used"
    assert (knobs(bot)["max_exposure"], knobs(bot)["cooldown_candles"]) == ("0.9", 5)
    assert carl.post(path, digest).json()["code"] == "APPROVAL_NOT_OPEN"


def test_an_account_is_asked_for_by_an_administrator(
    bot: Bot, admin: Api, operator: Api, carl: Api
) -> None:
    path = f"accounts/{bot.account_id}/limits/request"
    body = {"max_exposure": "2000.50", "reason": "The book is deep."}
    assert operator.post(path, body).status_code == 403
    row = admin.post(path, body).json()
    assert admin.post(f"approvals/{row['id']}/approve", {"digest": row["digest"]}).json()[
        "code"
    ] == ("OWN_APPROVAL")

    carl.post(f"approvals/{row['id']}/approve", {"digest": row["digest"]})

    limits = admin.get(f"accounts/{bot.account_id}").json()
    assert (limits["max_exposure"], limits["max_order"]) == ("2000.5", "500")


def test_a_token_needs_the_password_and_a_read_token_asks_for_nothing(
    bot: Bot, operator: Api
) -> None:
    body = {"knobs": {"max_exposure": "0.9"}, "reason": "Two good weeks."}
    reading = make_api(access.OPERATOR, scope="read")
    assert reading.post(f"bots/{bot.pk}/limits/request", body).status_code == 403
    row = operator.post(f"bots/{bot.pk}/limits/request", body).json()

    answer = make_api(access.ADMIN).post(
        f"approvals/{row['id']}/approve", {"digest": row["digest"]}
    )

    assert answer.json()["code"] == "STEP_UP_REQUIRED"
    assert Approval.objects.get().state == "PENDING"


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"knobs": {"max_exposure": "0.9"}},
        {"knobs": {"max_exposure": "0.9"}, "reason": "x"},
        {"knobs": "all", "reason": "why not"},
        {"knobs": {}, "reason": "why not"},
        {"knobs": {"max_exposure": "0.1"}, "reason": "why not"},
        {"knobs": {"max_exposure": "NaN"}, "reason": "why not"},
        {"knobs": {"paper_mode": False}, "reason": "why not"},
        {"knobs": {"max_exposure": "0.9"}, "reason": "why not", "agreed": ["carl"]},
    ],
)
def test_rubbish_is_refused_and_asks_nobody(bot: Bot, operator: Api, body: dict[str, Any]) -> None:
    answer = operator.post(f"bots/{bot.pk}/limits/request", body)

    assert answer.status_code in {400, 422}
    assert not Approval.objects.exists()


def test_a_repeated_request_with_a_key_asks_once(bot: Bot, operator: Api) -> None:
    body = {"knobs": {"max_exposure": "0.9"}, "reason": "Two good weeks."}
    path = f"bots/{bot.pk}/limits/request"

    first, second = (operator.post(path, body, key="once") for _ in range(2))

    assert first.json()["id"] == second.json()["id"]
    assert Approval.objects.count() == 1


def test_the_policy_of_limits_is_read_and_not_lowered_while_a_bot_is_live(
    bot: Bot, admin: Api
) -> None:
    policy = admin.get("approval-policies/limits").json()
    assert (policy["approvers"], policy["deadline_s"], policy["on_expiry"]) == (
        1,
        86_400,
        "nothing",
    )
    refused = admin.send("PATCH", "approval-policies/limits", {"approvers": 0})
    assert (refused.status_code, refused.json()["code"]) == (400, "POLICY_INVALID")
    assert admin.send("PATCH", "approval-policies/limits", {"approvers": 2}).status_code == 200
    assert services.limits_need() == 2
