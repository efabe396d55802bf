"""Findings on the bus: the newest ones to read, and those that wait for the database.

Both lists are bounded. Nothing here raises: findings inform, and a bus that is away too leaves
only the log.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
import structlog
from django.conf import settings

from config import bus, clock

log = structlog.get_logger(__name__)

RECENT = "findings:recent"  # newest first, stored or not
WAITING = "findings:waiting"  # oldest first


@dataclass(frozen=True, slots=True)
class Draft:
    """A finding before it has a row; `symbol` is its name, for readers without a database."""

    key: str
    at_ms: int
    agent: str
    symbol_id: int
    exchange: str
    symbol: str
    score: float
    label: str
    details: Mapping[str, Any]

    @property
    def at(self) -> datetime:
        return clock.from_ms(self.at_ms)

    @property
    def uuid(self) -> UUID:
        return UUID(self.key)


def remember(draft: Draft) -> bool:
    """Among the newest for those who can't read the database; False without a bus."""
    return _push(RECENT, draft, newest_first=True)


def put_waiting(draft: Draft) -> bool:
    """Until the database is back; the oldest falls out of a full list."""
    if not remember(draft):
        log.error("findings.lost", agent=draft.agent, label=draft.label, symbol=draft.symbol)
        return False
    return _push(WAITING, draft, newest_first=False)


def recent(*, symbol: str = "", agent: str = "", limit: int = 100) -> list[Draft]:
    """The newest findings, newest first, as `/findings` gives them without a database."""
    drafts = _read(RECENT, 0, -1)
    wanted = [
        draft
        for draft in drafts
        if (not symbol or symbol in {draft.symbol, f"{draft.exchange}:{draft.symbol}"})
        and (not agent or draft.agent == agent)
    ]
    return wanted[:limit]


def waiting(limit: int = 200) -> list[Draft]:
    """The oldest ones that are not stored yet."""
    return _read(WAITING, 0, limit - 1)


def waiting_count() -> int | None:
    """How many wait; None without a bus."""
    from redis import RedisError

    try:
        return int(bus.client().llen(WAITING))
    except (RedisError, OSError):
        return None


def forget_waiting(drafts: list[Draft]) -> None:
    """They are stored now."""
    from redis import RedisError

    try:
        pipeline = bus.client().pipeline(transaction=False)
        for draft in drafts:
            pipeline.lrem(WAITING, 1, _dump(draft))
        pipeline.execute()
    except (RedisError, OSError) as error:
        log.warning("findings.bus_unreachable", error=str(error))


def is_first(draft: Draft, window_s: float) -> bool:
    """Whether nothing like it was said within `window_s`; asked only without a database."""
    from redis import RedisError

    if window_s <= 0:
        return True
    key = f"finding:{draft.agent}:{draft.symbol_id}:{draft.label}"
    try:
        return bool(bus.client().set(key, draft.key, nx=True, ex=max(1, int(window_s))))
    except (RedisError, OSError):
        return True


def _push(key: str, draft: Draft, *, newest_first: bool) -> bool:
    from redis import RedisError

    most: int = settings.ENV.findings_buffer
    try:
        pipeline = bus.client().pipeline(transaction=True)
        if newest_first:
            pipeline.lpush(key, _dump(draft))
            pipeline.ltrim(key, 0, most - 1)
        else:
            pipeline.rpush(key, _dump(draft))
            pipeline.ltrim(key, -most, -1)
        pipeline.execute()
    except (RedisError, OSError) as error:
        log.warning("findings.bus_unreachable", error=str(error))
        return False
    return True


def _read(key: str, start: int, stop: int) -> list[Draft]:
    from redis import RedisError

    try:
        found = bus.client().lrange(key, start, stop)
    except (RedisError, OSError) as error:
        log.warning("findings.bus_unreachable", error=str(error))
        return []
    return [Draft(**orjson.loads(value)) for value in found]


def _dump(draft: Draft) -> bytes:
    return orjson.dumps(asdict(draft))
