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

from config.database import redis_url

log = structlog.get_logger(__name__)

EVENTS_GROUP = "events"


def publish(group: str, message: Mapping[str, Any]) -> None:
    """Send one message to a group now. A bus that is away is logged, never raised."""
    layer = get_channel_layer()
    if layer is None:
        return
    try:
        async_to_sync(layer.group_send)(group, dict(message))
    except (OSError, ConnectionError, TimeoutError) as error:
        log.warning("bus.unreachable", group=group, error=str(error))
    except Exception as error:  # redis-py has its own tree: ConnectionError is not OSError there
        log.warning("bus.failed", group=group, error=str(error))


def publish_on_commit(group: str, message: Mapping[str, Any]) -> None:
    """Send when the surrounding transaction has committed, or now if there is none."""
    transaction.on_commit(partial(publish, group, message), robust=True)


@cache
def client() -> Any:
    """The shared synchronous Redis client (database 2: live market state)."""
    import redis  # 46 MB in a process that may never need it

    return redis.Redis.from_url(
        redis_url(settings.REDIS_URL, 2), socket_timeout=2, socket_connect_timeout=2
    )
