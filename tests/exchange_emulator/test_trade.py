"""Real ccxt trades on the emulator as on the venue: place, look up, cancel, read."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import ccxt
import pytest

from tests.exchange.emulator import Emulator
from tests.exchange.orders import Status
from tests.exchange_emulator.trading import PAIR, cancel, find, limit_buy, market


def test_markets_come_with_their_filters(client: Any) -> None:
    rules = client.market(PAIR)

    assert rules["precision"] == {"amount": 0.00001, "price": 0.01} | {
        name: value for name, value in rules["precision"].items() if name not in ("amount", "price")
    }
    assert rules["limits"]["cost"]["min"] == 5
    assert rules["active"]


def test_the_time_is_the_exchanges(emulator: Emulator, client: Any) -> None:
    emulator.skew_ms = 3_600_000

    assert abs(client.fetch_time() - client.milliseconds() - 3_600_000) < 1000


def test_a_limit_order_below_the_market_rests(emulator: Emulator, client: Any) -> None:
    limit_buy(client, "rest-1")

    found = find(client, "rest-1")
    assert (found["status"], found["filled"], found["clientOrderId"]) == ("open", 0, "rest-1")
    assert emulator.ledger.order("rest-1").status is Status.NEW
    assert emulator.account.balance("USDT").locked == 410


def test_a_resting_order_fills_when_the_price_crosses_it(emulator: Emulator, client: Any) -> None:
    limit_buy(client, "cross-1")

    emulator.set_price("BTCUSDT", 40_990)

    found = find(client, "cross-1")
    assert (found["status"], found["filled"], found["average"]) == ("closed", 0.01, 41_000)
    assert client.fetch_my_trades(PAIR)[0]["takerOrMaker"] == "maker"


def test_a_market_order_fills_at_the_other_side_of_the_book(client: Any) -> None:
    market(client, "take-1")

    found = find(client, "take-1")
    assert (found["status"], found["filled"], found["average"]) == ("closed", 0.01, 42_000.51)
    assert client.fetch_my_trades(PAIR)[0]["takerOrMaker"] == "taker"


def test_a_market_buy_spends_a_cost_and_not_more(emulator: Emulator, client: Any) -> None:
    client.create_market_buy_order_with_cost(PAIR, 100)

    (order,) = emulator.ledger.orders
    assert order.status is Status.FILLED
    assert order.filled == Decimal("0.00238")
    assert 100 - Decimal("0.42") < order.cost <= 100


def test_an_order_gets_what_the_book_holds_and_the_rest_waits(
    emulator: Emulator, client: Any
) -> None:
    emulator.set_book("BTCUSDT", asks=[(42_000, "0.004"), (42_001, "0.003")])

    limit_buy(client, "part-1", qty=0.01, price=42_001)

    found = find(client, "part-1")
    assert (found["status"], found["filled"], found["remaining"]) == ("open", 0.007, 0.003)
    assert [fill.price for fill in emulator.ledger.fills] == [42_000, 42_001]


def test_a_market_order_that_runs_out_of_book_ends_partly_filled(
    emulator: Emulator, client: Any
) -> None:
    emulator.set_book("BTCUSDT", asks=[(42_000, "0.004")])

    market(client, "short-1")

    found = find(client, "short-1")
    assert found["status"] == ("expired" if client.id == "binance" else "closed")
    assert found["filled"] == 0.004


def test_a_canceled_order_gives_its_money_back(emulator: Emulator, client: Any) -> None:
    limit_buy(client, "gone-1")

    answer = cancel(client, "gone-1")

    assert find(client, "gone-1")["status"] == "canceled"
    assert emulator.account.balance("USDT").locked == 0
    original = answer["info"].get("origClientOrderId", answer["info"].get("orderLinkId"))
    assert original == "gone-1"


def test_an_order_is_canceled_by_the_exchanges_id_too(client: Any) -> None:
    placed = limit_buy(client, "gone-2")

    client.cancel_order(placed["id"], PAIR)

    assert find(client, "gone-2")["status"] == "canceled"


def test_open_closed_and_canceled_orders_are_listed(client: Any) -> None:
    limit_buy(client, "list-1")
    limit_buy(client, "list-2")
    market(client, "list-3")
    cancel(client, "list-2")

    assert [one["clientOrderId"] for one in client.fetch_open_orders(PAIR)] == ["list-1"]
    assert [one["clientOrderId"] for one in client.fetch_closed_orders(PAIR)] == ["list-3"]
    canceled = client.fetch_canceled_and_closed_orders(PAIR)
    assert sorted(one["clientOrderId"] for one in canceled) == ["list-2", "list-3"]


def test_all_open_orders_are_canceled_at_once(client: Any) -> None:
    limit_buy(client, "all-1")
    limit_buy(client, "all-2")

    client.cancel_all_orders(PAIR)

    assert client.fetch_open_orders(PAIR) == []


def test_trades_are_read_from_a_time_on_and_page_by_page(emulator: Emulator, client: Any) -> None:
    for number in range(5):
        market(client, f"page-{number}")

    first = client.fetch_my_trades(PAIR, since=emulator.now_ms() - 60_000, limit=3)

    assert len(first) == 3
    assert len(client.fetch_my_trades(PAIR)) == 5
    assert client.fetch_my_trades(PAIR, since=emulator.now_ms() + 60_000) == []


def test_balances_tell_free_from_locked(client: Any) -> None:
    limit_buy(client, "lock-1")

    balance = client.fetch_balance()

    assert balance["USDT"] == balance["USDT"] | {"free": 99_590, "used": 410, "total": 100_000}


@pytest.mark.parametrize(
    ("stop", "price", "filled"), [(41_000, 40_999, True), (41_000, 41_500, False)]
)
@pytest.mark.parametrize("kind", ["market", "limit"])
def test_a_stop_loss_waits_for_its_price(
    emulator: Emulator, client: Any, kind: str, stop: int, price: int, filled: bool
) -> None:
    limit = 40_000 if kind == "limit" else None
    params = {"stopLossPrice": stop, "clientOrderId": "stop-1"}
    client.create_order(PAIR, kind, "sell", 0.01, limit, params)
    assert find(client, "stop-1")["status"] == "open"
    assert emulator.account.balance("BTC").locked == Decimal("0.01")

    emulator.set_price("BTCUSDT", price)

    assert find(client, "stop-1")["status"] == ("closed" if filled else "open")


def test_a_take_profit_waits_for_a_higher_price(emulator: Emulator, client: Any) -> None:
    params = {"takeProfitPrice": 43_000, "clientOrderId": "profit-1"}
    client.create_order(PAIR, "market", "sell", 0.01, None, params)

    emulator.set_price("BTCUSDT", 43_001)

    assert find(client, "profit-1")["filled"] == 0.01


def test_a_stop_loss_is_canceled_by_its_client_id(client: Any) -> None:
    params = {"stopLossPrice": 41_000, "clientOrderId": "stop-2"}
    client.create_order(PAIR, "market", "sell", 0.01, None, params)

    cancel(client, "stop-2", **({"orderFilter": "tpslOrder"} if client.id == "bybit" else {}))

    assert find(client, "stop-2")["status"] == "canceled"


def test_a_post_only_order_that_would_take_is_refused_or_canceled(
    emulator: Emulator, client: Any
) -> None:
    params = {"postOnly": True, "clientOrderId": "post-1"}
    if client.id == "binance":
        with pytest.raises(ccxt.OrderImmediatelyFillable):
            client.create_order(PAIR, "limit", "buy", 0.01, 43_000, params)
        assert emulator.ledger.orders == []
    else:
        client.create_order(PAIR, "limit", "buy", 0.01, 43_000, params)
        found = find(client, "post-1")
        assert found["status"] == "canceled"
        assert found["info"]["rejectReason"] == "EC_PostOnlyWillTakeLiquidity"


def test_fill_or_kill_fills_whole_or_not_at_all(emulator: Emulator, client: Any) -> None:
    emulator.set_book("BTCUSDT", asks=[(42_000, "0.004")])
    params = {"timeInForce": "FOK", "clientOrderId": "fok-1"}

    client.create_order(PAIR, "limit", "buy", 0.01, 42_000, params)

    assert emulator.ledger.order("fok-1").status is Status.EXPIRED
    assert emulator.ledger.fills == []


def test_orders_from_outside_the_api_are_visible_but_not_ours(
    emulator: Emulator, client: Any
) -> None:
    emulator.place_by_hand("BTCUSDT", "buy", 1, 40_000, "web_1")

    assert [one["clientOrderId"] for one in client.fetch_open_orders(PAIR)] == ["web_1"]


def test_an_acknowledged_order_may_be_rejected_later(emulator: Emulator, client: Any) -> None:
    limit_buy(client, "late-no")

    emulator.reject("late-no")

    assert find(client, "late-no")["status"] == "rejected"


def test_candles_know_the_prices_that_were_set(emulator: Emulator, client: Any) -> None:
    emulator.set_price("BTCUSDT", 50_000)
    emulator.set_price("BTCUSDT", 49_000)

    candles = client.fetch_ohlcv(PAIR, "1m", limit=3)

    assert len(candles) == 3
    assert 50_000 in [candle[2] for candle in candles]
    assert 49_000 in [candle[4] for candle in candles]
    assert client.fetch_ticker(PAIR)["last"] == 49_000
    assert client.fetch_order_book(PAIR)["asks"][0][0] == 49_000.01


def test_the_rates_of_the_account_are_told(emulator: Emulator, client: Any) -> None:
    emulator.account.maker_rate = Decimal("0.0002")

    assert client.fetch_trading_fee(PAIR)["maker"] == 0.0002


async def test_the_async_client_trades_as_well(emulator: Emulator, waiting: Any) -> None:
    await limit_buy(waiting, "async-1")

    await cancel(waiting, "async-1")

    assert emulator.ledger.order("async-1").status is Status.CANCELED
    assert await waiting.fetch_open_orders(PAIR) == []
