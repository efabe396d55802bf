"""Public market streams of one venue: each print at once, the rest at the venue's pace."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Protocol

from aiohttp import web

from tests.exchange.binance_market_stream import Ladder, Said
from tests.exchange.market import Kline, Market, Pair, Print
from tests.exchange.streams import Connection, Event, Streams

BEAT_S = 1.0
LEVELS = 5


class Words(Protocol):
    """What a venue's module says."""

    PATH: str
    MOST_STREAMS: int
    MOST_MESSAGES: int
    INTERVALS: dict[str, int]

    def trade(self, pair: Pair, one: Print, now: int) -> Said: ...
    def best(self, pair: Pair, update_id: int, now: int) -> list[Said]: ...
    def book(
        self, pair: Pair, ladder: Ladder, update_id: int, now: int, *, whole: bool
    ) -> list[Said]: ...
    def day(self, pair: Pair, now: int) -> Said: ...
    def kline(self, pair: Pair, interval: str, row: Kline, now: int, *, closed: bool) -> Said: ...
    def answer(
        self, connection: Connection, said: dict[str, Any], refused: set[str], known: set[str]
    ) -> dict[str, Any] | None: ...
    def farewell(self, now: int) -> dict[str, Any] | None: ...


class PublicStreams(Streams):
    """Who listens to the market. Faults: those of `Streams`, and the fields below."""

    def __init__(
        self,
        market: Market,
        words: Words,
        call: Callable[[Callable[[], Any]], Any],
        now_ms: Callable[[], int],
    ) -> None:
        super().__init__(call)
        self.refused: set[str] = set()  # pairs whose subscription is refused
        self.muted: set[str] = set()  # pairs of which nothing is said
        self.answering = True  # requests
        self.requests: list[dict[str, Any]] = []
        self.opened = 0  # connections there ever were
        self._market, self._words, self._now_ms = market, words, now_ms
        self._ids: dict[str, int] = {}
        self._ladders: dict[str, Ladder] = {}
        self._closed_ms = now_ms()
        market.listeners.append(self._printed)

    def _printed(self, pair: Pair, one: Print) -> None:
        if self.listening:
            now = self._now_ms()
            self._tell(pair, [self._words.trade(pair, one, now), *self._top(pair, now)])

    def _top(self, pair: Pair, now: int) -> list[Said]:
        """The top of the book, and what has changed below it."""
        number = self._ids[pair.id] = self._ids.get(pair.id, 100) + 1
        before, after = self._ladders.get(pair.id), ladder(pair)
        self._ladders[pair.id] = after
        changes = (
            after if before is None else (_gone(before[0], after[0]), _gone(before[1], after[1]))
        )
        said = self._words.book(pair, changes, number, now, whole=before is None)
        return [*self._words.best(pair, number, now), *said]

    def _tell(self, pair: Pair, said: list[Said]) -> None:
        if pair.id in self.muted:
            return
        for topic, message in said:
            self.publish(Event("", topic, message))

    def beat(self) -> None:
        """What comes each second: 24 hours, book, candles."""
        now = self._now_ms()
        for pair in self._market.pairs:
            self._tell(pair, self._regular(pair, now))
        self._closed_ms = now

    def _regular(self, pair: Pair, now: int) -> list[Said]:
        number = self._ids.setdefault(pair.id, 100)
        said = [self._words.day(pair, now), *self._words.best(pair, number, now)]
        if self._words.PATH == "/stream":
            said += self._words.book(pair, ladder(pair), number, now, whole=True)
        for interval, step in self._words.INTERVALS.items():
            start = now // step * step
            if start > self._closed_ms:
                said.append(self._kline(pair, interval, start - step, now, closed=True))
            said.append(self._kline(pair, interval, start, now, closed=False))
        return said

    def _kline(self, pair: Pair, interval: str, at: int, now: int, *, closed: bool) -> Said:
        # The market's clock stands still between two questions.
        self._market.now_ms = max(self._market.now_ms, now)
        [row] = self._market.klines(pair, self._words.INTERVALS[interval], at, at, 1)
        return self._words.kline(pair, interval, row, now, closed=closed)

    def close_candle(self, symbol: str, interval: str, open_ms: int) -> None:
        """Say that this candle is closed, whatever the clock says."""
        pair = self._market.pair(symbol)
        if pair is not None:
            said = self._kline(pair, interval, open_ms, self._now_ms(), closed=True)
            self._call(lambda: self._tell(pair, [said]))

    def farewell(self) -> None:
        """Binance says that it is about to end the connections."""
        if message := self._words.farewell(self._now_ms()):
            self.say(message)

    def heal(self) -> None:
        super().heal()
        self.refused, self.muted, self.answering = set(), set(), True

    async def listen(self, raw: web.BaseRequest) -> web.StreamResponse:
        """One connection from its opening to its end."""
        self.opened += 1
        beating = asyncio.ensure_future(self._beat_always())
        try:
            return await self.serve(raw, lambda event: event.body, self._answer)
        finally:
            beating.cancel()

    async def _beat_always(self) -> None:
        while True:
            await asyncio.sleep(BEAT_S)
            self.beat()

    def _answer(self, connection: Connection, said: dict[str, Any]) -> dict[str, Any] | None:
        self.requests.append(said)
        if not self.answering:
            return None
        before = set(connection.topics)
        known = {pair.id for pair in self._market.pairs}
        reply = self._words.answer(connection, said, self.refused, known)
        if len(connection.topics) > self._words.MOST_STREAMS and connection.transport:
            connection.transport.abort()
        self._begin(connection, connection.topics - before)
        return reply

    def _begin(self, connection: Connection, new: set[str]) -> None:
        """Bybit begins with what there is: the book whole."""
        for pair in self._market.pairs:
            if f"orderbook.50.{pair.id}" in new and pair.id not in self.muted:
                now, number = self._now_ms(), self._ids.setdefault(pair.id, 100)
                shown = self._ladders[pair.id] = ladder(pair)
                for _, message in self._words.book(pair, shown, number, now, whole=True):
                    connection.queue.put_nowait(message)


def ladder(pair: Pair) -> Ladder:
    """Levels of both sides, a tick apart, from the best ones on."""
    tick = float(pair.tick)
    bids = [[f"{float(pair.bid) - tick * n:.2f}", pair.bid_size] for n in range(LEVELS)]
    asks = [[f"{float(pair.ask) + tick * n:.2f}", pair.ask_size] for n in range(LEVELS)]
    return [row for row in bids if float(row[0]) > 0], asks


def _gone(before: list[list[str]], after: list[list[str]]) -> list[list[str]]:
    """What has to be said for a side to become another one."""
    left = {row[0] for row in after}
    kept = [row for row in after if row not in before]
    return kept + [[price, "0"] for price, _ in before if price not in left]
