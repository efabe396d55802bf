"""What the pages of versions show: two side by side, and all of them as a file."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from config.pages import whole_number
from config.rendering import instant
from strategies import queries as strategy_queries
from strategies import registry
from strategies.errors import StrategyUnknown
from strategies.models import StrategyVersion
from trading import queries
from trading.comparison_pages import better_of, comparison
from trading.errors import SimulationUnfinished
from trading.models import Bot, Simulation
from trading.simulation_pages import metric_rows

SHOWN = (
    "total_return",
    "cagr",
    "sharpe",
    "sortino",
    "max_drawdown",
    "win_rate",
    "profit_factor",
    "trades",
    "exposure",
    "turnover",
    "fees",
    "composite",
)


@dataclass(frozen=True, slots=True)
class ParamPair:
    """A parameter of two versions."""

    name: str
    title: str
    unit: str
    help: str
    before: Any
    after: Any

    @property
    def differs(self) -> bool:
        return bool(self.before != self.after)


@dataclass(frozen=True, slots=True)
class MetricPair:
    """A metric of two versions; `better` is A, B or ""."""

    title: str
    unit: str
    formula: str
    before: float | None
    after: float | None
    better: str


def comparison_of(name: str, params: Mapping[str, str]) -> dict[str, Any]:
    """`?before=` beside `?after=`: all parameters, and the newest evidence there is of both.

    Without numbers the active version is held against the newest. Refuses VersionUnknown.
    """
    row = strategy_queries.strategy_named(name)
    versions = list(strategy_queries.versions_of(name).order_by("-number"))
    active = next((one for one in versions if one.state == StrategyVersion.State.ACTIVE), None)
    before = _chosen(name, params, "before") or active or versions[-1]
    after = _chosen(name, params, "after") or versions[0]
    pairs = param_pairs(before, after)
    return {
        "strategy": row,
        "versions": versions,
        "before": before,
        "after": after,
        "both": (before, after),
        "pairs": pairs,
        "differing": sum(pair.differs for pair in pairs),
        "evidence": evidence_of(before, after),
    }


def _chosen(name: str, params: Mapping[str, str], key: str) -> StrategyVersion | None:
    number = whole_number(params, key)
    return None if number is None else strategy_queries.version_numbered(name, number)


def param_pairs(before: StrategyVersion, after: StrategyVersion) -> list[ParamPair]:
    """Every parameter of both, in the order of the form; those that are gone last."""
    properties = properties_of(after.strategy.name)
    names = [*properties, *(name for name in before.params if name not in properties)]
    return [
        ParamPair(
            name=name,
            title=properties.get(name, {}).get("title", name),
            unit=properties.get(name, {}).get("unit", ""),
            help=properties.get(name, {}).get("description", ""),
            before=before.params.get(name),
            after=after.params.get(name),
        )
        for name in names
    ]


def properties_of(strategy: str) -> dict[str, Any]:
    """The schema's; {} when the code is gone."""
    try:
        return dict(registry.get(strategy).schema()["properties"])
    except StrategyUnknown:
        return {}


def evidence_of(before: StrategyVersion, after: StrategyVersion) -> dict[str, Any]:
    """Metrics of both. Best from one simulation of the one against the other: the same candles
    and costs; else from the newest of each, with what else differs between those.
    """
    if before == after:
        return {"problem": "This is one and the same version."}
    one = queries.newest_between(before, after)
    try:
        if one is not None:
            return _from_one(one, before)
        found = queries.last_verdicts([before, after])
        missing = [f"v{row.number}" for row in (before, after) if row.pk not in found]
        if missing:
            return {"problem": f"There is no finished simulation of {' and '.join(missing)}."}
        return _from_two(found[before.pk], found[after.pk])
    except (SimulationUnfinished, KeyError):
        return {"problem": "A report of theirs is not there any more: simulate them again."}


def _from_one(row: Simulation, before: StrategyVersion) -> dict[str, Any]:
    turned = row.version_id == before.pk
    pairs = []
    for metric in metric_rows(queries.report_of(row)):
        sides = [metric["baseline"], metric["value"]]
        a, b = reversed(sides) if turned else sides
        pairs.append(_pair(metric, a, b))
    return {"simulation": row, "metrics": _shown(pairs)}


def _from_two(a: Simulation, b: Simulation) -> dict[str, Any]:
    told = comparison({"a": str(a.pk), "b": str(b.pk)})
    if "problem" in told:
        return {"problem": told["problem"]}
    pairs = [_pair(pair.metric, pair.a, pair.b) for pair in told["metrics"]()]
    return {"sides": (a, b), "warnings": told["warnings"], "metrics": _shown(pairs)}


def _pair(metric: dict[str, Any], a: float | None, b: float | None) -> tuple[str, MetricPair]:
    name = metric["name"]
    better = better_of(name, a, b)
    return name, MetricPair(metric["title"], metric["unit"], metric["formula"], a, b, better)


def _shown(pairs: Iterable[tuple[str, MetricPair]]) -> list[MetricPair]:
    named = dict(pairs)
    return [named[name] for name in SHOWN if name in named]


def versions_table(name: str) -> tuple[list[str], list[list[Any]]]:
    """(header, rows) of all versions, the newest first; parameters are columns at the end."""
    versions = list(strategy_queries.versions_of(name).order_by("-number"))
    verdicts = queries.last_verdicts(versions)
    using: dict[int, int] = {}
    for pk in Bot.objects.filter(version__in=versions).values_list("version_id", flat=True):
        using[pk] = using.get(pk, 0) + 1
    params = list(
        dict.fromkeys([*properties_of(name), *(k for one in versions for k in one.params)])
    )
    rows = []
    for one in versions:
        judged = verdicts.get(one.pk)
        rows.append(
            [
                one.number,
                one.state,
                one.note,
                one.created_by.get_username() if one.created_by else None,
                instant(one.created_at),
                judged.pk if judged else None,
                judged.verdict if judged else None,
                using.get(one.pk, 0),
                one.params_hash,
                one.code_hash,
                *(one.params.get(key) for key in params),
            ]
        )
    return [*COLUMNS, *params], rows


COLUMNS = (
    "number",
    "state",
    "note",
    "made_by",
    "made_at",
    "simulation",
    "verdict",
    "bots",
    "params_hash",
    "code_hash",
)


def versions_data(name: str) -> dict[str, Any]:
    """The same as data."""
    header, rows = versions_table(name)
    many = len(COLUMNS)
    versions = [
        {
            **dict(zip(COLUMNS, row, strict=False)),
            "params": dict(zip(header[many:], row[many:], strict=True)),
        }
        for row in rows
    ]
    return {"strategy": name, "versions": versions}
