"""What a venue refuses has its code, its text, its ccxt class, and changes nothing."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import ccxt
import pytest

from tests.exchange.accounts import ApiKey
from tests.exchange.clients import sync_client
from tests.exchange.emulator import Emulator
from tests.exchange_emulator.trading import PAIR, cancel, find, limit_buy, market

Act = Callable[[Any], Any]


def raw(**fields: Any) -> Act:
    """An order as given, past ccxt's own rounding."""

    def act(client: Any) -> Any:
        if client.id == "binance":
            names = {"qty": "quantity"}
            body = {names.get(name, name): value for name, value in fields.items()}
            base = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC"}
            return client.private_post_order(base | body)
        base = {"category": "spot", "symbol": "BTCUSDT", "side": "Buy", "orderType": "Limit"}
        return client.private_post_v5_order_create(base | fields)

    return act


REFUSED = [
    (raw(qty="0.01", price="41000.005"), "PRICE_FILTER", "170134", ccxt.InvalidOrder),
    (raw(qty="0.010001", price="41000"), "LOT_SIZE", "170137", ccxt.InvalidOrder),
    (raw(qty="0.000001", price="41000"), "LOT_SIZE", "170136", ccxt.InvalidOrder),
    (raw(qty="9001", price="41000"), "LOT_SIZE", "170135", ccxt.InvalidOrder),
    (raw(qty="0.01", price="999999"), "PERCENT_PRICE_BY_SIDE", "170193", ccxt.InvalidOrder),
    (raw(qty="2.5", price="41000"), "insufficient balance", "170131", ccxt.InsufficientFunds),
]


@pytest.mark.parametrize(("act", "binance", "bybit", "kind"), REFUSED)
def test_an_order_against_the_rules_is_refused_in_the_venues_words(
    emulator: Emulator, client: Any, act: Act, binance: str, bybit: str, kind: type[Exception]
) -> None:
    with pytest.raises(kind, match=binance if client.id == "binance" else bybit):
        act(client)

    assert emulator.ledger.orders == []
    assert emulator.ledger.requests[-1].acted is False


def test_an_order_of_too_little_value_is_refused(client: Any) -> None:
    kind = ccxt.BadRequest if client.id == "binance" else ccxt.InvalidOrder

    with pytest.raises(kind, match=r"-1013.*NOTIONAL|170140"):
        limit_buy(client, "tiny", qty=0.0001)


def test_too_many_decimals_are_no_number_for_binance(binance: Emulator) -> None:
    client = sync_client(binance)

    with pytest.raises(ccxt.BadRequest, match=r"-1111.*'quantity' has too much precision"):
        raw(qty="0.0100000001", price="41000")(client)


def test_a_symbol_that_is_not_listed_is_refused(client: Any) -> None:
    kind = ccxt.BadSymbol if client.id == "binance" else ccxt.InvalidOrder

    with pytest.raises(kind, match=r"-1121|170121"):
        raw(symbol="XXXUSDT", qty="1", price="1")(client)


def test_nothing_trades_while_the_pair_is_halted(emulator: Emulator, client: Any) -> None:
    emulator.halt("BTCUSDT")

    kind = ccxt.MarketClosed if client.id == "binance" else ccxt.InvalidOrder
    with pytest.raises(kind, match=r"-1013.*Market is closed|Market is closed|170151"):
        limit_buy(client, "halted")
    assert client.load_markets(True)[PAIR]["active"] is False


def test_a_stop_that_would_trigger_at_once_is_refused_by_binance(binance: Emulator) -> None:
    client = sync_client(binance)
    client.load_markets()

    with pytest.raises(ccxt.OrderImmediatelyFillable, match="trigger immediately"):
        client.create_order(PAIR, "market", "sell", 0.01, None, {"stopLossPrice": 42_500})


def test_a_pair_without_market_stops_takes_those_with_a_limit(binance: Emulator) -> None:
    binance.limit_stops("BTCUSDT", market=False)
    client = sync_client(binance)
    market = client.load_markets()[PAIR]
    assert "STOP_LOSS" not in market["info"]["orderTypes"]
    stop = {"symbol": "BTCUSDT", "side": "SELL", "quantity": "0.01", "stopPrice": "41000"}

    with pytest.raises(ccxt.BaseError, match=r"-1013.*Stop loss orders are not supported"):
        client.private_post_order({**stop, "type": "STOP_LOSS"})
    limit = {"type": "STOP_LOSS_LIMIT", "timeInForce": "GTC", "price": "40900"}
    client.private_post_order({**stop, **limit})

    assert len(binance.ledger.open_orders()) == 1


def test_a_sixth_stop_that_waits_is_refused_by_binance(binance: Emulator) -> None:
    client = sync_client(binance)
    client.load_markets()
    for _ in range(5):
        client.create_order(PAIR, "market", "sell", 0.01, None, {"stopLossPrice": 41_000})

    with pytest.raises(ccxt.BadRequest, match=r"-1013.*MAX_NUM_ALGO_ORDERS"):
        client.create_order(PAIR, "market", "sell", 0.01, None, {"stopLossPrice": 41_000})


def test_a_client_id_that_is_in_use_is_refused(emulator: Emulator, client: Any) -> None:
    limit_buy(client, "same")

    with pytest.raises(ccxt.InvalidOrder, match=r"Duplicate"):
        limit_buy(client, "same")
    assert len(emulator.ledger.by_client_id("same")) == 1


def test_binance_takes_a_client_id_again_after_a_fill(binance: Emulator) -> None:
    client = sync_client(binance)
    client.load_markets()
    market(client, "again")

    market(client, "again")

    assert binance.ledger.duplicates() == {("main", "again"): 2}
    assert binance.problems() == ["2 orders with client id again"]


def test_bybit_never_takes_a_client_id_again(bybit: Emulator) -> None:
    client = sync_client(bybit)
    client.load_markets()
    market(client, "again")

    with pytest.raises(ccxt.InvalidOrder, match="170141"):
        market(client, "again")


def test_what_a_fee_took_cannot_be_sold(emulator: Emulator, client: Any) -> None:
    emulator.deposit("BTC", -1)
    market(client, "buy-1")

    with pytest.raises(ccxt.InsufficientFunds):
        market(client, "sell-1", "sell")
    assert emulator.account.balance("BTC").free == Decimal("0.00999")


def test_an_order_that_is_not_there_is_unknown(client: Any) -> None:
    assert find(client, "never") is None
    with pytest.raises(ccxt.OrderNotFound, match=r"-2011|170213"):
        cancel(client, "never")


def test_a_closed_order_cannot_be_canceled(client: Any) -> None:
    market(client, "done")

    with pytest.raises(ccxt.OrderNotFound, match=r"-2011|170213"):
        cancel(client, "done")


def test_an_order_of_another_account_is_unknown(emulator: Emulator, client: Any) -> None:
    emulator.accounts.add_key(ApiKey("other-key", "other-secret", "other"))
    placed = limit_buy(client, "mine")

    other = sync_client(emulator, apiKey="other-key", secret="other-secret")
    other.load_markets()

    assert find(other, "mine") is None
    assert other.fetch_open_orders(PAIR) == []
    with pytest.raises(ccxt.OrderNotFound):
        other.cancel_order(placed["id"], PAIR)
