"""The feed: quotes and closed candles of every exchange, into the store and onto the bus.

One process is at work, others stand by. Each exchange has threads of its own (a thread keeps its
database connection), so that a silent exchange, a long history and a busy database delay nobody
else's prices. Streams run in the event loop; their readers have threads, too.
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from types import MappingProxyType
from typing import Any, TypeAlias, TypeVar

import structlog
from django.db import Error as DatabaseError
from django.db import connection, connections

from config import clock
from config.refusals import Refusal
from marketdata import services, tick_hub
from marketdata.errors import ExchangeUnavailable
from marketdata.exchanges.protocol import Exchange, PrintSource
from marketdata.feed_follower import Follower, OnCandleClosed
from marketdata.feed_streams import COALESCE_S, StreamedExchange
from marketdata.print_follower import PrintFollower

log = structlog.get_logger(__name__)

T = TypeVar("T")

RENEW_S = 2.0
STANDBY_S = 0.5  # how often one that stands by looks whether it is wanted
LOOK_S = 0.25  # how often the clock is compared with the next close
PRINTS_S = 1.0  # how often features are put on the bus
RETRY_S = 1.0  # after a round that failed for no known reason
LONGEST_PAUSE_S = 5.0  # while an exchange is left alone its circuit is looked at this often
BUS_S = 2.0
STOP_S = 3.0  # what is being asked for may finish that long


class Feed:
    """Follows `exchanges` until it is told to stop; `on_candle_closed` hears of each new candle.

    The callback gets (symbol id, timeframe, open time in ms), runs in a thread of the feed and
    is a hint only: what is closed is in the database before.
    """

    def __init__(
        self,
        exchanges: Mapping[str, Exchange],
        *,
        on_candle_closed: OnCandleClosed,
        interval_s: float = 0.5,
        holder: str = "",
        streams: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        """`streams`: which exchanges are streamed, and the address if it isn't their own."""
        self.holder = holder or f"{socket.gethostname()}:{os.getpid()}"
        self._interval_s = interval_s
        self.streamed = [
            StreamedExchange(one, on_candle_closed, address=streams[one.name])
            for one in exchanges.values()
            if one.name in streams
        ]
        self._followers = [
            Follower(one, on_candle_closed) for one in exchanges.values() if one.name not in streams
        ]
        self._followers += [one.follower for one in self.streamed]
        # Those that may be asked at no cost; of the others a stream tells.
        self._prints = [
            (PrintFollower(one), one)
            for one in exchanges.values()
            if one.local and isinstance(one, PrintSource)
        ]
        self._at_work = False
        self._renewed_at = float("-inf")
        self._looked_at = float("-inf")
        self._was_given_work = False  # by the last answer about the lease, however old
        self._bus_away = False

    @property
    def at_work(self) -> bool:
        """False while another feed has the lease, or may have it: this one may have been frozen."""
        return self._at_work and clock.mono() - self._renewed_at < services.LEASE_S

    def _may_stream(self) -> bool:
        """Streams need no database: they go on while it is away, but not after a freeze."""
        return self._was_given_work and clock.mono() - self._looked_at < services.LEASE_S

    async def run(self, stop: asyncio.Event) -> None:
        """Work or stand by until `stop` is set; then let another feed take over at once."""
        threads = [_Thread("feed-lease")]
        loops = [self._keep_lease(threads[0], stop)]
        for follower in self._followers:
            for work in (self._quotes, self._candles):
                threads.append(_Thread(f"feed-{follower.name}"))
                round_of = partial(work, follower, threads[-1], stop)
                loops.append(self._loop(follower.name, stop, round_of))
        for prints, source in self._prints:
            threads.append(_Thread(f"prints-{prints.name}"))
            look = partial(self._look_at_prints, prints, source, threads[-1])
            # Features need no database: they go on while nobody can say who has the lease.
            loops.append(self._loop(prints.name, stop, look, lambda: self._was_given_work))
        for streamed in self.streamed:
            loops += self._loops_of(streamed, threads, stop)
        tasks = [asyncio.create_task(loop) for loop in loops]
        await stop.wait()
        _, late = await asyncio.wait(tasks, timeout=STOP_S)
        for task in late:
            task.cancel()
        with suppress(DatabaseError, TimeoutError):
            async with asyncio.timeout(STOP_S):
                await threads[0].run(self._release)
        self._at_work = False
        for thread in threads:
            thread.close()

    def _loops_of(
        self, streamed: StreamedExchange, threads: list[_Thread], stop: asyncio.Event
    ) -> list[Coroutine[Any, Any, None]]:
        """What a streamed exchange needs beside what every exchange needs."""
        works: list[tuple[str, Work, Callable[[], bool] | None]] = [
            ("stream", self._stream_quotes, self._may_stream),
            ("prints", self._take_prints, self._may_stream),
            ("mend", self._mend, None),
        ]
        loops: list[Coroutine[Any, Any, None]] = [streamed.keep(stop, self._may_stream)]
        for name, work, at_work in works:
            threads.append(_Thread(f"{name}-{streamed.name}"))
            round_of = partial(work, streamed, threads[-1])
            loops.append(self._loop(streamed.name, stop, round_of, at_work))
        return loops

    async def _keep_lease(self, thread: _Thread, stop: asyncio.Event) -> None:
        claimed_at = float("-inf")
        while not stop.is_set():
            standing_by = not self._at_work and clock.mono() - claimed_at < RENEW_S
            if standing_by and not await self._lease_is_over(thread):
                await _pause(stop, STANDBY_S)
                continue
            claimed_at = clock.mono()
            try:
                mine = await thread.run(self._claim)
            except Exception as error:
                # A busy database is no reason to stop before the lease has run out.
                log.warning("feed.lease_not_renewed", error=str(error))
                mine = clock.mono() - self._renewed_at < services.LEASE_S
            else:
                self._renewed_at = claimed_at if mine else self._renewed_at
                self._was_given_work = mine
            if mine != self._at_work:
                log.info("feed.at_work" if mine else "feed.stands_by", holder=self.holder)
            self._at_work, self._looked_at = mine, clock.mono()
            await _pause(stop, RENEW_S if mine else min(STANDBY_S, RENEW_S))

    async def _lease_is_over(self, thread: _Thread) -> bool:
        try:
            return await thread.run(_lease_is_over)
        except DatabaseError:
            return False  # the claim will say so

    def _claim(self) -> bool:
        now = clock.now()
        holder = services.lease_holder()
        if holder and holder != self.holder and _is_dead(holder):
            services.release_lease(holder=holder, now=now)
        return services.claim_lease(holder=self.holder, now=now)

    async def _loop(
        self,
        name: str,
        stop: asyncio.Event,
        round_of: Callable[[], Awaitable[float]],
        at_work: Callable[[], bool] | None = None,
    ) -> None:
        """Round after round; a round gives the seconds to wait, and no error ends the loop."""
        while not stop.is_set():
            pause_s = LOOK_S
            if at_work() if at_work else self.at_work:
                try:
                    pause_s = await round_of()
                except ExchangeUnavailable as error:
                    pause_s = min(LONGEST_PAUSE_S, max(RETRY_S, error.retry_after_s or 0.0))
                except DatabaseError as error:
                    log.warning("feed.database_failed", exchange=name, error=str(error))
                    pause_s = RETRY_S
                except Refusal as error:
                    log.warning("feed.refused", exchange=name, error=error.detail)
                    pause_s = RETRY_S
                except Exception:
                    log.exception("feed.round_failed", exchange=name)
                    pause_s = LONGEST_PAUSE_S
            await _pause(stop, pause_s)

    async def _quotes(self, follower: Follower, thread: _Thread, stop: asyncio.Event) -> float:
        started = clock.mono()
        messages = await thread.run(follower.poll)
        await self._publish(messages)
        return max(0.0, self._interval_s - (clock.mono() - started))

    async def _look_at_prints(
        self, prints: PrintFollower, source: PrintSource, thread: _Thread
    ) -> float:
        started = clock.mono()
        await thread.run(partial(prints.poll, source))
        return max(0.0, PRINTS_S - (clock.mono() - started))

    async def _stream_quotes(self, streamed: StreamedExchange, thread: _Thread) -> float:
        if not await streamed.quotes_come():
            return 0.0
        started = clock.mono()
        await self._publish(await thread.run(streamed.follower.poll_stream))
        return max(0.0, COALESCE_S - (clock.mono() - started))

    async def _take_prints(self, streamed: StreamedExchange, thread: _Thread) -> float:
        started = clock.mono()
        await thread.run(streamed.take_prints)
        return max(0.0, PRINTS_S - (clock.mono() - started))

    async def _mend(self, streamed: StreamedExchange, thread: _Thread) -> float:
        return await thread.run(streamed.mend)

    async def _candles(self, follower: Follower, thread: _Thread, stop: asyncio.Event) -> float:
        for work in follower.due():
            await thread.run(work)
            if stop.is_set() or not self.at_work:
                break
        return LOOK_S

    async def _publish(self, messages: Sequence[dict[str, Any]]) -> None:
        if not messages:
            return
        try:
            async with asyncio.timeout(BUS_S):
                await asyncio.to_thread(tick_hub.publish, messages)
            self._bus_away = False
        except Exception as error:  # redis-py has its own tree of errors
            if not self._bus_away:
                log.warning("feed.bus_unreachable", error=str(error))
            self._bus_away = True

    def _release(self) -> None:
        services.release_lease(holder=self.holder, now=clock.now())


class _Thread:
    """One thread with its own database connection, which is thrown away after an error."""

    def __init__(self, name: str) -> None:
        self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix=name)

    async def run(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._pool, _guarded, work)

    def close(self) -> None:
        # Looked up when it runs: the connection of that thread, not of this one.
        self._pool.submit(connections.close_all)
        self._pool.shutdown(wait=False)


Work: TypeAlias = Callable[[StreamedExchange, _Thread], Awaitable[float]]


def _guarded(work: Callable[[], T]) -> T:
    try:
        return work()
    except DatabaseError:
        connection.close()
        raise


async def _pause(stop: asyncio.Event, seconds: float) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await stop.wait()


def _lease_is_over() -> bool:
    holder = services.lease_holder()
    return services.lease_is_over(now=clock.now()) or bool(holder and _is_dead(holder))


def _is_dead(holder: str) -> bool:
    """True for a process of this machine that is gone: its lease need not run out first."""
    host, _, pid = holder.rpartition(":")
    if host != socket.gethostname() or not pid.isdecimal():
        return False
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return False
