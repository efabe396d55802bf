"""What the pages of reconciliation show: accounts with a picture of their cycles, incidents."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from config.templatetags.console import shown
from trading import queries
from trading.models import AuditEvent, Incident, ReconcileRun
from trading.queries import AccountBooks

CELL, GAP = 6, 2  # of the picture, in its own units
STRIP_HEIGHT = 28
HEIGHTS = {"CLEAN": 12, "DIFFERENT": 28, "ABORTED": 20}
Kind = Incident.Kind
MEANINGS: Mapping[str, str] = {
    Kind.ORPHAN: (
        "An order with our mark works at the exchange, but no row of ours knows it: as after a "
        "restored backup, or with a second console on the same key."
    ),
    Kind.ORDER_STATE: (
        "We hold that this order has ended, but it works at the exchange and may still fill."
    ),
    Kind.ORDER_MISSING: "We hold that this order works, but the exchange doesn't know it.",
    Kind.FILLS: "More or less of this order was filled there than is booked here.",
    Kind.BALANCE: (
        "The account holds more or less of this asset than its first balance and everything that "
        "was booked since: as after a deposit, a withdrawal, or a trade by hand."
    ),
}
ADVICE: Mapping[str, str] = {
    Kind.ORPHAN: (
        "Cancel it there, or let it fill and acknowledge the balance that comes of it. "
        "Acknowledging leaves the order as it is."
    ),
    Kind.ORDER_STATE: "Cancel it there. Acknowledging leaves both sides as they are.",
    Kind.ORDER_MISSING: (
        "Look at the order history of the exchange first. Acknowledging ends the order here as "
        "canceled."
    ),
    Kind.FILLS: (
        "Compare the fills below with the exchange's. Acknowledging leaves the books as they are."
    ),
    Kind.BALANCE: (
        "Find out where it came from or went. Acknowledging books the difference as a transfer "
        "from outside, so that the next cycle agrees."
    ),
}


@dataclass(frozen=True, slots=True)
class Cell:
    """One cycle of the picture; `tone` is a CSS class."""

    x: int
    y: int
    width: int
    height: int
    tone: str
    title: str


@dataclass(frozen=True, slots=True)
class Strip:
    """The newest cycles as columns, the newest at the right; a tall one is no agreement."""

    cells: list[Cell]
    width: int
    height: int
    label: str


@dataclass(frozen=True, slots=True)
class AccountRow:
    """An account with its picture, and the word that sums it up."""

    books: AccountBooks
    strip: Strip | None
    word: str
    tone: str


@dataclass(frozen=True, slots=True)
class Evidence:
    """What was told: single facts, and rows of orders or fills under a title."""

    facts: list[tuple[str, str]]
    tables: list[tuple[str, list[str], list[list[str]]]]


def reconciliation_context(now: datetime) -> dict[str, Any]:
    """Read only what is shown."""
    books = cache(lambda: queries.account_books(now))
    return {
        "rows": cache(lambda: [account_row(each) for each in books()]),
        "match": cache(lambda: queries.match_rate(now)),
        "wanted": queries.RATE_WANTED,
        "open_incidents": cache(lambda: list(queries.open_incidents())),
        "now": now,
    }


def incident_context(incident_id: int, now: datetime) -> dict[str, Any]:
    """Raises IncidentUnknown."""
    row = queries.incident(incident_id)
    return {
        "incident": row,
        "age_s": row.age_at(now).total_seconds(),
        "meaning": MEANINGS[row.kind],
        "works_there": row.kind in (Kind.ORPHAN, Kind.ORDER_STATE),
        "advice": ADVICE[row.kind],
        "evidence": evidence(row.evidence),
        "bots": cache(lambda: list(queries.bots_concerned(row))),
        "events": cache(lambda: _events_of(row)),
    }


def account_row(books: AccountBooks) -> AccountRow:
    word, tone = _word(books)
    return AccountRow(books, strip_of(books.runs), word, tone)


def strip_of(runs: Iterable[ReconcileRun]) -> Strip | None:
    """None without a cycle."""
    known = list(runs)
    free = queries.RECENT - len(known)  # on the left, before there were as many
    cells = [_cell(free + index, run) for index, run in enumerate(known)]
    if not cells:
        return None
    counts = {
        tone: sum(cell.tone == tone for cell in cells) for tone in ("clean", "different", "aborted")
    }
    label = f"Of the newest {len(cells)} cycles {counts['clean']} agreed"
    label += "".join(
        f", {counts[tone]} {word}"
        for tone, word in (("different", "differed"), ("aborted", "told nothing"))
        if counts[tone]
    )
    return Strip(cells, queries.RECENT * (CELL + GAP) - GAP, STRIP_HEIGHT, f"{label}.")


def evidence(found: Mapping[str, Any]) -> Evidence:
    """A stored evidence as facts and tables."""
    facts: list[tuple[str, str]] = []
    tables: list[tuple[str, list[str], list[list[str]]]] = []
    for name, value in found.items():
        rows = [value] if isinstance(value, dict) else value
        if isinstance(rows, list) and rows and isinstance(rows[0], dict):
            heads = list(rows[0])
            tables.append((name, heads, [[shown(row.get(head)) for head in heads] for row in rows]))
        elif not isinstance(value, list):
            facts.append((name, shown(value)))
    return Evidence(facts, tables)


def _cell(index: int, run: ReconcileRun) -> Cell:
    said = {
        "CLEAN": "agreed",
        "DIFFERENT": f"{run.differences} differences",
        "ABORTED": f"told nothing: {run.error}",
    }[run.outcome]
    height = HEIGHTS[run.outcome]
    return Cell(
        x=index * (CELL + GAP),
        y=STRIP_HEIGHT - height,
        width=CELL,
        height=height,
        tone=run.outcome.lower(),
        title=f"{run.started_at:%H:%M:%S} {said}",
    )


def _word(books: AccountBooks) -> tuple[str, str]:
    if books.drifts:
        return "Differs", "down"
    if books.standing is None or books.standing.told_at is None:
        return "Not read yet", "still"
    if books.stale or books.standing.unreachable_since:
        return "Doesn't answer", "warn"
    if books.incidents:
        return "Looking again", "warn"
    return "Agrees", "up"


def _events_of(row: Incident) -> list[AuditEvent]:
    until = (row.resolved_at or row.last_seen_at) + timedelta(days=1)
    subject = f"incident:{row.pk}"
    return list(queries.audit_events().filter(subject=subject, at__lte=until)[:20])
