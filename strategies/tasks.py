"""What workers do for strategies. A message is a hint; leases and unique rows decide."""

from __future__ import annotations

from typing import Any

from celery import shared_task

from config import clock
from strategies import services
from strategies.errors import AgentBusy

ANALYST = "llm_analyst"
ANALYST_S = 50  # less than its lease lasts


@shared_task
def run_agent(*, name: str, **_: Any) -> None:
    try:
        services.run_agent(name=name, now=clock.now())
    except AgentBusy:
        return  # somebody else runs it


@shared_task(soft_time_limit=ANALYST_S, time_limit=ANALYST_S + 10)
def run_analyst(**_: Any) -> None:
    """The agent that waits for a language model: in a queue where neither bots nor orders wait."""
    try:
        services.run_agent(name=ANALYST, now=clock.now())
    except AgentBusy:
        return


@shared_task
def detect_signals(*, symbol_id: int, timeframe: str, **_: Any) -> None:
    services.detect_signals(symbol_id=symbol_id, timeframe=timeframe, now=clock.now())
