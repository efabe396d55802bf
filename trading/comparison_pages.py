"""Two simulations side by side: what differs in their results, and in what they rest on."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from http import HTTPStatus
from typing import Any

from config.pages import whole_number
from config.refusals import Refusal
from strategies import queries as strategy_queries
from strategies.queries import ParamChange
from trading import pictures, queries
from trading.knobs import Knobs
from trading.metrics import HIGHER_IS_BETTER, LOWER_IS_BETTER
from trading.models import Simulation
from trading.tear_sheet import instant

COLOURS = ("RED", "AMBER", "GREEN")
Report = dict[str, Any]
Point = Sequence[float]


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two, with its report; `name` is A or B."""

    name: str
    row: Simulation
    report: Report

    @property
    def title(self) -> str:
        version = self.row.version
        return f"{version.strategy.title} v{version.number}"


@dataclass(frozen=True, slots=True)
class MetricPair:
    """A metric of both; `better` is A, B or "" where nothing is better in itself."""

    metric: dict[str, Any]
    a: float | None
    b: float | None
    better: str

    @property
    def difference(self) -> float | None:
        """B less A."""
        return None if self.a is None or self.b is None else self.b - self.a

    @property
    def size(self) -> float | None:
        return None if self.difference is None else abs(self.difference)


@dataclass(frozen=True, slots=True)
class CheckPair:
    """What a check said of each; None where one of them was not asked."""

    title: str
    a: dict[str, Any] | None
    b: dict[str, Any] | None
    better: str


def comparison(params: Mapping[str, str]) -> dict[str, Any]:
    """The two of `?a=` and `?b=`; with `problem` and `status` where that is not possible."""
    ids = [whole_number(params, name) for name in ("a", "b")]
    if None in ids:
        status = 422 if {"a", "b"} & params.keys() else 200
        return _problem("Tick two simulations in the list, then press Compare.", status)
    if ids[0] == ids[1]:
        return _problem("Choose two different simulations: these are one and the same.", 422)
    try:
        a, b = (_side(name, number or 0) for name, number in zip("AB", ids, strict=True))
    except Refusal as refusal:
        return _problem(refusal.detail, refusal.status)
    return {
        "a": a,
        "b": b,
        "sides": [a, b],
        "warnings": warnings(a, b),
        "metrics": cache(partial(_metrics, a, b)),
        "checks": cache(partial(_checks, a, b)),
        "params": cache(partial(_params, a, b)),
        "equity": cache(partial(_equity, a, b)),
        "falls": cache(partial(_falls, a, b)),
        "status": HTTPStatus.OK,
    }


def picked(ids: list[str]) -> dict[str, Any]:
    """What to answer when not exactly two boxes were ticked."""
    ticked = "one was" if len(ids) == 1 else f"{len(ids)} were"
    return _problem(f"Two simulations are compared at a time; {ticked} ticked.", 422)


def warnings(a: Side, b: Side) -> list[str]:
    """Why the two are not to be compared number by number; empty if only parameters differ."""
    return [*_stretch_warnings(a.report, b.report), *_cost_warnings(a, b), *_hash_warnings(a, b)]


def better_of(name: str, a: float | None, b: float | None) -> str:
    """A, B, or "" where they are equal, unknown, or neither more nor less is better."""
    if a is None or b is None or a == b or name not in HIGHER_IS_BETTER | LOWER_IS_BETTER:
        return ""
    return "A" if (a > b) == (name in HIGHER_IS_BETTER) else "B"


def _problem(text: str, status: int) -> dict[str, Any]:
    return {"problem": text, "status": status}


def _side(name: str, simulation_id: int) -> Side:
    row = queries.simulation(simulation_id)
    return Side(name, row, queries.report_of(row))


def _stretch_warnings(a: Report, b: Report) -> list[str]:
    found = []
    if a["symbols"] != b["symbols"]:
        found.append(f"Symbols: {', '.join(a['symbols'])} against {', '.join(b['symbols'])}.")
    if a["timeframe"] != b["timeframe"]:
        found.append(f"Timeframe: {a['timeframe']} against {b['timeframe']}.")
    if (a["from_ms"], a["to_ms"]) != (b["from_ms"], b["to_ms"]):
        spans = [f"{instant(one['from_ms'])} to {instant(one['to_ms'])}" for one in (a, b)]
        found.append(f"Stretch: {spans[0]} against {spans[1]}, UTC.")
    if a["split_ms"] != b["split_ms"]:
        splits = [instant(one["split_ms"]) for one in (a, b)]
        found.append(f"Out of sample begins: {splits[0]} against {splits[1]}, UTC.")
    return found


