"""A write that is sent again is answered again, not done again."""

from __future__ import annotations

from datetime import timedelta

from config import clock
from config.idempotency import LOCK_FOR
from tests.api.factories import Api, make_api, make_bot, make_symbol
from trading import access
from trading.models import Bot, IdempotencyKey

BOT = {"name": "B", "symbols": ["BTC/USDT"], "timeframe": "1m", "strategy": "buy_and_hold"}


def test_a_repeat_gets_the_first_answer_and_makes_nothing(operator: Api) -> None:
    make_symbol()
    first = operator.post("bots", BOT, key="k1")
    again = operator.post("bots", BOT, key="k1")

    assert (first.status_code, again.status_code) == (201, 201)
    assert again.content == first.content
    assert "Idempotent-Replay" not in first.headers
    assert again.headers["Idempotent-Replay"] == "true"
    assert Bot.objects.count() == 1


def test_another_request_with_the_same_key_is_refused(operator: Api) -> None:
    make_symbol()
    operator.post("bots", BOT, key="k1")

    answer = operator.post("bots", {**BOT, "name": "C"}, key="k1")

    assert (answer.status_code, answer.json()["code"]) == (422, "IDEMPOTENCY_MISMATCH")


def test_a_key_belongs_to_one_person(operator: Api) -> None:
    make_symbol()
    operator.post("bots", BOT, key="k1")

    answer = make_api(access.ADMIN).post("bots", BOT, key="k1")

    assert answer.status_code == 201
    assert Bot.objects.count() == 2


def test_while_the_first_is_at_work_a_repeat_is_a_conflict(operator: Api) -> None:
    make_symbol()
    operator.post("bots", BOT, key="k1")
    IdempotencyKey.objects.update(response_status=None, locked_until=clock.now() + LOCK_FOR)

    answer = operator.post("bots", BOT, key="k1")

    assert (answer.status_code, answer.json()["code"]) == (409, "IDEMPOTENCY_IN_PROGRESS")


def test_the_lock_of_a_killed_process_runs_out(operator: Api) -> None:
    make_symbol()
    operator.post("bots", BOT, key="k1")
    IdempotencyKey.objects.update(
        response_status=None, locked_until=clock.now() - timedelta(seconds=1)
    )

    answer = operator.post("bots", BOT, key="k1")

    assert answer.status_code == 201
    assert IdempotencyKey.objects.get().response_status == 201


def test_an_answer_that_changed_nothing_is_not_kept(operator: Api) -> None:
    refused = operator.post("bots", BOT, key="k1")  # there is no such symbol yet
    make_symbol()

    assert refused.status_code == 404
    assert operator.post("bots", BOT, key="k1").status_code == 201


def test_a_conflict_may_be_tried_again_with_its_key(operator: Api) -> None:
    bot = make_bot()
    first = operator.post(f"bots/{bot.pk}/stop", key="k1")

    assert first.status_code == 409
    assert not IdempotencyKey.objects.exists()


def test_nobody_leaves_a_key_behind_without_the_right(viewer: Api) -> None:
    answer = viewer.post("bots", BOT, key="k1")

    assert answer.status_code == 403
    assert not IdempotencyKey.objects.exists()


def test_a_key_must_be_plain(operator: Api) -> None:
    answer = operator.post("bots", BOT, key="k" * 65)

    assert (answer.status_code, answer.json()["code"]) == (400, "IDEMPOTENCY_KEY_INVALID")


def test_keys_are_forgotten_after_a_day(operator: Api) -> None:
    make_symbol()
    operator.post("bots", BOT, key="old")
    IdempotencyKey.objects.update(created_at=clock.now() - timedelta(hours=25))
    operator.post("bots", BOT, key="new")

    assert [row.key for row in IdempotencyKey.objects.all()] == ["new"]


def test_a_denial_is_kept_like_any_other_answer(operator: Api) -> None:
    bot = make_bot()
    body = {"bot_id": bot.pk, "symbol": "BTC/USDT", "side": "BUY", "qty": "1"}
    first = operator.post("orders/intents", body, key="k1")
    again = operator.post("orders/intents", body, key="k1")

    assert first.status_code == again.status_code == 422
    assert again.headers["Idempotent-Replay"] == "true"
