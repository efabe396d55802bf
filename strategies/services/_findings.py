"""Findings: into the database once per window, or onto the bus while that is away."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import structlog
from django.db import InterfaceError, OperationalError, transaction

from config import bus, clock
from config.rendering import instant
from marketdata.features import LiveState
from marketdata.models import Symbol
from strategies import finding_buffer
from strategies.agents import Note
from strategies.finding_buffer import Draft
from strategies.models import Agent, Finding

log = structlog.get_logger(__name__)

AWAY = (OperationalError, InterfaceError)


def draft_of(agent: str, symbol_id: int, state: LiveState, note: Note, now: datetime) -> Draft:
    """A note as a finding; numbers that are no numbers become null."""
    return Draft(
        key=str(uuid4()),
        at_ms=clock.to_ms(now),
        agent=agent,
        symbol_id=symbol_id,
        exchange=state.exchange,
        symbol=state.symbol,
        score=note.score if math.isfinite(note.score) else 0.0,
        label=note.label[:40],
        details={name: _plain(value) for name, value in note.details.items()},
    )


def add_finding(*, draft: Draft, window_s: float) -> bool:
    """Store it, or count it where the same was found within the window; whether it is new.

    While the database is away it waits on the bus.
    """
    try:
        fresh = _store(draft, window_s)
    except AWAY as error:
        log.warning("findings.database_away", error=str(error))
        return put_aside(draft=draft, window_s=window_s)
    if fresh:
        finding_buffer.remember(draft)
    return fresh


def put_aside(*, draft: Draft, window_s: float) -> bool:
    """Without asking the database; whether it is new."""
    fresh = finding_buffer.is_first(draft, window_s)
    if fresh:
        finding_buffer.put_waiting(draft)
    return fresh


def store_waiting_findings() -> int:
    """What waited on the bus goes into the database; how many. Repeating it stores none twice."""
    drafts = finding_buffer.waiting()
    if not drafts:
        return 0
    known = set(
        Symbol.objects.filter(pk__in={draft.symbol_id for draft in drafts}).values_list(
            "pk", flat=True
        )
    )
    rows = [_row(draft) for draft in drafts if draft.symbol_id in known]
    Finding.objects.bulk_create(rows, ignore_conflicts=True)
    finding_buffer.forget_waiting(drafts)
    log.info("findings.stored_late", findings=len(rows))
    return len(rows)


def _store(draft: Draft, window_s: float) -> bool:
    with transaction.atomic():
        # One writer per agent at a time: a run by hand may meet the scheduled one.
        Agent.objects.select_for_update().filter(name=draft.agent).first()
        since = draft.at - timedelta(seconds=window_s)
        same = Finding.objects.filter(
            agent=draft.agent, symbol_id=draft.symbol_id, label=draft.label, at__gt=since
        )
        before = same.order_by("-at").first() if window_s > 0 else None
        if before is None:
            _row(draft).save(force_insert=True)
            bus.publish_on_commit(bus.EVENTS_GROUP, _message(draft))
            return True
        stronger = draft.score > before.score
        before.repeats += 1
        before.last_at = draft.at
        before.score = max(before.score, draft.score)
        before.details = dict(draft.details) if stronger else before.details
        before.save(update_fields=["repeats", "last_at", "score", "details"])
        return False


def _row(draft: Draft) -> Finding:
    return Finding(
        key=draft.uuid,
        at=draft.at,
        last_at=draft.at,
        agent=draft.agent,
        symbol_id=draft.symbol_id,
        score=draft.score,
        label=draft.label,
        details=dict(draft.details),
    )


def _message(draft: Draft) -> dict[str, Any]:
    data: Mapping[str, Any] = {
        "ts_utc": instant(draft.at),
        "agent": draft.agent,
        "symbol": draft.symbol,
        "exchange": draft.exchange,
        "symbol_id": draft.symbol_id,
        "score": draft.score,
        "label": draft.label,
        "details": dict(draft.details),
    }
    return {"type": "event.message", "event": "finding.added", "data": data}


def _plain(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value
