"""How the exchanges' streams are doing, on the bus: written by the feed each second.

Nothing here asks the database; without a bus, or without a feed, nothing is known.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass

import orjson
import structlog

from config import bus

log = structlog.get_logger(__name__)

EXPIRES_S = 86_400
FRESH_S = 10.0  # a state that nobody renewed for so long says nothing about now


@dataclass(frozen=True, slots=True)
class FeedStream:
    """One exchange's streams. Times are ms since the epoch, by our clock; None is unknown.

    `stale` names the symbols that are asked for by REST meanwhile, `lag_ms` is how long after
    an event we hear of it (median of the last second, by the measured clock offset). Counts begin
    when this feed began to work.
    """

    exchange: str
    at_ms: int  # when this was written
    symbols: int  # that are wanted
    connections: int  # that are wanted
    up: int  # connections whose subscriptions stand
    since_ms: int | None  # since when they all stand; None when one doesn't
    heard_ms: int | None  # the newest message
    stale: list[str]
    refused: list[str]  # symbols that the exchange doesn't stream
    lag_ms: float | None
    per_s: float  # messages
    messages: int
    reconnects: int
    prints_missed: int  # that are known to be lost or not made up for yet
    duplicates: int
    not_understood: int
    last_error: str

    @property
    def healthy(self) -> bool:
        """Every connection stands and every symbol's data flows."""
        return self.up == self.connections and not self.stale

    def age_s(self, now_ms: int) -> float:
        """Seconds since the feed wrote this."""
        return max(0, now_ms - self.at_ms) / 1000


def put_streams(streams: Iterable[FeedStream]) -> bool:
    """Make these the newest known; False if there is no bus."""
    from redis import RedisError

    try:
        pipeline = bus.client().pipeline(transaction=False)
        for stream in streams:
            pipeline.set(_key(stream.exchange), orjson.dumps(asdict(stream)), ex=EXPIRES_S)
        pipeline.execute()
    except (RedisError, OSError):
        return False
    return True


def get_streams(exchanges: Iterable[str]) -> list[FeedStream]:
    """The newest state of each exchange that has streams, in the order given."""
    from redis import RedisError

    keys = [_key(exchange) for exchange in exchanges]
    if not keys:
        return []
    try:
        values = bus.client().mget(keys)
    except (RedisError, OSError) as error:
        log.warning("streams.bus_unreachable", error=str(error))
        return []
    return [FeedStream(**orjson.loads(value)) for value in values if value]


def _key(exchange: str) -> str:
    return f"feed:stream:{exchange}"
