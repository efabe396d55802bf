"""A simulation of recorded candles, as a person starts it."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import User

from strategies import services as strategy_services
from tests.scenarios.replays import NOW, WILD, imported
from trading import queries, services
from trading.models import Search, Simulation

FASTER = {"fast": 8, "slow": 21}


def start(
    *, by: User | None = None, strategy: str = "trend_ema_fast", **changes: Any
) -> Simulation:
    """A started simulation of eight wild days, two of them only past."""
    services.ensure_system_state(now=NOW)
    strategy_services.sync_strategies(now=NOW)
    symbol, timeframe, stored = imported(WILD)
    asked: dict[str, Any] = {
        "params": FASTER,
        "symbols": [str(symbol)],
        "timeframe": timeframe,
        "from_ms": stored.from_ms + 2 * 86_400_000,
        "to_ms": stored.to_ms,
        **changes,
    }
    return services.simulate_strategy(strategy=strategy, asked=asked, by=by, now=NOW)


def finished(**changes: Any) -> Simulation:
    """The same, carried to its end."""
    started = start(**changes)
    assert not services.run_job(job_id=started.job_id, now=NOW)
    return queries.simulation(started.pk)


def searched() -> Search:
    """A search of two parameter sets that has ended."""
    row = start()
    asked = {
        "symbols": row.symbols,
        "timeframe": row.timeframe,
        "from_ms": row.from_ms,
        "to_ms": row.to_ms,
        "space": {"fast": {"values": [4, 6]}},
        "objective": "total_return",
    }
    search = services.search_strategy(strategy="trend_ema_fast", asked=asked, by=None, now=NOW)
    while services.run_search(search_id=search.pk, now=NOW):
        pass
    return queries.search(search.pk)
