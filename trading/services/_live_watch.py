"""What live trading needs to have looked at each minute: the clocks, and grants that ended."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from trading.services._account_checks import BrokerOf, watch_clocks
from trading.services._brokers import broker_of
from trading.services._grants import end_grants


@dataclass(frozen=True, slots=True)
class Watched:
    """How many clocks were measured, and of how many ended grants people were told."""

    clocks: int
    ended: int


def watch_live(*, now: datetime, broker_of: BrokerOf = broker_of) -> Watched:
    """Grants first: telling of them waits for no exchange."""
    ended = end_grants(now=now)
    return Watched(clocks=watch_clocks(now=now, broker_of=broker_of), ended=ended)
