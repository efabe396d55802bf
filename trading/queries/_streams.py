"""What the feed says of the accounts' private streams; on the bus, because losing it is no loss."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import orjson

from config import bus


@dataclass(frozen=True, slots=True)
class StreamState:
    """Whether a stream stands, since when, when it last said something and how often."""

    up: bool
    since: datetime
    heard_at: datetime | None
    events: int
    reconnects: int


def stream_state(account_id: int) -> StreamState | None:
    """None where nobody listens to the account, or where the bus is away."""
    from redis import RedisError

    try:
        said = bus.client().get(stream_key(account_id))
    except (RedisError, OSError):
        return None
    if not said:
        return None
    row = orjson.loads(said)
    heard_at = row["heard_at"]
    return StreamState(
        up=row["up"],
        since=datetime.fromisoformat(row["since"]),
        heard_at=datetime.fromisoformat(heard_at) if heard_at else None,
        events=row["events"],
        reconnects=row["reconnects"],
    )


def stream_key(account_id: int) -> str:
    """Where it is told."""
    return f"account_stream:{account_id}"
