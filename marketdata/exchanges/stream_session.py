"""One connection's life: subscribed to what is wanted, read into the inbox, ended when it is deaf.

What is wanted may change while it lives; only the difference is asked for.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

from config import clock
from marketdata.exchanges.live_market import LiveMarket
from marketdata.exchanges.market_stream import StreamEnded
from marketdata.exchanges.stream_events import (
    Answer,
    Event,
    Farewell,
    Lost,
    Pong,
    Rubbish,
    StreamReader,
    StreamWire,
)

LOOK_S = 0.25
ANSWER_S = 10.0  # for a subscription
BOOKS_S = 0.5  # how often books that come piece by piece are put together
AGAIN_S = 60.0  # a symbol's book is asked for anew at most that often
REFUSED_S = 300.0  # a symbol that the exchange doesn't stream isn't asked for sooner
LONGEST = 10 * 1024 * 1024


class Socket(Protocol):
    """What a session needs of a connection."""

    over: asyncio.Future[None]

    async def open(self) -> None: ...
    async def send(self, message: dict[str, object]) -> None: ...
    def ponged(self) -> None: ...
    async def close(self) -> None: ...


class StreamSession:
    """From the dial to the end, which `run` raises as StreamEnded."""

    def __init__(
        self,
        wire: StreamWire,
        market: LiveMarket,
        dial: Callable[[Callable[[str | bytes], None]], Socket],
        refused: dict[str, float],
        *,
        patience_s: float,
    ) -> None:
        self.wanted: frozenset[str] = frozenset()
        self.confirmed = asyncio.Event()  # the subscriptions stand, for the first time
        self.leaving = asyncio.Event()  # to be replaced, because the exchange will end it
        self.asked: set[str] = set()
        self.heard: float | None = None  # data, on the monotonic clock
        self.opened = clock.mono()
        self._wire, self._market, self._refused = wire, market, refused
        self._patience_s = patience_s
        self._reader: StreamReader = wire.reader()
        self._socket = dial(self._hear)
        self._number = 0
        self._waiting: dict[str, tuple[tuple[str, ...], float]] = {}  # request id -> symbols, when
        self._alone: set[str] = set()  # symbols to be asked for one by one
        self._again: dict[str, float] = {}
        self._queue: deque[dict[str, object]] = deque()

    async def run(self) -> None:
        """Live until something ends it; always raises StreamEnded, or is cancelled."""
        try:
            await self._socket.open()
            self.opened = clock.mono()
            work = [asyncio.create_task(one()) for one in (self._subscribe, self._watch)]
            try:
                parts: list[asyncio.Future[None]] = [*work, self._socket.over]
                done, _ = await asyncio.wait(parts, return_when=asyncio.FIRST_COMPLETED)
                for part in done:
                    part.result()
                raise StreamEnded("nothing is left to do")
            finally:
                for one in work:
                    one.cancel()
                await asyncio.gather(*work, return_exceptions=True)
        finally:
            await self._socket.close()

    # What comes

    def _hear(self, text: str | bytes) -> None:
        if len(text) > LONGEST:
            events: list[Event] = [Rubbish("longer than any message", "")]
        else:
            events = self._reader.read(text)
        now = clock.mono()
        data = [event for event in events if not self._is_talk(event)]
        if data or not events:
            # Also what is refused counts as a message, but only data says that it flows.
            self._market.put(data, now_ms=clock.now_ms(), mono=now)
        if any(not isinstance(event, Rubbish) for event in data):
            self.heard = now

    def _is_talk(self, event: Event) -> bool:
        """Whether it is about the connection, not about a market; what follows is done."""
        match event:
            case Answer():
                self._answered(event)
            case Pong():
                self._socket.ponged()
            case Farewell():
                self.leaving.set()
            case Lost():
                self._mend(event)
            case _:
                return False
        return True

    def _answered(self, answer: Answer) -> None:
        symbols, _ = self._waiting.pop(answer.id, ((), 0.0))
        if not answer.error:
            return
        if len(symbols) == 1:
            self._refused[symbols[0]] = clock.mono() + REFUSED_S
        self._alone.update(symbols)
        for symbol in symbols:
            self._drop(symbol)

    def _drop(self, symbol: str) -> None:
        self.asked.discard(symbol)
        self._reader.forget(symbol)
        self._reader.names.pop(symbol.replace("/", ""), None)

    def renew(self, symbol: str) -> None:
        """Subscribe a symbol anew, because its data doesn't come."""
        if symbol not in self.asked:
            return
        self._drop(symbol)
        self._number += 1
        self._waiting[str(self._number)] = ((), clock.mono())
        topics = self._wire.topics(symbol)
        self._queue.append(self._wire.request(topics, self._number, False))

    # What is asked for

    async def _subscribe(self) -> None:
        """Ask for the difference, again and again, no faster than the exchange allows."""
        while True:
            message = self._next_request()
            if message is None:
                if not self._waiting and self.asked:
                    self.confirmed.set()
                await asyncio.sleep(LOOK_S)
                continue
            await self._socket.send(message)
            await asyncio.sleep(self._wire.pace_s)

    def _next_request(self) -> dict[str, object] | None:
        if self._queue:
            return self._queue.popleft()
        gone = sorted(self.asked - self.wanted)
        if gone:
            return self._request(gone[: self._wire.symbols_per_request], on=False)
        new = sorted(set(self._missing()))
        if new:
            many = 1 if self._alone & set(new) else self._wire.symbols_per_request
            return self._request(new[:many], on=True)
        return None

    def _missing(self) -> Iterator[str]:
        now = clock.mono()
        for symbol in self.wanted - self.asked:
            if self._refused.get(symbol, 0.0) <= now:
                yield symbol

    def _request(self, symbols: Sequence[str], *, on: bool) -> dict[str, object]:
        for symbol in symbols:
            if on:
                self.asked.add(symbol)
                self._reader.names[symbol.replace("/", "")] = symbol
            else:
                self._drop(symbol)
        self._number += 1
        self._waiting[str(self._number)] = (tuple(symbols) if on else (), clock.mono())
        topics = [topic for symbol in symbols for topic in self._wire.topics(symbol)]
        return self._wire.request(topics, self._number, on)

    def _mend(self, lost: Lost) -> None:
        """A book that lost a piece is subscribed anew, which brings it whole."""
        now = clock.mono()
        if lost.symbol not in self.asked or now < self._again.get(lost.symbol, 0.0):
            return
        self._again[lost.symbol] = now + AGAIN_S
        for on in (False, True):
            self._number += 1
            self._waiting[str(self._number)] = ((), now)
            self._queue.append(self._wire.request([lost.topic], self._number, on))

    # What is watched

    async def _watch(self) -> None:
        """End what is silent or unanswered, leave what is old, put books together."""
        looked = clock.mono()
        while True:
            await asyncio.sleep(LOOK_S)
            now = clock.mono()
            if now - looked >= BOOKS_S:
                looked = now
                if books := self._reader.books():
                    self._market.put(books, now_ms=clock.now_ms(), mono=now)
            self._judge(now)

    def _judge(self, now: float) -> None:
        since = max(self.opened, self.heard or 0.0)
        if self.asked and now - since > self._patience_s:
            raise StreamEnded(f"silent for {now - since:.0f} s")
        if any(now - when > ANSWER_S for _, when in self._waiting.values()):
            raise StreamEnded("a subscription was not answered")
        if now - self.opened > self._wire.lives_s:
            self.leaving.set()
