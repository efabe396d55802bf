"""The streamed side of the feed: what belongs to one exchange, and the loop that keeps it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress

from config import clock
from marketdata.exchanges.live_market import LiveMarket
from marketdata.exchanges.market_stream import warm
from marketdata.exchanges.protocol import Exchange
from marketdata.exchanges.stream_pool import Dial, StreamPool
from marketdata.exchanges.stream_wires import STREAM_WIRES
from marketdata.feed_follower import OnCandleClosed
from marketdata.stream_follower import StreamedFollower
from marketdata.stream_mender import StreamMender
from marketdata.stream_prints import StreamedPrints
from marketdata.stream_state import FeedStream, get_streams, put_streams

LOOK_S = 0.25
COALESCE_S = 0.1  # quotes of one symbol that come closer together are one


class StreamedExchange:
    """One exchange, its inbox and everybody who reads it. `address` replaces the exchange's own."""

    def __init__(
        self,
        exchange: Exchange,
        on_candle_closed: OnCandleClosed,
        *,
        address: str = "",
        dial: Dial | None = None,
    ) -> None:
        self.name = exchange.name
        self.live = LiveMarket(counted=STREAM_WIRES[exchange.name].counted)
        self.follower = StreamedFollower(exchange, on_candle_closed, self.live)
        self.prints = StreamedPrints(exchange, self.live)
        self.mender = StreamMender(exchange, self.live, self.prints)
        self.pool = StreamPool(exchange.name, self.live, address=address, dial=dial)
        self._told_at, self._told = clock.mono(), 0
        self._begun = False

    async def keep(self, stop: asyncio.Event, at_work: Callable[[], bool]) -> None:
        """Stream what is followed while at work; one that stands by is warm and connects not."""
        self.live.changed = asyncio.Event()
        await asyncio.to_thread(warm)
        try:
            while not stop.is_set():
                self.pool.want(self.follower.names if at_work() else ())
                self.pool.renew([*self.follower.take_deaf(), *self.mender.take_deaf()])
                with suppress(TimeoutError):
                    async with asyncio.timeout(LOOK_S):
                        await stop.wait()
        finally:
            await self.pool.close()

    async def quotes_come(self) -> bool:
        """Wait a moment for quotes; whether there are some."""
        changed = self.live.changed
        if changed is None:
            await asyncio.sleep(COALESCE_S)
            return False
        with suppress(TimeoutError):
            async with asyncio.timeout(LOOK_S):
                await changed.wait()
        return changed.is_set()

    def take_prints(self) -> None:
        """Features, and how the streams are doing, to the bus."""
        if not self._begun:  # before this feed's first word: the last one of the feed before
            self.mender.left = next(iter(get_streams([self.name])), None)
            self._begun = True
        self.prints.take()
        put_streams([self.state()])

    def mend(self) -> float:
        """One step of making up; gives the seconds to wait. Raises what `ask` raises."""
        if not self._begun:
            return LOOK_S
        self.mender.note(self.pool.take_breaks(), self.pool.refused_now())
        return self.mender.step()

    def state(self) -> FeedStream:
        """How these streams are doing now."""
        now, pool, counts = clock.mono(), self.pool, self.live.counts
        symbols, missing, duplicates = self.live.totals()
        messages, since_s = counts.messages - self._told, max(0.001, now - self._told_at)
        self._told, self._told_at = counts.messages, now
        return FeedStream(
            exchange=self.name,
            at_ms=clock.now_ms(),
            symbols=symbols,
            connections=len(pool.lines),
            up=sum(line.up for line in pool.lines),
            since_ms=pool.up_since_ms,
            heard_ms=self.live.heard_ms(),
            stale=self.follower.stale(),
            refused=pool.refused_now(),
            lag_ms=self.live.take_lag_ms(),
            per_s=round(messages / since_s, 1),
            messages=counts.messages,
            reconnects=pool.reconnects,
            prints_missed=missing,
            duplicates=duplicates,
            not_understood=counts.not_understood + counts.ahead + self.follower.faults,
            last_error=pool.last_error,
        )
