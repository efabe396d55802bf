"""How agents are set and when they ran last, on the bus: enough to go on without a database."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import orjson
import structlog

from config import bus

log = structlog.get_logger(__name__)

SETUPS = "agents:setups"


@dataclass(frozen=True, slots=True)
class Setup:
    """One agent with everything that settings and people said of it."""

    name: str
    enabled: bool
    interval_s: float
    params: Mapping[str, Any]


def write_setups(setups: Iterable[Setup]) -> None:
    """After each run with a database."""
    from redis import RedisError

    values = {setup.name: orjson.dumps(asdict(setup)) for setup in setups}
    try:
        bus.client().hset(SETUPS, mapping=values)
    except (RedisError, OSError) as error:
        log.warning("agents.bus_unreachable", error=str(error))


def read_setups(*, due_ms: int) -> list[Setup]:
    """Those that nobody has run since their interval began; asking claims them."""
    from redis import RedisError

    try:
        client = bus.client()
        known = [Setup(**orjson.loads(value)) for value in client.hvals(SETUPS)]
        return [
            setup
            for setup in known
            if client.set(
                f"agent:ran:{setup.name}", due_ms, nx=True, px=max(1, int(setup.interval_s * 1000))
            )
        ]
    except (RedisError, OSError) as error:
        log.warning("agents.bus_unreachable", error=str(error))
        return []
