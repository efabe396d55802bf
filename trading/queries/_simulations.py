"""Simulations and their reports."""

from __future__ import annotations

from typing import Any

import orjson
from django.db.models import QuerySet

from strategies.models import StrategyVersion
from trading import artifacts, tear_sheet
from trading.errors import SimulationUnfinished, SimulationUnknown
from trading.models import Simulation


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
