"""Whether a simulation still proves something: the same data, code and baseline, and not old."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from strategies import queries as strategy_queries
from strategies import registry
from strategies.hashing import code_hash
from strategies.models import StrategyVersion
from trading import tear_sheet
from trading.errors import NothingStored
from trading.models import Simulation
from trading.services.research._simulations import thresholds
from trading.services.research._stretches import stage_of
from trading.simulation.certificate import engine_hash

EVIDENCE_LASTS = timedelta(hours=24)


def evidence_reasons(simulation: Simulation, *, now: datetime, with_data: bool = True) -> list[str]:
    """Why a simulation is no evidence for an activation now; [] when it is.

    `with_data` reads its candles again and compares their hash: exact, but slower.
    """
    if simulation.finished_at is None or not simulation.report_hash:
        return [f"Simulation {simulation.pk} has not finished."]
    reasons = [*_unlike(simulation), *_aged(simulation, now), *_changed_code(simulation)]
    return [*reasons, *(_changed_data(simulation) if with_data else ())]


def dataset_digest(simulation: Simulation) -> str:
    """One hash over all candles that a simulation read, from its certificate."""
    hashes = simulation.certificate.get("hashes", {})
    named = {key: value for key, value in hashes.items() if key.startswith("candles of ")}
    return tear_sheet.digest(repr(sorted(named.items())).encode())


def _unlike(simulation: Simulation) -> Iterator[str]:
    baseline = simulation.baseline
    if simulation.fill_at != Simulation.FillAt.NEXT_OPEN:
        yield "It fills at the close that decided: optimistic."
    if baseline is None:
        yield "It has no baseline to compare with."
    elif baseline.state != StrategyVersion.State.ACTIVE:
        yield f"Its baseline v{baseline.number} is not the active version."


def _aged(simulation: Simulation, now: datetime) -> Iterator[str]:
    done = simulation.finished_at or now
    if abs(now - done) > EVIDENCE_LASTS:
        hours = int(EVIDENCE_LASTS.total_seconds() // 3600)
        yield f"It is older than {hours} hours: simulate again."


def _changed_code(simulation: Simulation) -> Iterator[str]:
    hashes = simulation.certificate.get("hashes", {})
    strategy = registry.get(simulation.version.strategy.name)
    today = {
        "strategy": code_hash(strategy),
        "engine": engine_hash(),
        "parameters": simulation.version.params_hash,
        "thresholds": tear_sheet.digest(repr(thresholds()).encode()),
    }
    for name, value in today.items():
        if value != hashes.get(name):
            yield f"The {name} changed since: simulate again."
    if simulation.version.code_hash != today["strategy"]:
        yield "The version was made with other code than is installed."


def _changed_data(simulation: Simulation) -> Iterator[str]:
    hashes: dict[str, Any] = simulation.certificate.get("hashes", {})
    versions = [row for row in (simulation.version, simulation.baseline) if row is not None]
    try:
        stage = stage_of(
            simulation,
            registry.get(simulation.version.strategy.name),
            params=[strategy_queries.params_of(row) for row in versions],
            fill_at="next_open",
        )
    except NothingStored as refusal:
        yield refusal.detail
        return
    for name, digest in stage.datasets().items():
        if digest != hashes.get(f"candles of {name}"):
            yield f"The candles of {name} changed since: simulate again."
    for name, digest in stage.filter_hashes().items():
        if digest != hashes.get(f"rules of {name}"):
            yield f"The exchange's rules of {name} changed since: simulate again."
