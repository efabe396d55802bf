"""Everything a test can do to an emulator, another process can do over HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import ccxt
import pytest

from tests.exchange.clients import sync_client
from tests.exchange.emulator import Emulator
from tests.exchange.remote import EmulatorProcess, RemoteEmulator
from tests.exchange_emulator.trading import find, limit_buy


@pytest.fixture
def remote(emulator: Emulator) -> RemoteEmulator:
    return RemoteEmulator(emulator.url)


def test_a_fault_is_set_by_name_and_healed(
    emulator: Emulator, client: Any, remote: RemoteEmulator
) -> None:
    remote.fail("status", path="POST", code=502, accepted=True)

    with pytest.raises(ccxt.ExchangeNotAvailable):
        limit_buy(client, "remote-1")
    remote.fail("answer_lost", times=1000)
    remote.heal()

    assert find(client, "remote-1")["status"] == "open"


def test_the_ledger_is_read_as_text_numbers(client: Any, remote: RemoteEmulator) -> None:
    limit_buy(client, "remote-2")
    remote.do("POST", "price", symbol="BTCUSDT", last="40900", size="0.004")

    ledger = remote.ledger()

    (order,) = ledger["orders"]
    assert (order["client_id"], order["status"]) == ("remote-2", "PARTIALLY_FILLED")
    assert (order["filled"], order["qty"]) == ("0.004", "0.01")
    assert ledger["fills"][0]["price"] == "41000"
    assert (ledger["duplicates"], ledger["problems"]) == ({}, [])
    assert remote.do("GET", "problems") == []


def test_an_order_is_filled_and_canceled_by_decree(client: Any, remote: RemoteEmulator) -> None:
    limit_buy(client, "remote-3")
    remote.do("POST", "order", client_id="remote-3", do="fill", arguments={"qty": "0.003"})
    remote.do("POST", "order", client_id="remote-3", do="cancel")

    (order,) = remote.ledger()["orders"]
    assert (order["status"], order["filled"]) == ("CANCELED", "0.003")


def test_clock_money_and_maintenance_are_settings(
    emulator: Emulator, client: Any, remote: RemoteEmulator
) -> None:
    remote.do("POST", "deposit", asset="USDT", qty="5")
    assert remote.do("GET", "balances")["USDT"]["free"] == "100005"

    remote.do("POST", "set", skew_ms=60_000)
    with pytest.raises(ccxt.InvalidNonce):
        client.fetch_balance()
    remote.do("POST", "set", skew_ms=0, maintenance=True)
    with pytest.raises((ccxt.ExchangeNotAvailable, ccxt.ExchangeError)):
        client.fetch_balance()


def test_an_outage_ends_by_itself(client: Any, remote: RemoteEmulator) -> None:
    remote.do("POST", "outage", seconds=1)
    client.sleep(400)

    with pytest.raises(ccxt.NetworkError):
        client.fetch_balance()
    client.sleep(1200)
    assert client.fetch_balance()["USDT"]["free"] == 100_000


def test_streams_are_silenced_and_cut(emulator: Emulator, remote: RemoteEmulator) -> None:
    remote.do("POST", "streams", silent=True)
    assert emulator.streams.silent

    remote.do("POST", "streams", do="heal")
    remote.do("POST", "streams", do="disconnect")
    assert not emulator.streams.silent


def test_the_walk_is_the_same_for_the_same_seed(remote: RemoteEmulator) -> None:
    with Emulator("binance", seed=7) as one, Emulator("binance", seed=7) as other:
        RemoteEmulator(one.url).do("POST", "advance", steps=20)
        other.advance(20)

        assert [pair.last for pair in one.market.pairs] == [
            pair.last for pair in other.market.pairs
        ]
        assert one.market.pairs[0].last != "42000.50"


def test_by_hand_an_order_gets_no_more_than_was_left_of_it(
    emulator: Emulator, client: Any, remote: RemoteEmulator
) -> None:
    limit_buy(client, "late")
    late = {"client_id": "late", "do": "fill", "arguments": {"qty": "5"}}

    remote.do("POST", "order", **late)

    assert find(client, "late")["status"] == "closed"
    assert emulator.problems() == []
    with pytest.raises(ValueError, match="has ended"):
        remote.do("POST", "order", **late)


def test_prices_and_the_faults_that_stand_can_be_asked_for(
    emulator: Emulator, remote: RemoteEmulator
) -> None:
    emulator.set_price("BTCUSDT", 41_000)
    remote.fail("reset", path="POST", times=2)

    assert remote.do("GET", "prices")["BTCUSDT"] == "41000"
    assert remote.do("GET", "faults") == [{"name": "reset", "path": "POST", "times": 2}]


@pytest.mark.parametrize(
    ("method", "what", "said"),
    [
        ("POST", "faults", {"name": "earthquake"}),
        ("POST", "order", {"client_id": "x", "do": "explode"}),
        ("POST", "streams", {"do": "explode"}),
        ("GET", "nothing", {}),
    ],
)
def test_what_makes_no_sense_is_refused_with_a_sentence(
    remote: RemoteEmulator, method: str, what: str, said: dict[str, str]
) -> None:
    with pytest.raises(ValueError, match=r"\w+"):
        remote.do(method, what, **said)


@pytest.fixture(scope="module", params=["binance", "bybit"])
def process(request: pytest.FixtureRequest) -> Iterator[EmulatorProcess]:
    with EmulatorProcess(request.param, every_s=0.05) as running:
        yield running


def test_it_runs_by_hand_and_says_where(process: EmulatorProcess) -> None:
    assert process.told["rest"].startswith("http://127.0.0.1:")
    assert process.told["private"].startswith("ws://127.0.0.1:")
    assert (process.told["key"], process.told["secret"]) == ("demo-key", "demo-secret")


def test_by_hand_its_prices_walk(process: EmulatorProcess) -> None:
    client = sync_client(process)
    client.load_markets()

    before = client.fetch_ticker("BTC/USDT")["last"]
    client.sleep(300)

    assert client.fetch_ticker("BTC/USDT")["last"] != before
    limit_buy(client, "by-hand", price=20_000)
    assert [one["client_id"] for one in process.remote.ledger()["orders"]] == ["by-hand"]
