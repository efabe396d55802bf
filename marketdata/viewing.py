"""Symbols that an open page looks at or a bot trades: the feed follows them while that lasts.

A sorted set on the bus, scored by when each was last looked at. Without a bus nobody looks.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

import structlog

from config import bus, clock

log = structlog.get_logger(__name__)

VIEWED = "symbols:viewed"
VIEWED_FOR = timedelta(seconds=60)  # after the last word of the page; pages repeat theirs sooner
MOST_VIEWED = 200  # a page that asks for everything doesn't make the feed follow everything


def note_viewed(symbol_ids: Iterable[int], now: datetime) -> bool:
    """Say that an open page looks at these; False if there is no bus."""
    from redis import RedisError

    scores = {str(symbol_id): clock.to_ms(now) for symbol_id in symbol_ids}
    if not scores:
        return True
    try:
        pipeline = bus.client().pipeline(transaction=False)
        pipeline.zadd(VIEWED, scores)
        pipeline.zremrangebyscore(VIEWED, "-inf", clock.to_ms(now - VIEWED_FOR))
        pipeline.execute()
    except (RedisError, OSError):
        return False
    return True


def viewed_ids(now: datetime) -> list[int]:
    """Who was looked at within the last minute, the newest `MOST_VIEWED`, in the order of ids."""
    from redis import RedisError

    try:
        found = bus.client().zrange(
            VIEWED,
            "+inf",
            clock.to_ms(now - VIEWED_FOR),
            byscore=True,
            desc=True,
            offset=0,
            num=MOST_VIEWED,
        )
    except (RedisError, OSError) as error:
        log.warning("viewing.bus_unreachable", error=str(error))
        return []
    return sorted(int(symbol_id) for symbol_id in found)
