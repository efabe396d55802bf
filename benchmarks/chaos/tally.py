"""The table of a run, by kind of fault, and the same for machines."""

from __future__ import annotations

import statistics
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from benchmarks.chaos.evidence import CALM, Books, Decision, Truth
from benchmarks.chaos.judge import Finding, Wrong

LOST = (Wrong.LOST_ORDER, Wrong.LOST_FILL)
OTHER = (Wrong.LATE_CLAIM, Wrong.UNSETTLED, Wrong.CONTRADICTED, Wrong.AUDIT)
HEAD = ("fault", "times", "decisions", "orders", "duplicates", "lost", "drift", "other")
WIDE = "{:<24}" + "{:>11}" * 7 + "{:>10}{:>8}"


@dataclass(frozen=True, slots=True)
class Episode:
    """One injection; None: nothing went through any more while we waited."""

    kind: str
    is_kill: bool
    hit_s: float
    over_s: float
    recovery_s: float | None


@dataclass(slots=True)
class Row:
    """One kind of fault."""

    fault: str
    times: int = 0
    decisions: int = 0
    orders: int = 0
    duplicates: int = 0
    lost: int = 0
    drift: int = 0
    other: int = 0
    recoveries_s: list[float] = field(default_factory=list)

    @property
    def recovery_p50_s(self) -> float | None:
        return statistics.median(self.recoveries_s) if self.recoveries_s else None

    @property
    def recovery_max_s(self) -> float | None:
        return max(self.recoveries_s, default=None)


def rows_of(
    truth: Truth,
    books: Books,
    decisions: Sequence[Decision],
    findings: Sequence[Finding],
    episodes: Sequence[Episode],
) -> list[Row]:
    """One row for each kind that came, then calm, bots, and all of it.

    A decision counts for the fault during which it was made, until the console had recovered.
    What is about no single order counts in the total only.
    """
    rows: dict[str, Row] = {}

    def row(kind: str) -> Row:
        return rows.setdefault(kind, Row(kind))

    for episode in episodes:
        one = row(episode.kind)
        one.times += 1
        if episode.recovery_s is not None:
            one.recoveries_s.append(episode.recovery_s)
    kind_of = _kinds(books, decisions, truth)
    for decision in decisions:
        row(decision.kind).decisions += not decision.refused
    for order in truth.orders:
        row(kind_of[order.client_id]).orders += 1
    for finding in findings:
        if finding.client_id:
            _count(row(kind_of[finding.client_id]), finding)
    listed = [
        *(name for name in rows if name not in LAST),
        *(name for name in LAST if name in rows),
    ]
    return [*(rows[name] for name in listed), _total(rows.values(), findings)]


BOTS, STRANGE = "bots' own orders", "of nobody"
LAST = (CALM, BOTS, STRANGE)


def _kinds(books: Books, decisions: Sequence[Decision], truth: Truth) -> Mapping[str, str]:
    """Client id -> kind, by its decision's answers or else by its quantity."""
    kind_of: dict[str, str] = defaultdict(lambda: STRANGE)
    kind_of |= {order.client_id: BOTS for order in books.orders if order.by_bot}
    by_qty = {(one.symbol, one.side, one.qty): one.kind for one in decisions}
    found = {one.client_id: (one.symbol, one.side, one.qty) for one in books.orders}
    found |= {one.client_id: (one.symbol, one.side, one.qty) for one in truth.orders}
    for client_id, what in found.items():
        if what in by_qty and kind_of.get(client_id) != BOTS:
            kind_of[client_id] = by_qty[what]
    for decision in decisions:
        kind_of |= dict.fromkeys(decision.client_ids, decision.kind)
    return kind_of


def _count(row: Row, finding: Finding) -> None:
    row.duplicates += finding.wrong is Wrong.DUPLICATE
    row.lost += finding.wrong in LOST
    row.drift += finding.wrong is Wrong.DRIFT
    row.other += finding.wrong in OTHER


def _total(rows: Iterable[Row], findings: Sequence[Finding]) -> Row:
    total = Row("all")
    for row in rows:
        total.times += row.times
        total.decisions += row.decisions
        total.orders += row.orders
        total.recoveries_s += row.recoveries_s
    for finding in findings:
        _count(total, finding)
    return total


def table(rows: Sequence[Row]) -> str:
    lines = [WIDE.format(*HEAD, "p50 s", "max s")]
    for row in rows:
        counts = [row.times, row.decisions, row.orders, row.duplicates, row.lost, row.drift]
        times = (_seconds(row.recovery_p50_s), _seconds(row.recovery_max_s))
        lines.append(WIDE.format(row.fault, *counts, row.other, *times))
    return "\n".join(lines)


def _seconds(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f}"


def as_json(rows: Sequence[Row]) -> list[dict[str, Any]]:
    return [
        {
            **asdict(row),
            "recovery_p50_s": row.recovery_p50_s,
            "recovery_max_s": row.recovery_max_s,
        }
        for row in rows
    ]


def facts_of(truth: Truth, books: Books, decisions: Sequence[Decision]) -> dict[str, Any]:
    """Numbers beside the table."""
    took = sorted(
        one.done_s - one.made_s for one in decisions if one.done_s is not None and not one.refused
    )
    return {
        "decisions": sum(not one.refused for one in decisions),
        "decisions_refused": sum(bool(one.refused) for one in decisions),
        "orders_at_exchange": len(truth.orders),
        "orders_in_books": len(books.orders),
        "orders_of_bots": sum(order.by_bot for order in books.orders),
        "fills": len(truth.fills),
        "orders_by_status": dict(Counter(order.status for order in books.orders)),
        "requests_to_place_spoiled": dict(Counter(truth.faults.values())),
        "decided_to_ended_p50_s": round(took[len(took) // 2], 2) if took else None,
        "decided_to_ended_p95_s": round(took[int(len(took) * 0.95)], 2) if took else None,
        "emergency_stops": sum(e.action == "system.emergency_stopped" for e in books.events),
        "reconciliations": books.cycles,
    }
