"""The agents there are. Explicit: a new one is a file here and a line below. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from strategies.agents.cusum import Cusum
from strategies.agents.liquidity import Liquidity
from strategies.agents.llm_analyst import LlmAnalyst
from strategies.agents.macro_watcher import MacroWatcher
from strategies.agents.new_trend import NewTrend
from strategies.agents.protocol import (
    Agent,
    AgentParams,
    Analysis,
    Analyst,
    Look,
    Note,
    NothingToDo,
    Noticed,
    Seen,
    Standing,
)
from strategies.agents.reversal import Reversal
from strategies.agents.rvol_spike import RvolSpike
from strategies.agents.trend_score import TrendScore
from strategies.errors import AgentUnknown

_ALL: tuple[Agent[Any], ...] = (
    RvolSpike(),
    TrendScore(),
    NewTrend(),
    Reversal(),
    Liquidity(),
    MacroWatcher(),
    Cusum(),
    LlmAnalyst(),
)

AGENTS: Mapping[str, Agent[Any]] = MappingProxyType({one.name: one for one in _ALL})


def get(name: str) -> Agent[Any]:
    """The agent of that name, or AgentUnknown."""
    try:
        return AGENTS[name]
    except KeyError:
        known = ", ".join(AGENTS)
        raise AgentUnknown(f"no agent {name!r}; there are: {known}") from None


__all__ = [
    "AGENTS",
    "Agent",
    "AgentParams",
    "Analysis",
    "Analyst",
    "Look",
    "NothingToDo",
    "Note",
    "Noticed",
    "Seen",
    "Standing",
    "get",
]
