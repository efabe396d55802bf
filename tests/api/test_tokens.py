"""Tokens are named, scoped, shown once, hashed at rest, and end."""

from __future__ import annotations

from datetime import timedelta

from config import clock
from tests.api.factories import Api, make_api, make_user
from trading import access, services
from trading.models import ApiToken, IdempotencyKey

READER = {"name": "reader", "scope": "read", "days": 7}


def test_a_token_is_shown_once_and_kept_as_a_hash(viewer: Api) -> None:
    made = viewer.post("auth/tokens", READER)

    secret = made.json()["token"]
    assert made.status_code == 201
    assert Api(secret).get("bots").status_code == 200
    listed = viewer.get("auth/tokens").json()["results"][0]
    assert "token" not in listed
    assert secret.startswith(listed["prefix"])
    assert secret not in str(ApiToken.objects.values())


def test_a_repeat_does_not_show_the_secret_again(viewer: Api) -> None:
    first = viewer.post("auth/tokens", READER, key="make-reader")
    again = viewer.post("auth/tokens", READER, key="make-reader")

    assert again.headers["Idempotent-Replay"] == "true"
    assert again.json() == {**first.json(), "token": None}
    assert first.json()["token"] not in IdempotencyKey.objects.get().response_body


def test_a_read_token_may_not_write_whatever_its_owner_may(console: None) -> None:
    reader = make_api(access.ADMIN, scope="read")

    answer = reader.post("system/scheduler/stop")

    assert (answer.status_code, answer.json()["code"]) == (403, "FORBIDDEN")
    assert reader.get("audit/verify").status_code == 200


def test_an_expired_or_revoked_token_is_refused(viewer: Api) -> None:
    _, old = services.create_token(
        user=make_user(), name="old", scope="read", days=1, now=clock.now() - timedelta(days=2)
    )
    made = viewer.post("auth/tokens", READER).json()

    assert Api(old).get("bots").status_code == 401
    assert viewer.send("DELETE", f"auth/tokens/{made['id']}").status_code == 204
    assert Api(made["token"]).get("bots").status_code == 401


def test_a_token_of_somebody_else_is_not_there(viewer: Api, operator: Api) -> None:
    made = operator.post("auth/tokens", READER).json()

    answer = viewer.send("DELETE", f"auth/tokens/{made['id']}")

    assert (answer.status_code, answer.json()["code"]) == (404, "TOKEN_UNKNOWN")
    assert made["id"] not in [row["id"] for row in viewer.get("auth/tokens").json()["results"]]


def test_use_is_noted_at_most_once_a_minute(viewer: Api) -> None:
    viewer.get("bots")
    first = ApiToken.objects.get(user=viewer.user).last_used_at
    viewer.get("bots")

    assert ApiToken.objects.get(user=viewer.user).last_used_at == first


def test_an_odd_token_is_refused_by_name(viewer: Api) -> None:
    answer = viewer.post("auth/tokens", {"name": "", "scope": "root", "days": 0})

    assert answer.status_code == 400
    assert set(answer.json()["fields"]) == {"name", "scope", "days"}
