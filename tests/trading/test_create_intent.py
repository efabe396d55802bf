"""Orders that a person asks for: an intent first, checked again when it is placed."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import User

from marketdata.models import Symbol
from tests.trading.factories import (
    NOW,
    later,
    make_bot,
    make_position,
    make_replay,
    make_symbol,
    make_user,
    no_quotes,
    quote,
    quotes,
)
from trading import services
from trading.errors import BotInvalid, BotUnknown, IntentDenied, IntentUnknown
from trading.models import AuditEvent, Bot, Order, OrderIntent
from trading.order_state import OrderStatus

pytestmark = pytest.mark.django_db

D = Decimal
PRICE = 100.0


@pytest.fixture
def operator() -> User:
    return make_user("operator")


@pytest.fixture
def bot() -> Bot:
    return make_bot()


def at(price: float = PRICE, **given: Any) -> Any:
    """Every symbol quoted at this price."""
    return quotes(dict.fromkeys(Symbol.objects.all(), quote(price, **given)))


def ask(bot: Bot, by: User, *, key: str = "k1", qty: str = "1", **given: Any) -> OrderIntent:
    asked: dict[str, Any] = {
        "bot_id": bot.pk,
        "symbol": bot.symbols.first(),
        "side": "BUY",
        "by": by,
        "now": NOW,
        "quote_for": at(),
    }
    return services.create_intent(**{**asked, "idempotency_key": key, "qty": D(qty), **given})


def place(intent: OrderIntent, by: User, **given: Any) -> Order:
    return services.place_order(
        **{"intent_id": intent.pk, "by": by, "now": NOW, "quote_for": at(), **given}
    )


def denial_of(error: pytest.ExceptionInfo[IntentDenied]) -> object:
    return error.value.fields["denial"]


def test_an_allowed_intent_becomes_one_open_order(bot: Bot, operator: User) -> None:
    intent = ask(bot, operator, type="LIMIT", price=D(99))

    order = place(intent, operator)

    assert (order.status, order.type, order.price) == (OrderStatus.OPEN, "LIMIT", 99)
    assert (intent.reason, intent.denial) == ("manual", "")
    event = AuditEvent.objects.get(action="order.intended")
    assert (event.actor, event.subject) == (operator.username, f"intent:{intent.pk}")


def test_a_repeat_gives_the_same_intent_and_the_same_order(bot: Bot, operator: User) -> None:
    intents = [ask(bot, operator) for _ in range(3)]
    orders = [place(intents[0], operator) for _ in range(3)]

    assert len({intent.pk for intent in intents}) == len({order.pk for order in orders}) == 1
    assert AuditEvent.objects.filter(action="order.intended").count() == 1


@pytest.mark.parametrize(
    "other", [{"qty": "2"}, {"side": "SELL"}, {"type": "LIMIT", "price": D(9)}]
)
def test_a_key_is_not_used_for_another_intent(
    bot: Bot, operator: User, other: dict[str, Any]
) -> None:
    ask(bot, operator)

    with pytest.raises(BotInvalid, match="another intent"):
        ask(bot, operator, **other)

    assert OrderIntent.objects.count() == 1


def test_keys_of_different_bots_do_not_meet(bot: Bot, operator: User) -> None:
    assert ask(bot, operator).pk != ask(make_bot(name="Other"), operator).pk


@pytest.mark.parametrize(
    ("given", "denial"),
    [
        ({"qty": "101"}, "max_exposure_reached"),
        ({"qty": "0.01"}, "below_min_notional"),
        ({"qty": "0.0005"}, "qty_not_on_step"),
        ({"type": "LIMIT", "price": D("99.999")}, "price_not_on_tick"),
        ({"type": "LIMIT", "price": D("0.01")}, "below_min_notional"),
        ({"side": "SELL"}, "position_insufficient"),
        ({"quote_for": no_quotes}, "price_stale"),
        ({"now": later(31)}, "price_stale"),
    ],
)
def test_a_denied_intent_is_kept_with_the_rules_code(
    bot: Bot, operator: User, given: dict[str, Any], denial: str
) -> None:
    with pytest.raises(IntentDenied) as error:
        ask(bot, operator, **given)

    assert denial_of(error) == OrderIntent.objects.get().denial == denial
    assert AuditEvent.objects.get(action="order.denied").reason == denial
    with pytest.raises(IntentDenied):
        place(OrderIntent.objects.get(), operator)
    assert not Order.objects.exists()


def test_cash_must_pay_for_the_costs_too(operator: User) -> None:
    bot = make_bot(knobs={"fee_taker_bps": 10, "half_spread_bps": 5})

    with pytest.raises(IntentDenied) as error:
        ask(bot, operator, qty="100")

    assert denial_of(error) == "cash_insufficient"
    assert ask(bot, operator, qty="99.8", key="k2").denial == ""


@pytest.mark.parametrize(
    "wrong",
    [
        {"side": "HOLD"},
        {"type": "STOP_MARKET", "price": D(1)},
        {"type": "LIMIT"},
        {"price": D(1)},
        {"qty": "0"},
        {"qty": "NaN"},
        {"type": "LIMIT", "price": D(-1)},
        {"key": ""},
        {"key": "x" * 81},
    ],
)
def test_an_intent_that_makes_no_sense_is_refused(
    bot: Bot, operator: User, wrong: dict[str, Any]
) -> None:
    with pytest.raises(BotInvalid):
        ask(bot, operator, **wrong)

    assert not OrderIntent.objects.exists()


def test_a_symbol_or_bot_that_is_not_there_is_refused(bot: Bot, operator: User) -> None:
    with pytest.raises(BotInvalid, match="doesn't trade"):
        ask(bot, operator, symbol=make_symbol("ETH/USDT"))
    with pytest.raises(BotUnknown):
        ask(bot, operator, bot_id=0)
    with pytest.raises(IntentUnknown):
        services.place_order(intent_id=0, by=operator, now=NOW)


def test_a_replay_takes_no_orders_of_people(operator: User) -> None:
    with pytest.raises(BotInvalid, match="replay"):
        ask(make_replay([100.0] * 3), operator)


def test_two_allowed_intents_cannot_both_spend_the_cash(bot: Bot, operator: User) -> None:
    first, second = (ask(bot, operator, key=key, qty="60") for key in ("a", "b"))
    place(first, operator)

    with pytest.raises(IntentDenied) as error:
        place(second, operator)

    second.refresh_from_db()
    assert denial_of(error) == second.denial == "max_exposure_reached"
    assert AuditEvent.objects.filter(action="order.denied").count() == 1


def test_two_allowed_intents_cannot_both_sell_the_coins(bot: Bot, operator: User) -> None:
    make_position(bot, "1", "100")
    first, second = (ask(bot, operator, key=key, side="SELL") for key in ("a", "b"))
    place(first, operator)

    with pytest.raises(IntentDenied) as error:
        place(second, operator)

    assert denial_of(error) == "position_insufficient"


def test_an_old_intent_is_checked_at_the_price_of_now(bot: Bot, operator: User) -> None:
    intent = ask(bot, operator, qty="60")

    with pytest.raises(IntentDenied):
        place(intent, operator, now=later(60))
    assert not Order.objects.exists()


def test_the_other_symbols_count_at_their_price_of_now(operator: User) -> None:
    one, other = make_symbol("BTC/USDT"), make_symbol("ETH/USDT")
    bot = make_bot(one, other, knobs={"max_exposure": "0.5"})
    make_position(bot, "40", "100", symbol=other)
    dear = quotes({one: quote(100), other: quote(200)})

    with pytest.raises(IntentDenied) as error:
        ask(bot, operator, symbol=one, qty="5", quote_for=dear)

    assert denial_of(error) == "max_exposure_reached"
