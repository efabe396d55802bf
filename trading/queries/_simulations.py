"""Simulations and their reports."""

from __future__ import annotations

from typing import Any

import orjson
from django.db.models import Q, QuerySet

from strategies.models import StrategyVersion
from trading import artifacts, tear_sheet
from trading.errors import SearchUnknown, SimulationUnfinished, SimulationUnknown
from trading.models import Search, SearchChunk, Simulation, TrialCount


def simulations() -> QuerySet[Simulation]:
    """Newest first, with what lists show."""
    return Simulation.objects.select_related(
        "job", "version__strategy", "baseline", "created_by"
    ).order_by("-id")


def simulation(simulation_id: int) -> Simulation:
    """One simulation, or SimulationUnknown."""
    found = simulations().filter(pk=simulation_id).first()
    if found is None:
        raise SimulationUnknown(f"There is no simulation {simulation_id}.")
    return found


def report_bytes(row: Simulation) -> bytes:
    """The report as it was signed. Refuses SimulationUnfinished; also for a lost file."""
    content = artifacts.read(artifacts.SIMULATIONS, row.report_hash) if row.report_hash else None
    if content is None:
        what = "has lost its report" if row.report_hash else "has no report"
        raise SimulationUnfinished(f"Simulation {row.pk} {what}: {row.job.message.lower()}.")
    return tear_sheet.unpacked(content)


def report_of(row: Simulation) -> dict[str, Any]:
    """The report as data."""
    told: dict[str, Any] = orjson.loads(report_bytes(row))
    return told


def last_verdicts(versions: list[StrategyVersion]) -> dict[int, Simulation]:
    """The newest finished simulation of each version that has one."""
    rows = simulations().filter(version__in=versions).exclude(finished_at=None)
    return {row.version_id: row for row in rows.reverse()}


def newest_between(one: StrategyVersion, other: StrategyVersion) -> Simulation | None:
    """The newest finished simulation of one of the two against the other."""
    pair = Q(version=one, baseline=other) | Q(version=other, baseline=one)
    return simulations().filter(pair).exclude(finished_at=None).first()


def searches() -> QuerySet[Search]:
    """Newest first, with what lists show."""
    return Search.objects.select_related("job", "strategy", "baseline", "candidate").order_by("-id")


def search(search_id: int) -> Search:
    """One search, or SearchUnknown."""
    found = searches().filter(pk=search_id).first()
    if found is None:
        raise SearchUnknown(f"There is no search {search_id}.")
    return found


def trials_found(row: Search) -> list[tuple[dict[str, float], float | None]]:
    """(values of what varies, score) of each try so far, in the order of the search."""
    chunks = SearchChunk.objects.filter(search=row, done=True).order_by("number")
    found = chunks.values_list("found", flat=True)
    return [(values, score) for each in found for values, score in each.get("all", [])]


def trial_count(strategy: str) -> int:
    """How many parameter sets a strategy was ever tried with."""
    row = TrialCount.objects.filter(strategy__name=strategy).first()
    return row.n if row else 0


def newest_search(strategy: str) -> Search:
    """The newest search of a strategy that has found something, or SearchUnknown."""
    rows = searches().filter(strategy__name=strategy).exclude(best=[])
    found = rows.first()
    if found is None:
        raise SearchUnknown(f"No search of {strategy} has found anything.")
    return found


def simulation_of(row: Search) -> Simulation | None:
    """The newest simulation of what a search proposed."""
    return simulations().filter(version_id=row.candidate_id).first() if row.candidate_id else None
