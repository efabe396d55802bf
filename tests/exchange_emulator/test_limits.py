"""Rate limits are told in headers, and enforced as the venues do when that is switched on."""

from __future__ import annotations

from typing import Any

import ccxt
import pytest

from tests.exchange.clients import sync_client
from tests.exchange.emulator import Emulator
from tests.exchange.limits import BinanceLimits, BybitLimits
from tests.exchange_emulator.trading import limit_buy


def test_headers_tell_what_is_used(emulator: Emulator, client: Any) -> None:
    limit_buy(client, "counted")

    headers = client.last_response_headers

    if client.id == "binance":
        assert int(headers["X-MBX-USED-WEIGHT-1M"]) >= 21
        assert headers["X-MBX-ORDER-COUNT-10S"] == "1"
    else:
        assert headers["X-Bapi-Limit"] == "20"
        assert headers["X-Bapi-Limit-Status"] == "19"


def test_too_much_weight_is_429_and_insisting_is_418(binance: Emulator) -> None:
    limits = binance.limits
    assert isinstance(limits, BinanceLimits)
    limits.enforce, limits.weight_per_minute, limits.patience = True, 60, 40
    client = sync_client(binance)
    client.load_markets()
    client.fetch_balance()
    client.fetch_balance()

    with pytest.raises(ccxt.DDoSProtection, match=r"429.*-1003"):
        client.fetch_balance()
    assert 1 <= int(client.last_response_headers["Retry-After"]) <= 60
    for _ in range(3):
        with pytest.raises(ccxt.DDoSProtection):
            client.fetch_balance()
    with pytest.raises(ccxt.DDoSProtection, match=r"418.*IP banned until"):
        client.fetch_time()


def test_too_many_orders_are_refused_by_binance(binance: Emulator) -> None:
    limits = binance.limits
    assert isinstance(limits, BinanceLimits)
    limits.enforce, limits.orders_per_10_s = True, 0
    client = sync_client(binance)
    client.load_markets()

    with pytest.raises(ccxt.DDoSProtection, match="-1015"):
        limit_buy(client, "many")
    assert binance.ledger.orders == []


def test_too_many_orders_are_refused_by_bybit(bybit: Emulator) -> None:
    limits = bybit.limits
    assert isinstance(limits, BybitLimits)
    limits.enforce, limits.orders_per_s = True, 0
    client = sync_client(bybit)
    client.load_markets()

    with pytest.raises(ccxt.RateLimitExceeded, match="10006"):
        limit_buy(client, "many")
    limits.requests_per_5_s = 0
    with pytest.raises(ccxt.RateLimitExceeded, match="403"):
        client.fetch_balance()
    assert bybit.ledger.orders == []
