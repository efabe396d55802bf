"""What the feed process runs: the feed itself, and the watch that replaces a silent beat."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import structlog
from django.conf import settings
from django.db import InterfaceError, OperationalError, connection, connections

from approvals import services as approval_services
from config import clock
from marketdata.exchanges import exchange_for, stream_addresses
from marketdata.feed import Feed
from trading import services, tasks
from trading.account_feed import AccountFeed

log = structlog.get_logger(__name__)

WATCH_S = 1.0
JUMP_MS = 250  # of the wall clock against the monotonic one, from one second to the next


async def run_feed(stop: asyncio.Event) -> None:
    """Until `stop` is set. An exchange that can't be reached harms none of the others."""
    exchanges = {name: exchange_for(name) for name in settings.ENV.exchanges}
    feed = Feed(
        exchanges,
        on_candle_closed=_run_bots,
        interval_s=settings.ENV.ticker_interval_s,
        streams=stream_addresses(settings.ENV),
    )
    accounts = AccountFeed(hint=_sweep, at_work=lambda: feed.at_work)
    await asyncio.gather(feed.run(stop), _watch(stop), accounts.run(stop))


def _sweep() -> None:
    """Tell the workers that an account is to be asked; the tick would find it within a second."""
    tasks.send_hints(services.Hints(bots=[], jobs=[], sweep=True))


def _run_bots(symbol_id: int, timeframe: str, open_ms: int) -> None:
    """Tell the workers at once; the tick would find the candle a moment later anyway."""
    bots = services.bots_on(symbol_id=symbol_id, timeframe=timeframe)
    wanted = timeframe in settings.ENV.signal_timeframes
    series = ((symbol_id, str(timeframe)),) if wanted else ()
    tasks.send_hints(services.Hints(bots=bots, jobs=[], sweep=False, series=series))


async def _watch(stop: asyncio.Event) -> None:
    """Runs on the monotonic clock, so that a wall clock that jumps doesn't silence it."""
    loop, jumps = asyncio.get_running_loop(), Jumps()
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="watch") as pool:
        while not stop.is_set():
            await loop.run_in_executor(pool, _watch_once, jumps)
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), WATCH_S)
        # Not connection.close: that would be looked up here, and be this thread's.
        await loop.run_in_executor(pool, connections.close_all)


class Jumps:
    """Notices that the wall clock was set, or that the machine slept."""

    def __init__(self) -> None:
        self._apart_ms = clock.read().apart_ms
        self.unheard = False  # there was one that nobody was told of yet

    def look(self) -> None:
        """Compare the clocks once more."""
        before, self._apart_ms = self._apart_ms, clock.read().apart_ms
        if abs(self._apart_ms - before) > JUMP_MS:
            self.unheard = True


def _watch_once(jumps: Jumps) -> None:
    jumps.look()
    try:
        # First of all: silence must end in a stop also when all the rest of this fails.
        approval_services.check_approvals(now=clock.now(), reading=clock.read())
        if jumps.unheard:
            services.doubt_clocks(now=clock.now())
            jumps.unheard = False
        tasks.send_hints(services.watch(now=clock.now()))
        services.tell_failures_for_beat(now=clock.now())
    except (OperationalError, InterfaceError) as error:
        log.warning("watch.database_away", error=str(error))
        connection.close()
        services.tick_without_database(now=clock.now())
    except Exception as error:  # a busy database or an absent bus: the next second tries again
        log.warning("watch.failed", error=str(error))
        connection.close()
