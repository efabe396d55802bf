"""One public market stream through ccxt.pro, which connects, pings and closes. We read.

ccxt's own parsing is left out: it is slow, it stumbles over rubbish so that nothing is received
any more, and what it has parsed wakes only who waits at that moment.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from marketdata.exchanges.stream_wires import STREAM_WIRES

OPEN_S = 10.0
CLOSE_S = 2.0  # a server that doesn't answer the farewell is left without one


class StreamEnded(Exception):
    """The stream is over; the text says why. `wait_s`: not sooner than that, if it said so."""

    def __init__(self, why: str, wait_s: float = 0.0) -> None:
        super().__init__(why)
        self.wait_s = wait_s


Hear = Callable[[str | bytes], None]


def warm() -> None:
    """Load ccxt.pro, which takes seconds: before a take-over, not in it."""
    import ccxt.pro  # noqa: F401


class MarketSocket:
    """A connection to `exchange`; `hear` gets each message as it came, in this event loop."""

    def __init__(self, exchange: str, hear: Hear, *, address: str = "") -> None:
        self._exchange, self._hear, self._address = exchange, hear, address.rstrip("/")
        self._library: Any = None
        self._client: Any = None
        self.over: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def open(self) -> None:
        """Connect; raises StreamEnded when that can't be done."""
        self._library = _library(self._exchange)
        self._library.open()
        url = self._url()
        if url.startswith("ws:"):
            self._library.timeout_on_exit = 0  # ccxt waits for TLS to part
        client = self._client = self._library.client(url)
        client.handle_text_or_binary_message = self._hear_safely
        client.reject = self._rejected(client.reject)
        client.on_error_callback = self._failed
        client.on_close_callback = lambda _, code: self._end(f"closed with code {code}")
        connected = client.connect(self._library.session)
        try:
            async with asyncio.timeout(OPEN_S):
                await asyncio.wait([connected, self.over], return_when=asyncio.FIRST_COMPLETED)
        except TimeoutError:
            raise StreamEnded("no connection came about") from None
        if self.over.done():
            self.over.result()

    async def send(self, message: dict[str, Any]) -> None:
        """Raises StreamEnded when the connection is gone."""
        try:
            await self._client.send(message)
        except Exception as error:  # aiohttp and ccxt each have a tree of their own
            raise StreamEnded(f"nothing can be sent: {type(error).__name__}") from None

    def ponged(self) -> None:
        """A ping was answered in words; ccxt counts the misses."""
        self._client.lastPong = self._library.milliseconds()

    async def close(self) -> None:
        """Leave, with a farewell if the other side takes one in time."""
        self.over.cancel()
        if self._library is None:
            return
        for _ in range(2):
            try:
                async with asyncio.timeout(CLOSE_S):
                    await self._library.close()
                return
            except Exception:
                self._abort()  # then there is nobody left to wait for

    def _abort(self) -> None:
        connection = self._client.connection if self._client else None
        transport = connection.get_extra_info("transport") if connection is not None else None
        if transport is not None:
            transport.abort()

    def _url(self) -> str:
        wire = STREAM_WIRES[self._exchange]
        if self._address:
            return self._address + wire.path
        if self._exchange == "binance":
            return str(self._library.urls["api"]["ws"]["spot"]).removesuffix("/ws") + wire.path
        url = self._library.urls["api"]["ws"]["public"]["spot"]
        return str(self._library.implode_hostname(url))

    def _hear_safely(self, data: str | bytes) -> None:
        try:
            self._hear(data)
        except Exception as error:  # raised into ccxt it would end the receiving without a word
            self._end(f"a message could not be taken in: {type(error).__name__}: {error}")

    def _rejected(self, reject: Callable[..., Any]) -> Callable[..., Any]:
        """A connection that breaks while it is read from tells nobody but its futures."""

        def told(result: Any, message_hash: str | None = None) -> Any:
            if message_hash is None:
                self._end(_words(result))
            return reject(result, message_hash)

        return told

    def _failed(self, client: Any, error: Any) -> None:
        refused = error.args[0] if getattr(error, "args", ()) else None
        status = getattr(refused, "status", 0)
        wait_s = float(getattr(client, "last_retry_after", None) or 0)
        if status in (403, 418, 429):
            wait_s = max(wait_s, 60.0)
        self._end(_words(error), wait_s)

    def _end(self, why: str, wait_s: float = 0.0) -> None:
        if not self.over.done():
            self.over.set_exception(StreamEnded(why[:160], wait_s))
        if self.over.cancelled():
            return
        told = self.over.exception()  # retrieved: nobody may be waiting
        if wait_s and isinstance(told, StreamEnded):
            told.wait_s = wait_s


def _words(error: Any) -> str:
    return " ".join(str(error).split()) or type(error).__name__


def _library(exchange: str) -> Any:
    import ccxt.pro

    # Compressing costs more than the bytes that it saves on any line that carries these streams.
    options = {"ws": {"options": {"compress": 0}}}
    return getattr(ccxt.pro, exchange)({"enableRateLimit": False, "options": options})