def _cost_warnings(a: Side, b: Side) -> list[str]:
    found = []
    if a.row.fill_at != b.row.fill_at:
        fills = [side.row.get_fill_at_display().lower() for side in (a, b)]
        found.append(f"Orders fill at: {fills[0]} against {fills[1]}.")
    if a.row.starting_cash != b.row.starting_cash:
        cash = [f"{side.row.starting_cash:,f}" for side in (a, b)]
        found.append(f"Starting cash: {cash[0]} against {cash[1]}; amounts of money are not alike.")
    for name in sorted({*a.row.knobs, *b.row.knobs}):
        values = [side.row.knobs.get(name, "-") for side in (a, b)]
        if values[0] != values[1]:
            known = Knobs.model_fields.get(name)
            words = known.title if known and known.title else name
            found.append(f"{words}: {values[0]} against {values[1]}.")
    return found


def _hash_warnings(a: Side, b: Side) -> list[str]:
    """What the certificates say: same names for other content."""
    one, other = a.row.certificate["hashes"], b.row.certificate["hashes"]
    changed = {name for name in one.keys() & other.keys() if one[name] != other[name]}
    same_stretch = not _stretch_warnings(a.report, b.report)
    found = [
        f"The {name} differ: they were stored again between the two runs."
        for name in sorted(changed)
        if name.startswith("candles of") and same_stretch
    ]
    if "engine" in changed or a.report["metrics_version"] != b.report["metrics_version"]:
        found.append("They were made by different versions of the engine or the metrics.")
    if "thresholds" in changed:
        found.append("They were judged by different thresholds.")
    if "strategy" in changed and a.report["strategy"] == b.report["strategy"]:
        found.append("The strategy's code has changed between the two runs.")
    return found


def _metrics(a: Side, b: Side) -> list[MetricPair]:
    other = {one["name"]: one["value"] for one in b.report["candidate"]["metrics"]["whole"]}
    return [
        MetricPair(
            metric=metric,
            a=metric["value"],
            b=other.get(metric["name"]),
            better=better_of(metric["name"], metric["value"], other.get(metric["name"])),
        )
        for metric in a.report["candidate"]["metrics"]["whole"]
    ]


def _checks(a: Side, b: Side) -> list[CheckPair]:
    """The reasons of both verdicts, those of A first."""
    sides = [{one["code"]: one for one in side.report["verdict"]["reasons"]} for side in (a, b)]
    return [
        CheckPair(
            title=(sides[0].get(code) or sides[1][code])["title"],
            a=sides[0].get(code),
            b=sides[1].get(code),
            better=_greener(sides[0].get(code), sides[1].get(code)),
        )
        for code in {**sides[0], **sides[1]}
    ]


def _greener(a: dict[str, Any] | None, b: dict[str, Any] | None) -> str:
    if a is None or b is None or a["colour"] == b["colour"]:
        return ""
    return "A" if COLOURS.index(a["colour"]) > COLOURS.index(b["colour"]) else "B"


def _params(a: Side, b: Side) -> list[ParamChange]:
    if a.report["strategy"] == b.report["strategy"]:
        return strategy_queries.version_diff(a.row.version, b.row.version)
    one, other = a.report["params"], b.report["params"]
    names = sorted({*one, *other})
    return [
        ParamChange(name, name.replace("_", " ").capitalize(), "", one.get(name), other.get(name))
        for name in names
        if one.get(name) != other.get(name)
    ]


def _equity(a: Side, b: Side) -> pictures.Picture | None:
    """As growth from the start, so that different amounts of cash lie over each other."""
    return _curves(a, b, form="{:+.0%}", value=lambda point, first: point[1] / first - 1)


def _falls(a: Side, b: Side) -> pictures.Picture | None:
    return _curves(a, b, form="{:.0%}", height=120, value=lambda point, first: -point[2])


def _curves(
    a: Side, b: Side, *, form: str, value: Callable[[Point, float], float], height: int = 260
) -> pictures.Picture | None:
    def points(side: Side) -> list[Point]:
        curve = side.report["candidate"]["equity"]
        return [(point[0], value(point, curve[0][1])) for point in curve]

    split = a.report["split_ms"]
    return pictures.curves(
        [
            (f"side-{side.name.lower()}", f"{side.name}: {side.title}", points(side))
            for side in (b, a)
        ],
        height=height,
        split_ms=split if split == b.report["split_ms"] else None,
        form=form,
    )
