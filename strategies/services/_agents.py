"""Agents at work: who is due, one run, its findings and posture, and what is said when it fails.

Each agent is a row with a due time and a lease; the tick claims it by conditional update. While
the database is away agents run from what the bus remembers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import structlog
from django.conf import settings
from django.db.models import Q
from django.utils.module_loading import import_string

from config import clock
from marketdata import live_features
from marketdata.features import LiveState
from strategies import agents, queries
from strategies.agent_settings import is_switched_on, window_s
from strategies.agents import Analyst, Look, Note, NothingToDo, Seen, Standing
from strategies.errors import AgentBusy, AgentParamsInvalid
from strategies.models import Agent
from strategies.services._findings import (
    AWAY,
    add_finding,
    draft_of,
    put_aside,
    store_waiting_findings,
)
from strategies.services._posture import keep_posture
from strategies.setup_memory import Setup, read_setups, write_setups

log = structlog.get_logger(__name__)

LEASE = timedelta(seconds=60)  # longer than a task may take
CLAIMED_FOR = timedelta(seconds=30)  # a lost message is repeated after this
LONGEST_BACK_OFF_S = 900.0
SHORTEST_S, LONGEST_S = 1.0, 86_400.0

Keep = Callable[[str, int, LiveState, Note, datetime], object]


@dataclass(slots=True)
class AgentResult:
    """One run: what was new, how many symbols were looked at, what went wrong or was missing."""

    agent: str
    looked: int = 0
    notes: list[tuple[str, Note]] = field(default_factory=list)  # with the symbol's name
    errors: list[str] = field(default_factory=list)
    resting: str = ""

    @property
    def error(self) -> str:
        """The first error, and how many more there are; "" for none."""
        if not self.errors:
            return ""
        more = f" (and {len(self.errors) - 1} more)" if len(self.errors) > 1 else ""
        return f"{self.errors[0]}{more}"[:300]


def sync_agents(*, now: datetime) -> None:
    """A row for each agent of the code. Repeating it changes nothing."""
    rows = [Agent(name=name, due_at=now) for name in agents.AGENTS]
    Agent.objects.bulk_create(rows, ignore_conflicts=True)


def change_agent(
    *,
    name: str,
    enabled: bool | None = None,
    interval_s: float | None = None,
    params: Mapping[str, Any] | None = None,
    now: datetime,
) -> Agent:
    """Turn an agent on or off, or set it; what isn't given stays. The caller audits it.

    `params` replaces what was set before, and what equals the settings isn't kept: {} goes back
    to them. Refuses AgentUnknown,
    AgentParamsInvalid.
    """
    agent = agents.get(name)
    row = queries.agent_row(name)
    if enabled is not None:
        row.enabled = enabled
        row.due_at = now
    if interval_s is not None:
        if not SHORTEST_S <= interval_s <= LONGEST_S:
            bounds = f"from {SHORTEST_S:g} to {LONGEST_S:g} seconds"
            raise AgentParamsInvalid(f"interval_s: {bounds}", fields={"interval_s": bounds})
        row.interval_s, row.due_at = interval_s, now
    if params is not None:
        given = agent.validated({**queries.params_of_agent(name, {}), **params}).model_dump()
        usual = agent.validated(queries.params_of_agent(name, {})).model_dump()
        row.params = {key: given[key] for key in params if given[key] != usual[key]}
    row.save(update_fields=["enabled", "interval_s", "params", "due_at"])
    return row


def claim_due_agents(*, now: datetime) -> list[str]:
    """Names of the agents that should run now; two that ask at once share them."""
    # Nothing is due later than that: such a time is from before the clock was set back.
    never = now + timedelta(seconds=LONGEST_S + LONGEST_BACK_OFF_S)
    due = Agent.objects.filter(
        Q(due_at=None) | Q(due_at__lte=now) | Q(due_at__gt=never), enabled=True
    )
    return [
        row.name
        for row in due
        if row.name in agents.AGENTS
        and is_switched_on(agents.get(row.name), settings.ENV)
        and Agent.objects.filter(pk=row.pk, due_at=row.due_at).update(due_at=now + CLAIMED_FOR)
    ]


def run_agent(
    *, name: str, now: datetime, symbol_id: int | None = None, insert: bool = True
) -> AgentResult:
    """One run under the agent's lease, over one symbol or all that the feed follows.

    An error of one symbol is kept and stops none of the others. With `insert` false nothing is
    stored but the run itself. Refuses AgentUnknown, AgentBusy.
    """
    agents.get(name)
    free = Q(lease_until=None) | Q(lease_until__lt=now) | Q(lease_until__gt=now + 2 * LEASE)
    if not Agent.objects.filter(free, name=name).update(lease_until=now + LEASE, heartbeat_at=now):
        queries.agent_row(name)
        raise AgentBusy(f"{name} runs at this moment.")
    row = queries.agent_row(name)
    setup = Setup(
        name, row.enabled, queries.interval_of(row), queries.params_of_agent(name, row.params)
    )
    result = AgentResult(name)
    try:
        if insert:
            store_waiting_findings()
        result = _look_at_all(setup, now, symbol_id, keep=_stored if insert else None)
    except Exception as error:
        result.errors.append(_said(error))
        log.exception("agent.failed", agent=name)
    finally:
        _note_run(row, result, setup.interval_s, now)
    write_setups([setup])
    return result


def run_agents_without_database(*, now: datetime) -> list[str]:
    """Those that are due by what the bus remembers; findings wait there. Their names."""
    ran = []
    for setup in read_setups(due_ms=clock.to_ms(now)):
        if setup.enabled and setup.name in agents.AGENTS:
            _look_at_all(setup, now, None, keep=_set_aside)
            ran.append(setup.name)
    return ran


def _look_at_all(
    setup: Setup, now: datetime, symbol_id: int | None, *, keep: Keep | None
) -> AgentResult:
    """Every followed symbol, each on its own; `keep` takes what was noticed."""
    result = AgentResult(setup.name)
    agent = agents.get(setup.name)
    if agent.needs_bars and not settings.ENV.feature_bars:
        result.resting = "features of bars are off (FEATURE_BARS)"
        return result
    params = agent.validated(setup.params)
    states = _fresh_states(symbol_id, now)
    if not states:
        result.resting = "the feed gives no live prices"
        return result
    rested: list[str] = []
    for pk, state in states.items():
        try:
            seen = agent.look(_look(setup.name, pk, state, now, keep), params)
        except NothingToDo as why:
            rested.append(str(why))
            continue
        except Exception as error:
            result.errors.append(f"{state.name}: {_said(error)}")
            log.warning("agent.look_failed", agent=setup.name, symbol=state.name, exc_info=True)
            continue
        result.looked += 1
        result.notes += [(state.name, note) for note in seen.notes]
        _keep_seen(setup.name, pk, state, seen, now, keep)
    if rested and not result.looked:
        result.resting = rested[0]
    return result


def _keep_seen(
    name: str, pk: int, state: LiveState, seen: Seen, now: datetime, keep: Keep | None
) -> None:
    if keep is None:
        return
    for note in seen.notes:
        keep(name, pk, state, note, now)
    if seen.standing is not None and keep is _stored:
        keep_posture(symbol_id=pk, standing=seen.standing, details=seen.details, now=now)


def _stored(name: str, pk: int, state: LiveState, note: Note, now: datetime) -> None:
    window = window_s(agents.get(name), settings.ENV)
    add_finding(draft=draft_of(name, pk, state, note, now), window_s=window)


def _set_aside(name: str, pk: int, state: LiveState, note: Note, now: datetime) -> None:
    window = window_s(agents.get(name), settings.ENV)
    put_aside(draft=draft_of(name, pk, state, note, now), window_s=window)


def _fresh_states(symbol_id: int | None, now: datetime) -> dict[int, LiveState]:
    """States whose prices are not stale: an agent must not judge by old ones."""
    now_ms = clock.to_ms(now)
    ids: Iterable[int] = live_features.followed_ids(now_ms)
    if symbol_id is not None:
        ids = [symbol_id]
    found = live_features.get_states(ids)
    most: float = settings.ENV.ticker_stale_s
    return {
        pk: state
        for pk, state in found.items()
        if (age_s := state.age_s(now_ms)) is not None and age_s <= most
    }


def _look(name: str, pk: int, state: LiveState, now: datetime, keep: Keep | None) -> Look:
    """Without a database there is neither a standing posture nor an earlier finding to see."""
    stored = keep is not _set_aside
    reads = name == "llm_analyst" and stored
    return Look(
        state=state,
        bars=live_features.get_bars(pk) if agents.get(name).needs_bars else {},
        standing=queries.standing_of(pk) if stored else Standing(),
        findings=queries.noticed(pk, since=now - timedelta(minutes=15)) if reads else (),
        now=now,
        analyst=_analyst() if name == "llm_analyst" else None,
    )


def _analyst() -> Analyst | None:
    """The provider that the setting ANALYST names, a callable without arguments; none yet."""
    path: str = getattr(settings, "ANALYST", "")
    found: Analyst | None = import_string(path)() if path else None
    return found


def _note_run(row: Agent, result: AgentResult, interval_s: float, now: datetime) -> None:
    """Back-off doubles with each failure in a row; a run that went well ends it."""
    failed = bool(result.errors)
    failures = row.failures + 1 if failed else 0
    wait_s = interval_s if not failed else max(interval_s, _back_off_s(interval_s, failures))
    values: dict[str, Any] = {
        "lease_until": None,
        "last_run_at": now,
        "heartbeat_at": now,
        "due_at": now + timedelta(seconds=wait_s),
        "runs": row.runs + 1,
        "failures": failures,
        "note": result.resting[:200],
    }
    if failed:
        values |= {"last_error": result.error, "last_error_at": now}
    else:
        values["last_ok_at"] = now
    values["status"] = _status(failed, result.resting)
    try:
        Agent.objects.filter(pk=row.pk).update(**values)
    except AWAY as error:
        log.warning("agent.run_not_noted", agent=row.name, error=str(error))


def _status(failed: bool, resting: str) -> str:
    if failed:
        return Agent.Status.FAILED
    return Agent.Status.RESTING if resting else Agent.Status.OK


def _back_off_s(interval_s: float, failures: int) -> float:
    return min(LONGEST_BACK_OFF_S, interval_s * 2.0 ** min(failures, 16))


def _said(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"[:200]
