"""What /health says, and how it is found out: once by the database, once by the bus."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from django.conf import settings
from django.db import DatabaseError, connection

from config import bus, clock
from config.env import BASE_DIR
from marketdata import live_features, quotes
from marketdata import queries as marketdata_queries
from marketdata.models import Ticker
from strategies import queries as strategy_queries

BUS_S = 0.5  # longer than that is no answer


@dataclass(frozen=True, slots=True)
class DatabaseState:
    """What the database answered; `error` is the kind of error when it didn't."""

    error: str | None = None
    detail: str = ""  # for the log only: it may name hosts and people
    symbols: Mapping[int, str] = field(default_factory=dict)  # watched, by id
    stored_at_ms: Mapping[int, int] = field(default_factory=dict)  # of the tickers of these
    agents: Mapping[str, Mapping[str, object]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class BusState:
    """What the bus answered; empty when it didn't."""

    ok: bool = False
    detail: str = ""
    quoted_at_ms: Mapping[int, int] = field(default_factory=dict)
    trades_cached: Mapping[str, int] = field(default_factory=dict)


def read_database() -> DatabaseState:
    """Ask the database for all that /health needs; never raises for one that is away."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
        symbols = {row.pk: str(row) for row in marketdata_queries.watched_symbols()}
        stored = Ticker.objects.filter(pk__in=symbols).values_list("pk", "at")
        return DatabaseState(
            symbols=symbols,
            stored_at_ms={pk: clock.to_ms(at) for pk, at in stored},
            agents={
                one.code.name: {"status": one.status, "last_run": one.row.last_run_at}
                for one in strategy_queries.agent_states()
            },
        )
    except DatabaseError as error:
        return DatabaseState(error=type(error).__name__, detail=str(error))


def read_bus(symbol_ids: Sequence[int], now_ms: int) -> BusState:
    """Ask the bus for the stamps of these symbols' quotes and for the trades that are kept."""
    try:
        bus.client(BUS_S).ping()
        return BusState(
            ok=True,
            quoted_at_ms=quotes.quoted_at_ms(symbol_ids),
            trades_cached=live_features.trades_cached(now_ms),
        )
    except Exception as error:  # redis-py has its own tree of errors
        return BusState(detail=str(error))


def health(database: DatabaseState, on_bus: BusState, *, now_ms: int, age_s: float) -> Any:
    """The payload of /health for what the two said `age_s` ago."""
    ok, artifacts = database.error is None, settings.ARTIFACTS_DIR.is_dir()
    names = list(database.symbols.values())
    return {
        "status": "down" if not ok else "ok" if on_bus.ok and artifacts else "degraded",
        "db": ok,
        "redis": on_bus.ok,
        "artifacts_dir": artifacts,
        "symbols": names,
        "trades_cached": {
            name: on_bus.trades_cached.get(name, 0) for name in names or on_bus.trades_cached
        },
        "agents": database.agents,
        "feed_age_s": {
            name: _age_s(database.stored_at_ms.get(pk), on_bus.quoted_at_ms.get(pk), now_ms)
            for pk, name in database.symbols.items()
        },
        "age_s": round(age_s, 3),
        "version": version(),
    }


def database_health(database: DatabaseState) -> dict[str, object]:
    """The payload of /db-health."""
    return {"ok": True} if database.error is None else {"ok": False, "error": database.error}


@cache
def version() -> str:
    """The project's version, from the one place that states it."""
    with (BASE_DIR / "pyproject.toml").open("rb") as file:
        return str(tomllib.load(file)["project"]["version"])


def _age_s(stored_ms: int | None, quoted_ms: int | None, now_ms: int) -> float | None:
    stamps = [stamp for stamp in (stored_ms, quoted_ms) if stamp is not None]
    return max(0, now_ms - max(stamps)) / 1000 if stamps else None
