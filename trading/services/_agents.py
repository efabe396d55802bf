"""Agents as people set and run them: audited here, done by strategies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django.contrib.auth.models import User
from django.db import transaction

from strategies import agents
from strategies import queries as strategy_queries
from strategies import services as strategy_services
from strategies.errors import AgentBusy
from strategies.models import Agent
from strategies.services import AgentResult
from trading.services._audit import record


@transaction.atomic
def change_agent(
    *,
    name: str,
    by: User | None,
    now: datetime,
    enabled: bool | None = None,
    interval_s: float | None = None,
    params: Mapping[str, Any] | None = None,
) -> Agent:
    """Turn an agent on or off, or set it. Refuses AgentUnknown, AgentParamsInvalid."""
    before = _setup(strategy_queries.agent_row(name))
    row = strategy_services.change_agent(
        name=name, enabled=enabled, interval_s=interval_s, params=params, now=now
    )
    if _setup(row) != before:
        record(
            action="agent.changed",
            subject=f"agent:{name}",
            by=by,
            now=now,
            before=before,
            after=_setup(row),
        )
    return row


def run_agents(
    *,
    names: Sequence[str],
    by: User | None,
    now: datetime,
    symbol_id: int | None = None,
    insert: bool = True,
) -> list[AgentResult]:
    """Run them now, one after the other, whether they are due, on or off. Refuses AgentUnknown.

    One that fails or runs already is in the results with its error; the others run all the same.
    """
    for name in names:
        agents.get(name)
    record(
        action="agent.run_by_hand",
        subject=f"agent:{names[0] if len(names) == 1 else 'several'}",
        by=by,
        now=now,
        after={"agents": list(names), "symbol": symbol_id, "insert": insert},
    )
    return [_run(name, now, symbol_id, insert) for name in names]


def _run(name: str, now: datetime, symbol_id: int | None, insert: bool) -> AgentResult:
    try:
        return strategy_services.run_agent(name=name, now=now, symbol_id=symbol_id, insert=insert)
    except AgentBusy as error:
        return AgentResult(name, errors=[error.detail])


def _setup(row: Agent) -> dict[str, Any]:
    return {"enabled": row.enabled, "interval_s": row.interval_s, "params": row.params}
