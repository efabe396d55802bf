"""From what somebody typed to a simulation: names become versions and symbols."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from django.contrib.auth.models import User
from django.db import transaction

from marketdata.models import Symbol
from marketdata.queries import resolve_symbol, timeframe_of
from strategies import queries as strategy_queries
from strategies.errors import VersionUnknown
from strategies.models import StrategyVersion
from trading.models import Job, Search, Simulation
from trading.services._versions import create_version, proposed
from trading.services.research._searches import Aim, start_search
from trading.services.research._simulations import Plan, start_simulation

_AIMED = ("method", "space", "objective", "trials")
_PLANNED = ("from_ms", "to_ms", "knobs", "starting_cash", "fill_at", "oos_share", "seed")


def simulate_strategy(
    *,
    strategy: str,
    asked: Mapping[str, Any],
    by: User | None,
    now: datetime,
    after: Job | None = None,
) -> Simulation:
    """Start what is `asked` for: `version` or `params` (a candidate is made of them), else the
    active version; `baseline` a number, None for none, not given for the active version, or
    parameters that become a version; `symbols` by name; `timeframe`, `from_ms`, `to_ms` and what
    else a Plan has. It waits for the job `after`, say a download of the candles. A draft is
    proposed thereby.
    """
    name = strategy_queries.strategy_called(strategy).name
    plan = Plan(
        symbols=_symbols(asked["symbols"]),
        timeframe=timeframe_of(asked["timeframe"]),
        **{key: asked[key] for key in _PLANNED if key in asked},
    )
    with transaction.atomic():  # a refusal leaves no candidate behind
        baseline = _baseline(name, asked, by, now)
        version = _version(name, asked, by, now)
        return start_simulation(
            version=version, baseline=baseline, plan=plan, by=by, now=now, after=after
        )


def search_strategy(
    *, strategy: str, asked: Mapping[str, Any], by: User | None, now: datetime
) -> Search:
    """Start the search that is `asked` for: a stretch as for a simulation, `version` as the
    start (else the active one), and `method`, `space`, `objective`, `trials`.
    """
    name = strategy_queries.strategy_called(strategy).name
    plan = Plan(
        symbols=_symbols(asked["symbols"]),
        timeframe=timeframe_of(asked["timeframe"]),
        **{key: asked[key] for key in _PLANNED if key in asked and key != "fill_at"},
    )
    given = {key: asked[key] for key in _AIMED if asked.get(key) is not None}
    with transaction.atomic():
        baseline = _version(name, {"version": asked.get("version")}, by, now)
        return start_search(baseline=baseline, plan=plan, aim=Aim(**given), by=by, now=now)


def _symbols(names: Iterable[str]) -> list[Symbol]:
    """Each symbol once, however often and in whatever spelling it was named."""
    found = [resolve_symbol(name) for name in names]
    return list({symbol.pk: symbol for symbol in found}.values())


def _version(
    name: str, asked: Mapping[str, Any], by: User | None, now: datetime
) -> StrategyVersion:
    if asked.get("version") is not None:
        return proposed(strategy_queries.version_numbered(name, asked["version"]), by=by, now=now)
    if asked.get("params") is not None:
        return create_version(
            strategy_name=name, params=asked["params"], note="Simulated", by=by, now=now
        )
    return strategy_queries.active_version(name)


def _baseline(
    name: str, asked: Mapping[str, Any], by: User | None, now: datetime
) -> StrategyVersion | None:
    if "baseline" not in asked:
        try:
            return strategy_queries.active_version(name)
        except VersionUnknown:
            return None
    given = asked["baseline"]
    if isinstance(given, Mapping):
        return create_version(strategy_name=name, params=given, note="Baseline", by=by, now=now)
    if given is None:
        return None
    return proposed(strategy_queries.version_numbered(name, given), by=by, now=now)
