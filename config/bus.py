"""The bus between processes: group messages over Channels and a Redis client for live state.

The database is the truth; what travels here may be lost, so nothing here ever raises
into a caller that moves money.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache, partial
from typing import Any

import structlog
from asgiref.sync import async_to_sync
from channels.layers import get_channel_layer
from django.conf import settings
from django.db import transaction

from config import clock
from config.database import redis_url

log = structlog.get_logger(__name__)

EVENTS_GROUP = "events"


class _Outage:
    """Remembers that the bus is away, so that a caller waits for it at most once in a while."""

    RETRY_AFTER_S = 2.0

    def __init__(self) -> None:
        self._until = 0.0

    def lasts(self) -> bool:
        return clock.mono() < self._until

    def note(self, error: Exception) -> None:
        if not self._until:
            log.warning("bus.unreachable", error=str(error))
        self._until = clock.mono() + self.RETRY_AFTER_S

    def over(self) -> None:
        if self._until:
            log.info("bus.back")
        self._until = 0.0


_outage = _Outage()


def publish(group: str, message: Mapping[str, Any]) -> None:
    """Send one message to a group now. A bus that is away is logged, never raised."""
    layer = get_channel_layer()
    if layer is None or _outage.lasts():
        return
    try:
        async_to_sync(layer.group_send)(group, dict(message))
    except Exception as error:  # redis-py has its own tree: ConnectionError is not OSError there
        _outage.note(error)
    else:
        _outage.over()


def publish_on_commit(group: str, message: Mapping[str, Any]) -> None:
    """Send when the surrounding transaction has committed, or now if there is none."""
    transaction.on_commit(partial(publish, group, message), robust=True)


def channel(name: str) -> str:
    """A channel of our own: pub/sub is shared by all databases of a Redis."""
    return f"{settings.CHANNEL_LAYERS['default']['CONFIG']['prefix']}.{name}"


@cache
def client(timeout_s: float = 2) -> Any:
    """The shared synchronous Redis client (database 2: live market state); one per timeout."""
    import redis  # 46 MB in a process that may never need it
    from redis.backoff import NoBackoff
    from redis.retry import Retry

    return redis.Redis.from_url(
        redis_url(settings.REDIS_URL, 2),
        socket_timeout=timeout_s,
        socket_connect_timeout=timeout_s,
        # One more try finds a bus that was restarted; the default waits seconds for an absent one.
        retry=Retry(NoBackoff(), 1),
    )
