"""What the pages of searches show; gathered here so that the views stay doors."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache, partial
from typing import Any

from strategies import registry
from trading import metrics, pictures, queries
from trading.models import Job, Search, Simulation
from trading.pictures import Heat, HeatAxis

PARTS = ("search-state", "search-heat", "search-results")
SHOWN = 25  # of the best
OPEN = (Job.Status.QUEUED, Job.Status.RUNNING)


def search_page(search_id: int, params: Mapping[str, str]) -> dict[str, Any]:
    """One search, read only as far as the template asks for it; refuses SearchUnknown."""
    row = queries.search(search_id)
    axes = axes_of(row)
    chosen = chosen_axes(row, axes, params)
    form = form_of(objective_of(row).unit)
    trials = cache(partial(queries.trials_found, row))
    return {
        "search": row,
        "runs": row.job.status in OPEN,
        "may_resume": row.job.status not in OPEN and row.finished_at is None,
        "objective": objective_of(row),
        "varied": axes,
        "x": chosen[0] if chosen else None,
        "y": chosen[1] if len(chosen) > 1 else None,
        "heat": cache(partial(_heat, trials, chosen, form)),
        "dots": cache(lambda: pictures.dots([score for _, score in trials()], form=form)),
        "best": best_rows(row, axes),
        "trial_count": cache(partial(queries.trial_count, row.strategy.name)),
        "chunks": cache(partial(_chunks, row)),
        "proposed": cache(partial(_proposed, row)),
    }


def objective_of(row: Search) -> metrics.Definition:
    """The metric that decides."""
    return metrics.DEFINITIONS[row.objective]


def axes_of(row: Search) -> list[HeatAxis]:
    """What varies, with the strategy's own titles."""
    strategy = registry.STRATEGIES.get(row.strategy.name)
    properties = strategy.schema()["properties"] if strategy else {}
    return [
        HeatAxis(name, properties.get(name, {}).get("title", name), axis["values"])
        for name, axis in row.space.items()
    ]


def chosen_axes(row: Search, axes: list[HeatAxis], params: Mapping[str, str]) -> list[HeatAxis]:
    """`?x=` and `?y=`; else the first two that have more than one value."""
    by_name = {axis.name: axis for axis in axes}
    useful = [axis for axis in axes if len(axis.values) > 1] or axes
    x = by_name.get(params.get("x", ""), useful[0] if useful else None)
    if x is None:
        return []
    others = [axis for axis in useful if axis != x]
    y = by_name.get(params.get("y", ""))
    if y is None or y == x:
        y = others[0] if others else None
    return [x, y] if y else [x]


def best_rows(row: Search, axes: list[HeatAxis]) -> list[dict[str, Any]]:
    """The best tries with the values of what varies, in the order of the axes."""
    return [
        {**found, "values_shown": [found["params"].get(axis.name) for axis in axes]}
        for found in row.best[:SHOWN]
    ]


def trials_csv(search_id: int) -> tuple[str, list[str], Iterable[Iterable[object]]]:
    """(file name, header, rows) of every try of a search; refuses SearchUnknown."""
    row = queries.search(search_id)
    names = list(row.space)
    rows = (
        [number, *(values.get(name) for name in names), score]
        for number, (values, score) in enumerate(queries.trials_found(row), start=1)
    )
    return f"search-{row.pk}-trials.csv", ["try", *names, row.objective], rows


def _heat(trials: Any, chosen: list[HeatAxis], form: str) -> Heat | None:
    if not chosen:
        return None
    return pictures.heat(trials(), chosen[0], chosen[1] if len(chosen) > 1 else None, form=form)


def form_of(unit: str) -> str:
    """How a score of this unit is written in a picture."""
    return "{:,.1%}" if unit.startswith("fraction") else "{:,.2f}"


def _chunks(row: Search) -> dict[str, int]:
    chunks = row.chunks.all()
    return {"all": chunks.count(), "done": chunks.filter(done=True).count()}


def _proposed(row: Search) -> dict[str, Any] | None:
    """The simulation of the candidate, with its checks once it has ended."""
    simulation: Simulation | None = queries.simulation_of(row)
    if simulation is None:
        return None
    reasons = queries.report_of(simulation)["verdict"]["reasons"] if simulation.verdict else []
    return {"simulation": simulation, "reasons": reasons}
