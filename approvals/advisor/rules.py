"""The advisor that needs no model: small steps that follow from metrics and from slippage. Pure.

Each finds one thing that is wrong and turns what can mend it by less than the gate allows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from approvals.advisor.gate import RISK_PARAMS, Bound

FEW_TRADES = 10
WHIPSAW_WINS = 0.4
DEEP_DRAWDOWN = 0.2
COSTLY = 0.3  # fees and slippage against what the moves gave
SLIPPAGE_ANOMALY = 2.0  # times what is assumed
# What makes a strategy act less often when it grows; the rest of its parameters are left alone.
CALMING = ("buffer", "fast", "slow", "period", "patience", "atr_period")


@dataclass(frozen=True, slots=True)
class Idea:
    """A step and why, in the words of an answer."""

    params: Mapping[str, int | float]
    rationale: str
    risk: str
    effect: str
    confidence: float


@dataclass(frozen=True, slots=True)
class Seen:
    """What rules look at: metrics in sample by name, what fills cost live and as assumed."""

    metrics: Mapping[str, float | None]
    bounds: Mapping[str, Bound]
    fill_bps: float | None = None
    assumed_bps: float | None = None


def ideas(seen: Seen) -> list[Idea]:
    """Steps worth a try, the most urgent first; [] when nothing is wrong."""
    found: list[Idea] = []
    for rule in _RULES:
        for idea in rule(seen):
            if idea.params not in [other.params for other in found]:
                found.append(idea)
    return found


def answer(idea: Idea, *, base_version: int, bounds: Mapping[str, Bound]) -> dict[str, Any]:
    """The idea as the gate reads answers."""
    return {
        "schema_version": 1,
        "base_version": base_version,
        "deltas": [
            {"param": name, "from": _number(bounds[name], bounds[name].current), "to": value}
            for name, value in idea.params.items()
        ],
        "rationale": idea.rationale,
        "confidence": idea.confidence,
        "risks": [idea.risk],
        "expected_effect": idea.effect,
    }


def _slippage(seen: Seen) -> Iterator[Idea]:
    if not seen.fill_bps or not seen.assumed_bps:
        return
    if seen.fill_bps > SLIPPAGE_ANOMALY * seen.assumed_bps:
        why = "Fills cost more than twice what is assumed: trading less often loses less to it."
        yield from _calmer(seen, why, 0.5)


def _costs(seen: Seen) -> Iterator[Idea]:
    costs = (seen.metrics.get("fees") or 0.0) + (seen.metrics.get("slippage") or 0.0)
    each, trades = seen.metrics.get("expectancy"), seen.metrics.get("trades")
    if each is None or not trades or costs <= 0:
        return
    before_costs = each * trades + costs
    if costs > COSTLY * before_costs:
        why = "Fees and slippage take a large part of what the moves gave, or all of it."
        yield from _calmer(seen, why, 0.4)


def _whipsaws(seen: Seen) -> Iterator[Idea]:
    wins, trades = seen.metrics.get("win_rate"), seen.metrics.get("trades") or 0
    if wins is not None and wins < WHIPSAW_WINS and trades >= FEW_TRADES:
        why = "Most trades lose: entries follow noise, and slower averages follow less of it."
        yield from _calmer(seen, why, 0.4)


def _drawdown(seen: Seen) -> Iterator[Idea]:
    depth = seen.metrics.get("max_drawdown")
    if depth is None or depth < DEEP_DRAWDOWN:
        return
    for name in sorted(RISK_PARAMS & set(seen.bounds)):
        if name != "take_profit":
            yield from _moved(
                seen,
                [name],
                -1,
                "The equity fell deeply from its peak: a closer stop ends losing trades sooner.",
                "Stops that are too close sell what would have recovered.",
                "Smaller falls from the peak.",
                0.4,
            )


def _idle(seen: Seen) -> Iterator[Idea]:
    trades = seen.metrics.get("trades")
    if trades is not None and trades < FEW_TRADES:
        for names in _groups(seen):
            yield from _moved(
                seen,
                names,
                -1,
                "There are too few trades to learn from: faster settings act more often.",
                "More of the trades follow noise.",
                "More trades.",
                0.3,
            )


def _calmer(seen: Seen, why: str, confidence: float) -> Iterator[Idea]:
    for names in _groups(seen):
        yield from _moved(
            seen,
            names,
            +1,
            why,
            "Entries come later, and short moves are missed.",
            "Fewer and longer trades.",
            confidence,
        )


def _groups(seen: Seen) -> Iterator[list[str]]:
    """Parameters that belong together first, then each alone."""
    present = [name for name in CALMING if name in seen.bounds]
    if {"fast", "slow"} <= set(present):
        yield ["fast", "slow"]
    yield from ([name] for name in present)


def _moved(
    seen: Seen,
    names: Sequence[str],
    way: int,
    why: str,
    risk: str,
    effect: str,
    confidence: float,
) -> Iterator[Idea]:
    moved = {name: _step(seen.bounds[name], way) for name in names}
    if None in moved.values():
        return
    params = {name: value for name, value in moved.items() if value is not None}
    yield Idea(params, why, risk, effect, confidence)


def _step(bound: Bound, way: int) -> int | float | None:
    """As far as the gate lets it go on the grid and inside the bounds; None for nowhere."""
    most = abs(bound.current) * bound.most_step
    steps = most // bound.step
    wanted = bound.current + way * steps * bound.step
    wanted = min(max(wanted, bound.low), bound.high)
    wanted = bound.low + (wanted - bound.low) // bound.step * bound.step
    return None if wanted == bound.current else _number(bound, wanted)


def _number(bound: Bound, value: Decimal) -> int | float:
    return int(value) if bound.whole else float(value)


_RULES: tuple[Callable[[Seen], Iterator[Idea]], ...] = (
    _slippage,
    _drawdown,
    _whipsaws,
    _costs,
    _idle,
)
