"""/ws/ticks pushes the newest price of each symbol, never faster than twenty times a second."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from config import bus, clock
from marketdata import tick_hub, viewing
from marketdata.models import Symbol
from tests.api.factories import Api, make_quote, make_symbol
from tests.api.sockets import Listener, listening
from tests.conftest import AsgiServer


def tick(symbol: Symbol, price: float, *, at_ms: int = 0) -> dict[str, Any]:
    data = {"symbol": symbol.name, "exchange": symbol.exchange, "symbol_id": symbol.pk}
    return {"data": {**data, "price": price, "at_ms": at_ms or clock.now_ms()}}


def say(*messages: dict[str, Any]) -> None:
    """As the feed does."""
    tick_hub.publish(messages)


def say_until_heard(listener: Listener, symbol: Symbol, price: float) -> Any:
    """What is said before the server listens to the bus is lost, so it is said again."""
    for _ in range(50):
        say(tick(symbol, price))
        with suppress(TimeoutError):
            return listener.hear(within_s=0.1)[1]
    raise AssertionError("never heard")


def listeners() -> int:
    """How many processes listen to the ticks of this test run."""
    [(_, count)] = bus.client().pubsub_numsub(bus.channel(tick_hub.CHANNEL))
    return int(count)


def wait_until(condition: Callable[[], bool]) -> None:
    give_up_at = time.monotonic() + 5
    while not condition():
        assert time.monotonic() < give_up_at
        time.sleep(0.02)


@pytest.mark.parametrize(
    "path",
    [
        "/ws/ticks/BTCUSDT",
        "/ws/ticks/BTC/USDT",
        "/ws/ticks/BTC-USDT",
        "/ws/ticks/simulated:BTC%2FUSDT",
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


def test_a_socket_of_many_symbols_names_its_fields_and_sends_rows(
    asgi_server: AsgiServer, viewer: Api
) -> None:
    make_quote(make_symbol(), 50_000.0)
    make_quote(make_symbol("ETH/USDT"), 3_000.0)

    with listening(asgi_server, "/ws/ticks?symbols=BTCUSDT,ETHUSDT", viewer) as listener:
        heard = dict([listener.hear(), listener.hear()])

    fields = heard["subscribed"]["fields"]
    found = [dict(zip(fields, row, strict=True)) for row in heard["ticks"]]
    assert [row["symbol"] for row in found] == ["simulated:BTC/USDT", "simulated:ETH/USDT"]
    assert [row["price"] for row in found] == [50_000.0, 3_000.0]


def test_a_burst_is_heard_as_its_first_and_its_newest(asgi_server: AsgiServer, viewer: Api) -> None:
    symbol = make_symbol()
    with listening(asgi_server, "/ws/ticks/BTCUSDT", viewer) as listener:
        listener.hear()
        say_until_heard(listener, symbol, -1.0)
        started = time.monotonic()
        for price in range(100):
            say(tick(symbol, float(price)))
        heard = [listener.hear()[1]["price"]]
        while heard[-1] != 99.0:
            heard.append(listener.hear()[1]["price"])
        took = time.monotonic() - started

    assert len(heard) <= 2 + took / 0.05


def test_one_socket_follows_many_symbols_and_leaves_them(
    asgi_server: AsgiServer, viewer: Api
) -> None:
    btc, eth = make_symbol(), make_symbol("ETH/USDT")
    with listening(asgi_server, "/ws/ticks", viewer) as listener:
        assert listener.hear()[1]["topics"] == []
        listener.say({"subscribe": ["BTC/USDT", "ETHUSDT"]})
        listener.hear()

        assert say_until_heard(listener, eth, 3.0)[0][0] == "simulated:ETH/USDT"

        listener.say({"unsubscribe": ["ETH/USDT"]})
        said = listener.hear()
        while said[0] == "ticks":  # of what was said twice
            said = listener.hear()
        assert said[1]["topics"] == ["simulated:BTC/USDT"]
        say(tick(eth, 4.0), tick(btc, 5.0))
        rows: Any = listener.hear()[1]
        assert [row[2] for row in rows] == [5.0]


def test_an_older_tick_replaces_no_newer_one(asgi_server: AsgiServer, viewer: Api) -> None:
    symbol = make_symbol()
    with listening(asgi_server, "/ws/ticks/BTCUSDT", viewer) as listener:
        listener.hear()
        say_until_heard(listener, symbol, 7.0)

        say(tick(symbol, 6.0, at_ms=1))

        assert listener.hears_nothing()


def test_the_feed_is_told_which_symbols_are_open(asgi_server: AsgiServer, viewer: Api) -> None:
    symbol = make_symbol()

    with listening(asgi_server, "/ws/ticks/BTCUSDT", viewer) as listener:
        listener.hear()
        wait_until(lambda: symbol.pk in viewing.viewed_ids(clock.now()))


def test_nothing_listens_to_the_bus_for_nobody(asgi_server: AsgiServer, viewer: Api) -> None:
    make_symbol()

    with listening(asgi_server, "/ws/ticks/BTCUSDT", viewer) as listener:
        listener.hear()
        wait_until(lambda: listeners() == 1)

    wait_until(lambda: listeners() == 0)


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
