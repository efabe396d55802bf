"""All connections to one exchange's public streams: as many as the symbols need, each kept alive.

Runs in one event loop. `want` says which symbols; what was lost meanwhile is told by
`take_breaks`.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial

import structlog

from config import clock
from marketdata.exchanges.live_market import LiveMarket
from marketdata.exchanges.market_stream import Hear, MarketSocket, StreamEnded
from marketdata.exchanges.stream_session import Socket, StreamSession
from marketdata.exchanges.stream_wires import STREAM_WIRES

log = structlog.get_logger(__name__)

FIRST_S, LONGEST_S, STABLE_S = 0.5, 60.0, 60.0  # pauses before a new try; after this long anew
DIAL_S = 1.0  # connections begin so far apart; 300 in five minutes are the most of Binance
SETTLED_MS = 10_000  # a connection that is younger may still be about to speak
SILENT_S, MOST_SILENT_S = 15.0, 240.0  # without data; longer where little is traded

Dial = Callable[[Hear], Socket]


@dataclass(slots=True)
class Break:
    """A stretch without a connection. `until_ms` is None while it lasts."""

    symbols: list[str]
    silent: bool
    detail: str
    from_ms: int
    until_ms: int | None = None


@dataclass(slots=True)
class Turnstile:
    """Lets one after the other through, `gap_s` apart."""

    gap_s: float
    _next: float = 0.0

    async def wait(self) -> None:
        now = clock.mono()
        at = max(now, self._next)
        self._next = at + self.gap_s
        await asyncio.sleep(at - now)


@dataclass(slots=True)
class Line:
    """A place for a connection, and the sessions that hold it one after the other."""

    pool: StreamPool
    symbols: set[str] = field(default_factory=set)
    session: StreamSession | None = None
    task: asyncio.Task[None] | None = None
    patience_s: float = SILENT_S
    pause_s: float = FIRST_S
    broken: Break | None = None
    up_since_ms: int | None = None
    _leaving: list[asyncio.Task[None]] = field(default_factory=list)

    def want(self, symbols: Iterable[str]) -> None:
        self.symbols = set(symbols)
        if self.session is not None:
            self.session.wanted = frozenset(self.symbols)

    @property
    def up(self) -> bool:
        return self.up_since_ms is not None

    async def keep(self) -> None:
        """Session after session, until it is cancelled."""
        living: asyncio.Task[None] | None = None
        try:
            while True:
                await self.pool.turnstile.wait()
                session = self._begin()
                living = asyncio.create_task(session.run())
                await self._hold(session, living)
        finally:
            for task in [*self._leaving, *([living] if living else [])]:
                task.cancel()
                with suppress(asyncio.CancelledError, StreamEnded, Exception):
                    await task

    def _begin(self) -> StreamSession:
        pool = self.pool
        session = self.session = StreamSession(
            pool.wire, pool.market, pool.dial, pool.refused, patience_s=self.patience_s
        )
        session.wanted = frozenset(self.symbols)
        pool.market.begin_again(self.symbols)
        return session

    async def _hold(self, session: StreamSession, living: asyncio.Task[None]) -> None:
        """Until this session has ended and been paused after, or has to be replaced."""
        confirming = asyncio.create_task(self._confirmed(session))
        leaving = asyncio.create_task(session.leaving.wait())
        try:
            await asyncio.wait({living, leaving}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            leaving.cancel()
            confirming.cancel()
        if not living.done():
            # It goes on until its successor has subscribed: what both tell counts once.
            self._leaving.append(living)
            living.add_done_callback(partial(self._left, session))
            return
        await self._ended(session, living)

    def _left(self, session: StreamSession, living: asyncio.Task[None]) -> None:
        """One that was to be replaced has gone; too early, if its successor doesn't stand yet."""
        if living.cancelled():
            return
        why = str(living.exception())
        if living in self._leaving:
            self._leaving.remove(living)
            self._note_break(session, why, silent=False)

    async def _confirmed(self, session: StreamSession) -> None:
        await session.confirmed.wait()
        self.up_since_ms = clock.now_ms()
        for task in self._leaving:
            task.cancel()
        self._leaving = []
        if self.broken is not None:
            self.broken.until_ms = clock.now_ms()
            self.pool.breaks.append(self.broken)
            self.broken = None

    async def _ended(self, session: StreamSession, living: asyncio.Task[None]) -> None:
        error = living.exception()
        why, wait_s = str(error), getattr(error, "wait_s", 0.0)
        if not isinstance(error, StreamEnded):
            log.error("stream.failed", exchange=self.pool.exchange, error=repr(error))
        lived_s = clock.mono() - session.opened
        silent = why.startswith("silent")
        if silent and lived_s < 10 * self.patience_s:
            self.patience_s = min(MOST_SILENT_S, 2 * self.patience_s)
        elif lived_s > STABLE_S:
            self.patience_s = SILENT_S
        self._note_break(session, why, silent)
        stable = session.confirmed.is_set() and lived_s > STABLE_S
        self.pause_s = FIRST_S if stable else self.pause_s
        pause_s = max(wait_s, self.pause_s * (0.5 + random.random()))  # noqa: S311 (spreads dials)
        self.pause_s = min(LONGEST_S, self.pause_s * 2)
        log.warning(
            "stream.ended", exchange=self.pool.exchange, why=why, again_in_s=round(pause_s, 1)
        )
        await asyncio.sleep(pause_s)

    def _note_break(self, session: StreamSession, why: str, silent: bool) -> None:
        self.pool.reconnects += 1
        self.pool.last_error = why
        if self.up_since_ms is None or self.broken is not None or self._leaving:
            return
        since_s = clock.mono() - (session.heard or session.opened)
        from_ms = clock.now_ms() - int(since_s * 1000)
        self.broken = Break(sorted(self.symbols), silent, why, from_ms)
        self.up_since_ms = None
        self.pool.breaks.append(Break(sorted(self.symbols), silent, why, from_ms))


