"""A write that is sent again is answered again, not done again."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import httpx
import pytest
from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory

from config import clock
from config.idempotency import LOCK_FOR, IdempotencyMiddleware
from tests.api.factories import Api, make_api, make_bot, make_ready_bot, make_symbol
from tests.conftest import AsgiServer
from trading import access
from trading.models import AuditEvent, Bot, IdempotencyKey, Order

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


def test_of_repeats_at_the_same_moment_one_does_the_work(
    asgi_server: AsgiServer, operator: Api
) -> None:
    make_symbol()
    headers = {"Authorization": f"Bearer {operator.secret}", "Idempotency-Key": "at-once"}
    url = f"{asgi_server.url}/api/v1/bots"

    def send(_: int) -> httpx.Response:
        return httpx.post(url, json=BOT, headers=headers, timeout=20)

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(send, range(16)))

    made = [answer for answer in answers if answer.status_code == 201]
    assert Bot.objects.count() == 1
    assert len({answer.content for answer in made}) == 1
    assert sum("Idempotent-Replay" not in answer.headers for answer in made) == 1
    assert {answer.status_code for answer in answers} <= {201, 409}


def test_of_placements_at_the_same_moment_one_order_comes(
    asgi_server: AsgiServer, operator: Api
) -> None:
    bot = make_ready_bot()
    body = {"bot_id": bot.pk, "symbol": "BTC/USDT", "side": "BUY", "qty": "0.01"}
    intent = operator.post("orders/intents", body).json()
    headers = {"Authorization": f"Bearer {operator.secret}"}
    url = f"{asgi_server.url}/api/v1/orders/place"

    def send(number: int) -> httpx.Response:
        key = {"Idempotency-Key": f"try-{number % 3}"}
        return httpx.post(
            url, json={"intent_id": intent["id"]}, headers={**headers, **key}, timeout=20
        )

    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(send, range(9)))

    assert {answer.status_code for answer in answers} <= {201, 409}
    assert Order.objects.count() == 1
    assert AuditEvent.objects.filter(action="order.claimed").count() == 1


def test_a_bug_rolls_the_work_back_and_frees_the_key(
    operator: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_symbol()
    operator.client.raise_request_exception = False

    def broken(*args: object) -> None:
        raise RuntimeError("after the bot was made")

    with monkeypatch.context() as patch:
        patch.setattr("trading.api.bots.BotSerializer", broken)
        answer = operator.post("bots", BOT, key="k1")

    assert (answer.status_code, Bot.objects.count()) == (500, 0)
    assert operator.post("bots", BOT, key="k1").status_code == 201


def test_whatever_breaks_underneath_the_key_is_free_again(operator: Api) -> None:
    def broken(request: HttpRequest) -> HttpResponse:
        raise RuntimeError("not even an answer")

    headers = {"Authorization": f"Bearer {operator.secret}", "Idempotency-Key": "k1"}
    request = RequestFactory().post("/api/v1/bots", headers=headers)
    with pytest.raises(RuntimeError):
        IdempotencyMiddleware(broken)(request)

    assert not IdempotencyKey.objects.exists()
