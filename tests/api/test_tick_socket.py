"""/ws/ticks pushes the newest price of each symbol, never faster than four times a second."""

from __future__ import annotations

import time
from typing import Any

import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from marketdata.models import Symbol
from tests.api.factories import Api, make_quote, make_symbol
from tests.api.sockets import listening
from tests.conftest import AsgiServer


def tick(symbol: Symbol, price: float) -> dict[str, Any]:
    data = {"symbol": symbol.name, "exchange": symbol.exchange, "symbol_id": symbol.pk}
    return {"type": "tick.message", "data": {**data, "price": price}}


@pytest.mark.parametrize(
    "path",
    [
        "/ws/ticks/BTCUSDT",
        "/ws/ticks/BTC/USDT",
        "/ws/ticks/BTC-USDT",
        "/ws/ticks/simulated:BTC%2FUSDT",
        "/ws/ticks?symbols=BTCUSDT",
        "/api/v1/stream/ticks/BTCUSDT",
    ],
)
def test_a_socket_begins_with_the_last_known_price(
    asgi_server: AsgiServer, viewer: Api, path: str
) -> None:
    make_quote(make_symbol(), 50_000.0)

    with listening(asgi_server, path, viewer) as listener:
        heard = dict([listener.hear(), listener.hear()])

    assert heard["subscribed"] == {"topics": ["simulated:BTC/USDT"]}
    assert (heard["tick"]["price"], heard["tick"]["symbol"]) == (50_000.0, "BTC/USDT")
    assert heard["tick"]["ts"].endswith("Z")


def test_a_burst_is_heard_as_its_first_and_its_newest(asgi_server: AsgiServer, viewer: Api) -> None:
    symbol = make_symbol()
    with listening(asgi_server, "/ws/ticks/BTCUSDT", viewer) as listener:
        listener.hear()
        started = time.monotonic()
        for price in range(100):
            asgi_server.push(f"ticks.{symbol.pk}", tick(symbol, float(price)))
        heard = [listener.hear()[1]["price"]]
        while heard[-1] != 99.0:
            heard.append(listener.hear()[1]["price"])
        took = time.monotonic() - started

    assert len(heard) <= 2 + took / 0.25


def test_one_socket_follows_many_symbols_and_leaves_them(
    asgi_server: AsgiServer, viewer: Api
) -> None:
    btc, eth = make_symbol(), make_symbol("ETH/USDT")
    with listening(asgi_server, "/ws/ticks", viewer) as listener:
        assert listener.hear() == ("subscribed", {"topics": []})
        listener.say({"subscribe": ["BTC/USDT", "ETHUSDT"]})
        listener.hear()

        asgi_server.push(f"ticks.{eth.pk}", tick(eth, 3.0))
        assert listener.hear()[1]["symbol"] == "ETH/USDT"

        listener.say({"unsubscribe": ["ETH/USDT"]})
        assert listener.hear()[1] == {"topics": ["simulated:BTC/USDT"]}
        asgi_server.push(f"ticks.{eth.pk}", tick(eth, 4.0))
        asgi_server.push(f"ticks.{btc.pk}", tick(btc, 5.0))
        assert listener.hear()[1]["price"] == 5.0


def test_an_unknown_symbol_is_named_and_ends_a_socket_of_its_own(
    asgi_server: AsgiServer, viewer: Api
) -> None:
    with listening(asgi_server, "/ws/ticks", viewer) as listener:
        listener.hear()
        listener.say({"subscribe": ["NO/SUCH"]})
        assert listener.hear()[1]["code"] == "SYMBOL_UNKNOWN"

    with listening(asgi_server, "/ws/ticks/NOSUCH", viewer) as listener:
        assert listener.close_code() == 4404


def test_prices_are_not_for_strangers(asgi_server: AsgiServer, console: None) -> None:
    make_symbol()

    with pytest.raises(InvalidStatus):
        connect(f"{asgi_server.ws_url}/ws/ticks/BTCUSDT")