class StreamPool:
    """The streams of one exchange. `address` replaces the exchange's own."""

    def __init__(
        self, exchange: str, market: LiveMarket, *, address: str = "", dial: Dial | None = None
    ) -> None:
        self.exchange = exchange
        self.wire = STREAM_WIRES[exchange]
        self.market = market
        self.dial: Dial = dial or partial(MarketSocket, exchange, address=address)
        self.turnstile = Turnstile(DIAL_S)
        self.refused: dict[str, float] = {}
        self.breaks: list[Break] = []
        self.reconnects = 0
        self.last_error = ""
        self.lines: list[Line] = []

    def want(self, symbols: Iterable[str]) -> None:
        """Follow these from now on; only what differs is asked for, nothing is reconnected."""
        wanted = set(symbols)
        self.market.follow(wanted)
        held: set[str] = set()
        for line in self.lines:
            line.want(line.symbols & wanted)
            held |= line.symbols
        for symbol in sorted(wanted - held):
            self._line_with_room().symbols.add(symbol)
        for line in list(self.lines):
            line.want(line.symbols)
            if not line.symbols:
                self._drop(line)

    def _line_with_room(self) -> Line:
        for line in self.lines:
            if len(line.symbols) < self.wire.symbols_per_connection:
                return line
        line = Line(self)
        line.task = asyncio.create_task(line.keep())
        self.lines.append(line)
        return line

    def _drop(self, line: Line) -> None:
        self.lines.remove(line)
        if line.task is not None:
            line.task.cancel()

    async def close(self) -> None:
        """Leave all connections."""
        tasks = [line.task for line in self.lines if line.task is not None]
        self.lines = []
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def take_breaks(self) -> list[Break]:
        """Breaks that began or ended since the last call."""
        taken, self.breaks = self.breaks, []
        return taken

    def renew(self, symbols: Iterable[str]) -> None:
        """Subscribe these anew, because nothing comes of them on connections that stand."""
        wanted = set(symbols)
        before_ms = clock.now_ms() - SETTLED_MS
        for line in self.lines if wanted else ():
            if line.session is None or (line.up_since_ms or clock.now_ms()) > before_ms:
                continue
            for symbol in line.symbols & wanted:
                line.session.renew(symbol)

    def refused_now(self) -> list[str]:
        """Symbols that the exchange doesn't stream."""
        now = clock.mono()
        return sorted(symbol for symbol, until in self.refused.items() if until > now)

    @property
    def up_since_ms(self) -> int | None:
        """Since when every connection stands; None if one doesn't."""
        since = [line.up_since_ms for line in self.lines]
        known = [one for one in since if one is not None]
        return max(known) if known and len(known) == len(since) else None
