"""Intents, orders, fills and trades over HTTP."""

from __future__ import annotations

import pytest

from tests.api.factories import Api, make_bot, make_order, make_ready_bot, make_symbol
from trading.models import AuditEvent, Order, OrderIntent

BUY = {"symbol": "BTC/USDT", "side": "BUY", "qty": "0.01"}


def test_an_allowed_intent_becomes_an_order_once(operator: Api) -> None:
    bot = make_ready_bot()
    intent = operator.post("orders/intents", {"bot_id": bot.pk, **BUY}).json()

    first = operator.post("orders/place", {"intent_id": intent["id"]})
    again = operator.post("orders/place", {"intent_id": intent["id"]})

    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json()["id"] == again.json()["id"]
    assert Order.objects.count() == 1
    assert (intent["qty"], intent["denial"], intent["reason"]) == ("0.01", "", "manual")


def test_an_order_shows_its_whole_life(operator: Api) -> None:
    order = make_order(operator, make_ready_bot())

    steps = [(step["from_status"], step["to_status"]) for step in order["transitions"]]
    assert steps == [("NEW", "SUBMITTING"), ("SUBMITTING", "OPEN")]
    assert operator.get(f"orders/{order['id']}").json() == order
    assert operator.get("orders").json()["results"] == [order]


def test_a_denial_is_a_422_with_the_rules_code_and_is_kept(operator: Api) -> None:
    bot = make_ready_bot()

    answer = operator.post("orders/intents", {"bot_id": bot.pk, **BUY, "qty": "10"})

    assert (answer.status_code, answer.json()["code"]) == (422, "INTENT_DENIED")
    assert answer.json()["fields"] == {"denial": "max_exposure_reached"}
    assert OrderIntent.objects.get().denial == "max_exposure_reached"
    assert AuditEvent.objects.filter(action="order.denied", actor="operator").count() == 1


def test_a_denied_intent_stays_denied_under_its_key(operator: Api) -> None:
    bot = make_ready_bot()
    body = {"bot_id": bot.pk, **BUY, "qty": "10"}

    first = operator.post("orders/intents", body, key="k1")
    again = operator.post("orders/intents", body, key="k1")

    assert again.content == first.content
    assert OrderIntent.objects.count() == 1


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"qty": "0"}, "qty"),
        ({"qty": "abc"}, "qty"),
        ({"qty": "-1"}, "qty"),
        ({"side": "HOLD"}, "side"),
        ({"type": "LIMIT"}, "price"),
        ({"price": "100"}, "price"),
        ({"type": "STOP_MARKET", "price": "1"}, "type"),
        ({"leverage": 3}, "leverage"),
    ],
)
def test_an_intent_that_makes_no_sense_is_a_400(
    operator: Api, change: dict[str, object], field: str
) -> None:
    bot = make_ready_bot()

    answer = operator.post("orders/intents", {"bot_id": bot.pk, **BUY, **change})

    assert answer.status_code == 400
    assert field in answer.json()["fields"]


def test_a_working_order_is_canceled_once(operator: Api) -> None:
    bot = make_ready_bot()
    order = make_order(operator, bot, type="LIMIT", price="40000")

    canceled = operator.post(f"orders/{order['id']}/cancel")
    again = operator.post(f"orders/{order['id']}/cancel")

    assert canceled.json()["status"] == "CANCELED"
    assert (again.status_code, again.json()["code"]) == (409, "ORDER_NOT_OPEN")


def test_orders_filter_by_symbol_bot_and_status(operator: Api) -> None:
    bot = make_ready_bot()
    make_symbol("ETH/USDT")
    other = make_bot(name="Other")
    open_id = make_order(operator, bot, type="LIMIT", price="40000")["id"]
    ended = make_order(operator, bot, type="LIMIT", price="40001")["id"]
    operator.post(f"orders/{ended}/cancel")

    def ids(**params: object) -> list[int]:
        return [row["id"] for row in operator.get("orders", **params).json()["results"]]

    assert ids(symbol="BTCUSDT") == [ended, open_id]
    assert ids(symbol="ETH/USDT") == ids(bot=other.pk) == []
    assert ids(status="open") == ids(status="live") == [open_id]
    assert ids(status="canceled") == [ended]
    assert operator.get("orders", status="odd").status_code == 400
    assert operator.get("orders", symbol="NOSUCH").json()["code"] == "SYMBOL_UNKNOWN"
    assert operator.get("orders", **{"from": "yesterday"}).status_code == 400


def test_orders_and_intents_that_are_not_there(operator: Api) -> None:
    make_ready_bot()

    assert operator.get("orders/99").json()["code"] == "ORDER_UNKNOWN"
    assert operator.post("orders/99/cancel").json()["code"] == "ORDER_UNKNOWN"
    assert operator.post("orders/place", {"intent_id": 99}).json()["code"] == "INTENT_UNKNOWN"


def test_after_an_emergency_stop_nothing_is_placed(operator: Api) -> None:
    bot = make_ready_bot()
    intent = operator.post("orders/intents", {"bot_id": bot.pk, **BUY}).json()
    operator.post("system/emergency-stop", {"reason": "drill"})

    placed = operator.post("orders/place", {"intent_id": intent["id"]})

    assert (placed.status_code, placed.json()["fields"]) == (422, {"denial": "trading_halted"})
    assert operator.post("orders/intents", {"bot_id": bot.pk, **BUY}).status_code == 422
