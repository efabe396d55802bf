"""Live features on the bus: written by the feed each second, read by everybody else.

Nothing here asks the database, so that agents go on while it is away.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import orjson
import structlog

from config import bus
from marketdata.exchanges.protocol import CandleRow
from marketdata.features import LiveState

log = structlog.get_logger(__name__)

EXPIRES_S = 86_400
FOLLOWED = "features:followed"  # symbol ids, scored by when their state was last written
FRESH_MS = 60_000

Bars = Mapping[str, Sequence[CandleRow]]


def put_states(states: Mapping[int, LiveState], bars: Mapping[int, Bars]) -> bool:
    """Make these the live ones, by symbol id; False if there is no bus."""
    from redis import RedisError

    if not states and not bars:
        return True
    try:
        pipeline = bus.client().pipeline(transaction=False)
        for symbol_id, state in states.items():
            pipeline.set(_state_key(symbol_id), orjson.dumps(state.plain()), ex=EXPIRES_S)
        for symbol_id, rows in bars.items():
            pipeline.set(_bars_key(symbol_id), orjson.dumps(rows), ex=EXPIRES_S)
        if states:
            scores = {str(symbol_id): state.at_ms for symbol_id, state in states.items()}
            pipeline.zadd(FOLLOWED, scores)
        pipeline.execute()
    except (RedisError, OSError):
        return False
    return True


def get_state(symbol_id: int) -> LiveState | None:
    """What the feed said last of a symbol, or None."""
    return get_states([symbol_id]).get(symbol_id)


def get_states(symbol_ids: Iterable[int]) -> dict[int, LiveState]:
    """The newest states by symbol id; symbols without one are left out."""
    wanted = list(dict.fromkeys(symbol_ids))
    found = _read([_state_key(symbol_id) for symbol_id in wanted])
    return {
        symbol_id: LiveState.of(orjson.loads(value))
        for symbol_id, value in zip(wanted, found, strict=True)
        if value
    }


def get_bars(symbol_id: int) -> dict[str, list[CandleRow]]:
    """The newest closed bars by length ("1m", "5m", "15m"), oldest first; empty if unknown."""
    [value] = _read([_bars_key(symbol_id)])
    if not value:
        return {}
    read: dict[str, list[Sequence[float]]] = orjson.loads(value)
    return {frame: [_row(row) for row in rows] for frame, rows in read.items()}


def followed_ids(now_ms: int) -> list[int]:
    """Symbols whose state the feed wrote within the last minute."""
    from redis import RedisError

    try:
        found = bus.client().zrangebyscore(FOLLOWED, now_ms - FRESH_MS, "+inf")
    except (RedisError, OSError) as error:
        log.warning("features.bus_unreachable", error=str(error))
        return []
    return sorted(int(symbol_id) for symbol_id in found)


def trades_cached(now_ms: int) -> dict[str, int]:
    """How many trades the feed keeps of each symbol it follows, by "exchange:name"."""
    states = get_states(followed_ids(now_ms))
    return {state.name: state.trades_cached for state in states.values()}


def _read(keys: list[str]) -> list[bytes | None]:
    from redis import RedisError

    if not keys:
        return []
    try:
        found: list[bytes | None] = bus.client().mget(keys)
    except (RedisError, OSError) as error:
        log.warning("features.bus_unreachable", error=str(error))
        return [None] * len(keys)
    return found


def _row(row: Sequence[float]) -> CandleRow:
    open_ms, open_, high, low, close, volume = row
    return (int(open_ms), open_, high, low, close, volume)


def _state_key(symbol_id: int) -> str:
    return f"features:{symbol_id}"


def _bars_key(symbol_id: int) -> str:
    return f"bars:{symbol_id}"
