"""What live trading needs to have looked at each minute: the clocks, and grants that ended."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import structlog

from config import clock
from trading.models import ExchangeAccount
from trading.services.accounts._brokers import broker_of
from trading.services.accounts._checks import BrokerOf, watch_clocks
from trading.services.live._grants import end_grants, ended_grants

log = structlog.get_logger(__name__)


EVERY_S, WITHIN_S = 20, 2  # a tick that misses a second still finds one
DOUBTED_S = 3  # sooner where a clock is in doubt: nothing is bought until it was read


@dataclass(frozen=True, slots=True)
class Watched:
    """How many clocks were measured, and of how many ended grants people were told."""

    clocks: int
    ended: int


def live_watch_due(now: datetime) -> bool:
    """Whether there is an account whose clock may have to be read, or a grant that has ended."""
    second = clock.to_ms(now) // 1000
    used = ExchangeAccount.objects.filter(enabled=True, removed_at=None)
    if second % EVERY_S < WITHIN_S:
        return used.exists() or ended_grants(now).exists()
    return second % DOUBTED_S == 0 and used.filter(clock_at=None).exists()


def doubt_clocks(*, now: datetime) -> int:
    """Our own clock has jumped: what is known of the others' is void."""
    log.warning("clock.jumped", now=now.isoformat())
    return ExchangeAccount.objects.filter(removed_at=None).update(clock_at=None)


def watch_live(*, now: datetime, broker_of: BrokerOf = broker_of) -> Watched:
    """Grants first: telling of them waits for no exchange."""
    ended = end_grants(now=now)
    return Watched(clocks=watch_clocks(now=now, broker_of=broker_of), ended=ended)
