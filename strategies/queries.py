"""Reads of strategies that several doors share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db.models import QuerySet

from strategies import agents, registry
from strategies.agent_settings import default_interval_s, default_params, is_switched_on
from strategies.agents import Noticed, Standing
from strategies.errors import AgentUnknown, StrategyUnknown, VersionCorrupt, VersionUnknown
from strategies.hashing import code_hash, params_hash
from strategies.macro import NewsWindow, window_at, windows_of
from strategies.models import Activation, Agent, Finding, Posture, Strategy, StrategyVersion
from strategies.protocol import Params


@dataclass(frozen=True, slots=True)
class ParamChange:
    """One parameter that differs between two versions; None is "not there"."""

    name: str
    title: str
    unit: str
    before: Any
    after: Any


def strategy_named(name: str) -> Strategy:
    """The row of that name, or StrategyUnknown."""
    found = Strategy.objects.filter(name=name).first()
    if found is None:
        raise StrategyUnknown(f"no strategy {name!r}")
    return found


def versions_of(name: str) -> QuerySet[StrategyVersion]:
    """All versions of a strategy, newest first, with strategy and author."""
    return StrategyVersion.objects.filter(strategy__name=name).select_related(
        "strategy", "created_by"
    )


def version_numbered(name: str, number: int) -> StrategyVersion:
    """One version, or VersionUnknown."""
    found = versions_of(name).filter(number=number).first()
    if found is None:
        raise VersionUnknown(f"{name} has no version {number}")
    return found


def active_version(name: str) -> StrategyVersion:
    """The version that new bots take, or VersionUnknown."""
    found = versions_of(name).filter(state=StrategyVersion.State.ACTIVE).first()
    if found is None:
        raise VersionUnknown(f"{name} has no active version")
    return found


def last_activation(name: str) -> Activation | None:
    """The newest change of what is active; None while version 1 was never replaced."""
    rows = Activation.objects.filter(strategy__name=name)
    return rows.select_related("version", "replaced", "by").order_by("-id").first()


def params_of(version: StrategyVersion) -> Params:
    """The version's parameters, checked against bounds and hash.

    Refuses VersionCorrupt when the row was edited, ParamsInvalid when the bounds have become
    narrower since, StrategyUnknown when the code is gone.
    """
    if params_hash(version.params) != version.params_hash:
        raise VersionCorrupt(f"the parameters of {version} were edited after it was made")
    params: Params = registry.get(version.strategy.name).validated(version.params)
    return params


def runs_installed_code(version: StrategyVersion) -> bool:
    """Whether the strategy's source is still the one that the version was made with."""
    return code_hash(registry.get(version.strategy.name)) == version.code_hash


def version_diff(before: StrategyVersion, after: StrategyVersion) -> list[ParamChange]:
    """What differs in the parameters, in the order of the form."""
    properties = registry.get(after.strategy.name).schema()["properties"]
    gone = [name for name in before.params if name not in properties]
    return [
        ParamChange(
            name=name,
            title=properties.get(name, {}).get("title", name),
            unit=properties.get(name, {}).get("unit", ""),
            before=before.params.get(name),
            after=after.params.get(name),
        )
        for name in (*properties, *gone)
        if before.params.get(name) != after.params.get(name)
    ]


def strategy_called(text: str) -> Strategy:
    """The row meant by a name or by an id in digits, or StrategyUnknown."""
    if not text.isdecimal():
        return strategy_named(text)
    found = Strategy.objects.filter(pk=int(text)).first()
    if found is None:
        raise StrategyUnknown(f"no strategy {text}")
    return found


@dataclass(frozen=True, slots=True)
class AgentState:
    """An agent with its code, its row and what settings make of both."""

    code: agents.Agent[Any]
    row: Agent
    interval_s: float
    params: dict[str, Any]
    switched_on: bool

    @property
    def status(self) -> str:
        """OFF when settings or a person keep it from running, else how its last run went."""
        return str(self.row.status) if self.switched_on and self.row.enabled else "OFF"

    @property
    def next_run(self) -> datetime | None:
        """When the tick runs it next; None while it is off."""
        return None if self.status == "OFF" else self.row.due_at


def agent_states() -> list[AgentState]:
    """All agents, in the order of the code; one without a row has not been seeded yet."""
    rows = {row.name: row for row in Agent.objects.all()}
    return [_agent_state(rows[name]) for name in agents.AGENTS if name in rows]


def agent_state(name: str) -> AgentState:
    """One agent, or AgentUnknown."""
    return _agent_state(agent_row(name))


def _agent_state(row: Agent) -> AgentState:
    code = agents.get(row.name)
    return AgentState(
        code=code,
        row=row,
        interval_s=interval_of(row),
        params=code.validated(params_of_agent(row.name, row.params)).model_dump(mode="json"),
        switched_on=is_switched_on(code, settings.ENV),
    )


def agent_row(name: str) -> Agent:
    """The row of an agent, or AgentUnknown."""
    agents.get(name)
    row = Agent.objects.filter(name=name).first()
    if row is None:
        raise AgentUnknown(f"{name} has no row yet; run the seed command")
    return row


def interval_of(row: Agent) -> float:
    """Seconds between two looks: a person's, else the setting's."""
    return row.interval_s or default_interval_s(row.name, settings.ENV)


def params_of_agent(name: str, own: Mapping[str, Any]) -> dict[str, Any]:
    """The settings' parameters of an agent, with a person's `own` on top."""
    return {**default_params(name, settings.ENV), **own}


def standing_of(symbol_id: int) -> Standing:
    """The view on a symbol; an unknown one has none yet."""
    row = Posture.objects.filter(pk=symbol_id).first()
    return Standing() if row is None else Standing(row.view, row.p_up, row.leaning, row.count)


def noticed(symbol_id: int, *, since: datetime) -> list[Noticed]:
    """A symbol's findings since then, the newest first, as agents read them."""
    rows = Finding.objects.filter(symbol_id=symbol_id, at__gte=since).order_by("-at")[:50]
    return [Noticed(row.at, row.agent, row.label, row.score, row.details) for row in rows]


def entries_blocked(at: datetime) -> NewsWindow | None:
    """The news within whose minutes no bot may enter, or None."""
    env = settings.ENV
    if not env.macro_block_entries or not env.macro_windows:
        return None
    return window_at(at, windows_of(env.macro_windows), env.macro_window_minutes)
