"""A request is answered only with the right key, signature, time, address and permission."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import ccxt
import pytest

from tests.exchange.clients import sync_client
from tests.exchange.emulator import Emulator
from tests.exchange_emulator.trading import PAIR, limit_buy

NOBODY = "A" * 64


@pytest.fixture
def untouched(emulator: Emulator) -> Iterator[Emulator]:
    """An emulator that must not have accepted anything."""
    yield emulator
    assert emulator.ledger.orders == []


def made(emulator: Emulator, **config: Any) -> Any:
    client = sync_client(emulator, **config)
    client.has["fetchCurrencies"] = False
    client.load_markets()
    return client


def test_a_wrong_secret_makes_a_wrong_signature(untouched: Emulator) -> None:
    client = made(untouched, secret="guess")

    with pytest.raises(ccxt.AuthenticationError, match=r"-1022|10004"):
        limit_buy(client, "forged")
    with pytest.raises(ccxt.AuthenticationError, match=r"-1022|10004"):
        client.fetch_balance()


def test_a_key_nobody_has_is_refused(untouched: Emulator) -> None:
    client = made(untouched, apiKey=NOBODY)

    with pytest.raises(ccxt.BaseError, match=r"-2008|10003"):
        limit_buy(client, "stranger")


def test_a_key_of_the_wrong_form_is_refused_by_binance(binance: Emulator) -> None:
    with pytest.raises(ccxt.AuthenticationError, match="-2014"):
        made(binance, apiKey="short").fetch_balance()


@pytest.mark.parametrize("skew_ms", [-5_000, 60_000])
def test_a_clock_that_is_off_makes_requests_out_of_time(untouched: Emulator, skew_ms: int) -> None:
    untouched.skew_ms = skew_ms

    with pytest.raises(ccxt.InvalidNonce, match=r"-1021|10002"):
        limit_buy(made(untouched), "untimely")


def test_the_measured_difference_of_the_clocks_heals_it(emulator: Emulator) -> None:
    emulator.skew_ms = 60_000
    client = made(emulator)
    client.load_time_difference()

    limit_buy(client, "timely")

    assert len(emulator.ledger.orders) == 1


def test_the_window_of_a_request_is_its_own(untouched: Emulator) -> None:
    options = sync_client(untouched).options | {"recvWindow": 1_000}
    untouched.skew_ms = 2_000

    with pytest.raises(ccxt.InvalidNonce):
        limit_buy(made(untouched, options=options), "narrow")


def test_a_read_only_key_reads_and_does_not_trade(untouched: Emulator) -> None:
    untouched.key.can_trade = False
    client = made(untouched)

    assert client.fetch_balance()["USDT"]["free"] == 100_000
    kinds = (ccxt.DDoSProtection, ccxt.AuthenticationError, ccxt.PermissionDenied)
    with pytest.raises(kinds, match=r"-2015|10005"):
        limit_buy(client, "reader")


def test_a_key_is_bound_to_its_addresses(untouched: Emulator) -> None:
    untouched.key.ips = ("203.0.113.9",)
    client = made(untouched)

    with pytest.raises((ccxt.AuthenticationError, ccxt.PermissionDenied), match=r"-2015|10010"):
        client.fetch_balance()
    untouched.client_ip = "203.0.113.9"
    assert client.fetch_balance()["USDT"]["free"] == 100_000


@pytest.mark.parametrize("withdraws", [True, False])
def test_the_rights_of_a_key_can_be_asked_for(untouched: Emulator, withdraws: bool) -> None:
    untouched.key.can_withdraw = withdraws
    client = made(untouched)

    if client.id == "binance":
        rights = client.sapi_get_account_apirestrictions()
        assert rights["enableSpotAndMarginTrading"] is True
        assert (rights["enableWithdrawals"], rights["ipRestrict"]) == (withdraws, False)
    else:
        rights = client.private_get_v5_user_query_api()["result"]
        assert (rights["readOnly"], rights["permissions"]["Spot"]) == (0, ["SpotTrade"])
        assert ("Withdraw" in rights["permissions"]["Wallet"], rights["ips"]) == (withdraws, ["*"])


def test_secrets_and_signatures_are_not_in_the_ledger(emulator: Emulator) -> None:
    client = made(emulator)
    limit_buy(client, "logged")
    client.fetch_open_orders(PAIR)

    told = repr(emulator.ledger.requests)

    assert emulator.key.secret not in told
    assert "signature" not in told
    assert "logged" in told
