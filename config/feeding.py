"""What the feed process runs: the feed itself, and the watch that replaces a silent beat."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import structlog
from django.conf import settings
from django.db import connection, connections

from config import clock
from marketdata.exchanges import exchange_for
from marketdata.feed import Feed
from trading import services, tasks

log = structlog.get_logger(__name__)

WATCH_S = 1.0


async def run_feed(stop: asyncio.Event) -> None:
    """Until `stop` is set. An exchange that can't be reached harms none of the others."""
    exchanges = {name: exchange_for(name) for name in settings.ENV.exchanges}
    feed = Feed(
        exchanges,
        on_candle_closed=_run_bots,
        interval_s=settings.ENV.ticker_interval_s,
    )
    await asyncio.gather(feed.run(stop), _watch(stop))


def _run_bots(symbol_id: int, timeframe: str, open_ms: int) -> None:
    """Tell the workers at once; the tick would find the candle a moment later anyway."""
    bots = services.bots_on(symbol_id=symbol_id, timeframe=timeframe)
    tasks.send_hints(services.Hints(bots=bots, jobs=[], sweep=False))


async def _watch(stop: asyncio.Event) -> None:
    """Runs on the monotonic clock, so that a wall clock that jumps doesn't silence it."""
    loop = asyncio.get_running_loop()
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="watch") as pool:
        while not stop.is_set():
            await loop.run_in_executor(pool, _watch_once)
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), WATCH_S)
        # Not connection.close: that would be looked up here, and be this thread's.
        await loop.run_in_executor(pool, connections.close_all)


def _watch_once() -> None:
    try:
        tasks.send_hints(services.watch(now=clock.now()))
    except Exception as error:  # a busy database or an absent bus: the next second tries again
        log.warning("watch.failed", error=str(error))
        connection.close()
