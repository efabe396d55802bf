"""Listens to the accounts' private streams in the feed's process, and has accounts looked at.

An accelerator: polling is the truth. A message books nothing, so that one that is repeated, late,
out of order or wrong costs a question at most, and silence costs only the usual pause.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import structlog
from django.db import connection, connections

from config import clock
from trading import services
from trading.brokers.private_stream import Heard, StreamEnded, listen
from trading.queries import StreamState
from trading.services import Followed

log = structlog.get_logger(__name__)

LOOK_S = 5.0  # how often the accounts are read, and the streams' state is told
GAP_S = 0.25  # of one account two looks are this far apart, however much its stream says
AGAIN_S = 0.3  # while an order that may be meant is still on its way
AGAIN_FOR_S = 3.0
FIRST_S, LONGEST_S, STABLE_S = 1.0, 60.0, 60.0  # pauses before a new try; after this long anew
DEAF = timedelta(seconds=10)  # a fill so much younger than the last message was not told


@dataclass
class Stream:
    """One account's stream, its tasks and what is known of it."""

    followed: Followed
    up: bool = False
    since: datetime = field(default_factory=clock.now)
    heard_at: datetime | None = None
    events: int = 0
    reconnects: int = 0
    wanted: asyncio.Event = field(default_factory=asyncio.Event)
    came_up: bool = False
    tasks: list[asyncio.Task[Any]] = field(default_factory=list)
    listening: asyncio.Task[Any] | None = None

    def hear(self, what: Heard) -> None:
        """Called for each message, between two others: it only notes."""
        self.heard_at = clock.now()
        if what is Heard.SUBSCRIBED:
            self.came_up = True
            if not self.up:
                self.up, self.since = True, self.heard_at
        else:
            self.events += 1
        self.wanted.set()

    def is_deaf(self, newest_fill_at: datetime | None) -> bool:
        """Whether polling has found what this stream should have told."""
        told_at = max(self.since, self.heard_at or self.since)
        return self.up and newest_fill_at is not None and newest_fill_at > told_at + DEAF

    @property
    def state(self) -> StreamState:
        return StreamState(self.up, self.since, self.heard_at, self.events, self.reconnects)


class AccountFeed:
    """Follows accounts while `at_work()`; `hint()` tells the workers that one is to be asked."""

    def __init__(
        self,
        *,
        hint: Callable[[], None],
        at_work: Callable[[], bool] = lambda: True,
        look_s: float = LOOK_S,
    ) -> None:
        self.streams: dict[int, Stream] = {}
        self._hint = hint
        self._at_work = at_work
        self._look_s = look_s
        self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="account-feed")

    async def run(self, stop: asyncio.Event) -> None:
        """Until `stop` is set."""
        try:
            while not stop.is_set():
                await self._look()
                with suppress(TimeoutError):
                    await asyncio.wait_for(stop.wait(), self._look_s)
        finally:
            for pk in list(self.streams):
                await self._drop(pk)
            self._pool.submit(connections.close_all)
            self._pool.shutdown(wait=False)

    async def _look(self) -> None:
        """Begin and end streams as the accounts want it."""
        try:
            rows = await self._in_thread(services.followed_accounts) if self._at_work() else []
            wanted = {row.account.pk: row for row in rows}
            for pk, stream in list(self.streams.items()):
                if pk not in wanted or wanted[pk].mark != stream.followed.mark:
                    await self._drop(pk)
                elif stream.is_deaf(wanted[pk].newest_fill_at) and stream.listening:
                    log.warning("account_stream.deaf", account_id=pk)
                    stream.listening.cancel()
            for pk, row in wanted.items():
                if pk not in self.streams:
                    self._begin(row)
            states = {pk: stream.state for pk, stream in self.streams.items()}
            await self._in_thread(partial(services.put_stream_states, states=states))
        except Exception as error:  # a busy database: the next look tries again
            log.warning("account_stream.look_failed", error=str(error))

    def _begin(self, row: Followed) -> None:
        stream = Stream(row)
        stream.tasks = [
            asyncio.create_task(self._keep_listening(stream)),
            asyncio.create_task(self._keep_telling(stream)),
        ]
        self.streams[row.account.pk] = stream

    async def _drop(self, pk: int) -> None:
        stream = self.streams.pop(pk)
        for task in stream.tasks:
            task.cancel()
        await asyncio.gather(*stream.tasks, return_exceptions=True)

    async def _keep_listening(self, stream: Stream) -> None:
        """Connect again and again, with growing pauses."""
        pause_s = FIRST_S
        while True:
            began = clock.mono()
            stream.listening = asyncio.create_task(self._listen(stream))
            try:
                await asyncio.wait({stream.listening})
            except asyncio.CancelledError:
                stream.listening.cancel()
                await asyncio.gather(stream.listening, return_exceptions=True)
                raise
            pause_s = FIRST_S if clock.mono() - began > STABLE_S else pause_s
            stream.up, stream.since = False, clock.now()
            stream.reconnects += 1
            await asyncio.sleep(pause_s * random.uniform(0.8, 1.2))  # noqa: S311  # not all at once
            pause_s = min(LONGEST_S, 2 * pause_s)

    async def _listen(self, stream: Stream) -> None:
        account = stream.followed.account
        try:
            credentials = await self._in_thread(partial(services.credentials_of, account))
            await listen(
                account.exchange,
                credentials,
                heard=stream.hear,
                address=stream.followed.address,
                offset_ms=account.offset_ms,
            )
        except StreamEnded as error:
            log.warning("account_stream.ended", account_id=account.pk, why=str(error))
        except Exception as error:
            log.warning("account_stream.failed", account_id=account.pk, why=type(error).__name__)

    async def _keep_telling(self, stream: Stream) -> None:
        """One look for all that was heard meanwhile."""
        again_until = 0.0
        while True:
            on_the_way = clock.mono() < again_until
            with suppress(TimeoutError):
                await asyncio.wait_for(stream.wanted.wait(), AGAIN_S if on_the_way else None)
            if stream.wanted.is_set():
                again_until = clock.mono() + AGAIN_FOR_S
            stream.wanted.clear()
            try:
                if not await self._in_thread(partial(self._tell, stream)):
                    again_until = 0.0
            except Exception as error:
                log.warning("account_stream.not_told", error=str(error))
            await asyncio.sleep(GAP_S)

    def _tell(self, stream: Stream) -> bool:
        account_id = stream.followed.account.pk
        if stream.came_up:
            stream.came_up = False
            services.stream_came_up(account_id=account_id, now=clock.now())
        on_the_way = services.hurry_account(account_id=account_id)
        self._hint()
        return on_the_way

    async def _in_thread(self, work: Callable[[], Any]) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self._pool, _guarded, work)


def _guarded(work: Callable[[], Any]) -> Any:
    try:
        return work()
    except Exception:
        connection.close()
        raise
