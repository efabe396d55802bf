"""An account's private stream through ccxt.pro: that something happened, never what.

What a message says about orders isn't believed: streams lose, repeat and reorder. Whoever listens
asks the exchange again. ccxt is left to connect, to sign and to answer pings.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from enum import StrEnum
from functools import partial
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from trading.brokers.live import Credentials

CONFIRM_S = 15.0  # from the first step to a subscription that stands
_WATCHES = {"binance": ("watch_orders",), "bybit": ("watch_orders", "watch_my_trades")}
_TERMINATED = "eventStreamTerminated"


class Heard(StrEnum):
    """What reached us."""

    SUBSCRIBED = "subscribed"  # what happened before it is lost
    EVENT = "event"


class StreamEnded(Exception):
    """The stream is over; the text says why."""


async def listen(
    exchange: str,
    credentials: Credentials,
    *,
    heard: Callable[[Heard], None],
    address: str = "",
    offset_ms: int = 0,
    confirm_s: float = CONFIRM_S,
) -> None:
    """Call `heard` until the stream ends, which raises StreamEnded, or until it is canceled.

    `address` replaces the exchange's own; `offset_ms` is its clock minus ours.
    """
    client = _client(exchange, credentials, offset_ms)
    if address:
        _point_at(client, exchange, address.rstrip("/"))
    client.heard = heard
    watches = [asyncio.create_task(_forever(getattr(client, name))) for name in _WATCHES[exchange]]
    try:
        await _confirmed(client, watches, confirm_s)
        await _first_to_end([*watches, client.over])
    finally:
        for watch in watches:
            watch.cancel()
        await asyncio.gather(*watches, return_exceptions=True)
        client.over.cancel()
        await client.close()


async def _confirmed(client: Any, watches: list[asyncio.Task[None]], confirm_s: float) -> None:
    confirmed = asyncio.create_task(client.confirmed.wait())
    try:
        async with asyncio.timeout(confirm_s):
            await _first_to_end([confirmed, *watches, client.over])
    except TimeoutError:
        raise StreamEnded("no subscription was confirmed") from None
    finally:
        confirmed.cancel()


async def _first_to_end(parts: list[asyncio.Future[Any]]) -> None:
    done, _ = await asyncio.wait(parts, return_when=asyncio.FIRST_COMPLETED)
    for part in done:
        error = part.exception()
        if error is not None:
            # ccxt's texts may hold what was sent: the class must do.
            text = str(error) if isinstance(error, StreamEnded) else type(error).__name__
            raise StreamEnded(text) from None


async def _forever(watch: Callable[[], Any]) -> None:
    while True:
        await watch()


def _client(exchange: str, credentials: Credentials, offset_ms: int) -> Any:
    import ccxt.pro

    from trading.brokers.live import OPTIONS

    client = _seeing(getattr(ccxt.pro, exchange), offset_ms)(
        {
            "apiKey": credentials.key,
            "secret": credentials.secret,
            "options": {**OPTIONS[exchange], "maxRetriesOnFailure": 0},
        }
    )
    client.markets = {}  # else it would load a catalogue that nothing here reads
    client.confirmed = asyncio.Event()
    client.over = asyncio.get_running_loop().create_future()
    return client


def _seeing(base: Any, offset_ms: int) -> Any:
    class Client(base):  # type: ignore[misc]
        """Sees each message first, also the ones that come while no watch waits."""

        heard: Callable[[Heard], None]
        stamping = False

        def milliseconds(self) -> int:  # ccxt measures its pings with it too
            return int(super().milliseconds()) + (offset_ms if self.stamping else 0)

        async def authenticate(self, *args: Any, **words: Any) -> Any:
            self.stamping = True
            try:
                return await super().authenticate(*args, **words)
            finally:
                self.stamping = False

        def client(self, url: str) -> Any:
            made = super().client(url)
            made.future = made.reusableFuture = partial(_retrieved, type(made).future, made)
            return made

        def handle_message(self, client: Any, message: Any) -> None:
            _hear(self, message)
            try:
                super().handle_message(client, message)
            except Exception as error:  # a message that ccxt can't read is no less a sign
                if not self.confirmed.is_set():
                    _end(self, type(error).__name__)

    return Client


def _retrieved(future: Callable[..., Any], client: Any, name: str) -> Any:
    """ccxt rejects futures that nobody waits for any more: asyncio would log each as an error."""
    made = future(client, name)
    made.add_done_callback(lambda done: done.cancelled() or done.exception())
    return made


def _hear(client: Any, message: Any) -> None:
    if not isinstance(message, dict):
        return
    event = message.get("event")
    if isinstance(event, dict) and event.get("e") == _TERMINATED:
        _end(client, "the exchange ended the subscription")
    elif isinstance(event, dict) or message.get("topic") in ("order", "stopOrder", "execution"):
        client.heard(Heard.EVENT)
    elif _is_confirmation(message):
        client.confirmed.set()
        client.heard(Heard.SUBSCRIBED)


def _is_confirmation(message: dict[str, Any]) -> bool:
    result = message.get("result")
    binance = isinstance(result, dict) and "subscriptionId" in result
    return binance or (message.get("op") == "subscribe" and message.get("success") is True)


def _end(client: Any, why: str) -> None:
    if not client.over.done():
        client.over.set_exception(StreamEnded(why))


def _point_at(client: Any, exchange: str, address: str) -> None:
    sockets = client.urls["api"]["ws"]
    if exchange == "binance":
        sockets["ws-api"]["spot"] = f"{address}/ws-api/v3"
    else:
        sockets["private"]["contract"] = f"{address}/v5/private"
