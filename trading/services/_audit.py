"""Writing and checking the audit log."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import orjson
from django.conf import settings
from django.contrib.auth.models import AnonymousUser, User
from django.db import connection, transaction
from django.db.models import QuerySet

from config.telemetry import correlation_id
from trading import audit_chain
from trading.models import AuditEvent

# Any constant: all writers of the log must meet at the same lock.
_LOCK = 0x43535541

Head = tuple[int, str, str]  # seq, hash, seal


@dataclass(frozen=True, slots=True)
class AuditVerdict:
    """Whether the log is whole; `problems` name the event and what is wrong with it."""

    ok: bool
    events: int
    head: str
    checked_at: datetime
    problems: list[str]


def record(
    *,
    action: str,
    subject: str,
    by: User | AnonymousUser | str | None,
    now: datetime,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
    reason: str = "",
) -> AuditEvent:
    """Append one event in the caller's transaction; if it fails, so does the change."""
    actor, kind = _actor(by)
    with transaction.atomic():
        _lock_chain()
        last = AuditEvent.objects.order_by("-seq").values_list("seq", "hash").first()
        seq, prev_hash = last or (0, audit_chain.GENESIS)
        event = AuditEvent(
            seq=seq + 1,
            at=now,
            actor=actor,
            actor_kind=kind,
            action=action,
            subject=subject,
            before=_plain(before),
            after=_plain(after),
            reason=reason[:200],
            correlation_id=correlation_id(),
            prev_hash=prev_hash,
        )
        event.hash = audit_chain.chain_hash(prev_hash, _content(event))
        event.mac = audit_chain.seal(settings.AUDIT_KEY, event.hash)
        event.save(force_insert=True)
    return event


def verify_audit(*, now: datetime) -> AuditVerdict:
    """Walk the whole chain and hold it against the exported heads."""
    events = AuditEvent.objects.order_by("seq")
    problems, seq, head = audit_chain.verify(
        (_link(event) for event in events.iterator(chunk_size=2000)), key=settings.AUDIT_KEY
    )
    found = [f"event {problem.seq}: {problem.what}" for problem in problems]
    found += _missing_heads()
    return AuditVerdict(not found, seq, head, now, found)


def export_head(*, now: datetime) -> Path:
    """Append the newest seq and hash to the heads file, where a cut tail shows."""
    path = heads_file()
    newest = AuditEvent.objects.order_by("-seq").values("seq", "hash", "mac").first()
    if newest and newest["seq"] != _last_exported(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        line = {**newest, "at": audit_chain.instant(now)}
        with path.open("ab") as file:
            # A line that was torn by a crash must not swallow this one.
            file.write((b"\n" if _is_torn(path) else b"") + orjson.dumps(line) + b"\n")
    return path


def heads_file() -> Path:
    """Meant to be shipped elsewhere: what the application can't rewrite can't be forged."""
    return Path(settings.STATE_DIR) / "audit" / "heads.jsonl"


def begin_heads(*, aside: str) -> dict[str, Any] | None:
    """Put the exported heads aside under a name of their own; the last one, or None."""
    path = heads_file()
    lines = _exported_lines(path)
    last = next((head for head in map(_head_of, reversed(lines)) if head), None)
    if lines:
        path.rename(path.with_name(f"heads-until-{aside}.jsonl"))
    return {"seq": last[0], "hash": last[1]} if last else None


def export_audit(
    *, by: User, now: datetime, events: QuerySet[AuditEvent], filters: Mapping[str, Any]
) -> Iterator[AuditEvent]:
    """The filtered events, oldest first; the export itself is an event."""
    record(action="audit.exported", subject="audit", by=by, now=now, after=dict(filters))
    return events.order_by("seq").iterator(chunk_size=2000)


def _missing_heads() -> Iterator[str]:
    """What the exported heads say against the table; a line that can't be read says it too."""
    heads = []
    for number, line in enumerate(_exported_lines(heads_file()), start=1):
        head = _head_of(line)
        if head is None:
            yield f"exported heads, line {number}: can't be read"
        elif audit_chain.seal(settings.AUDIT_KEY, head[1]) != head[2]:
            yield f"exported head {head[0]}: its seal is not ours"
        else:
            heads.append(head)
    for start in range(0, len(heads), 500):
        yield from _missing_of(heads[start : start + 500])


def _missing_of(heads: Sequence[Head]) -> Iterator[str]:
    stored = AuditEvent.objects.filter(seq__in=[seq for seq, _, _ in heads])
    hashes = dict(stored.values_list("seq", "hash"))
    for seq, digest, _ in heads:
        if hashes.get(seq) != digest:
            yield f"event {seq}: was exported but is gone or other"


def _last_exported(path: Path) -> int:
    """Seq of the newest head that can be read; a process may have died while writing one."""
    heads = (_head_of(line) for line in reversed(_exported_lines(path)))
    return next((head[0] for head in heads if head), 0)


def _is_torn(path: Path) -> bool:
    return bool(path.stat().st_size) and not path.read_bytes().endswith(b"\n")


def _exported_lines(path: Path) -> list[bytes]:
    return path.read_bytes().splitlines() if path.is_file() else []


def _head_of(line: bytes) -> Head | None:
    try:
        head = orjson.loads(line)
        return int(head["seq"]), str(head["hash"]), str(head["mac"])
    except (orjson.JSONDecodeError, KeyError, TypeError, ValueError):
        return None


def _actor(by: User | AnonymousUser | str | None) -> tuple[str, str]:
    if by is None:
        return "system", AuditEvent.ActorKind.SYSTEM
    if isinstance(by, str):
        # "ai:openai" is a model: it suggested something, and decided nothing.
        is_model = by.partition(":")[0] == AuditEvent.ActorKind.AI
        return by, AuditEvent.ActorKind.AI if is_model else AuditEvent.ActorKind.SYSTEM
    return by.get_username() or "anonymous", AuditEvent.ActorKind.HUMAN


def _lock_chain() -> None:
    """PostgreSQL: one writer at a time until commit. SQLite: IMMEDIATE already is that."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])


def _plain(value: Mapping[str, Any] | None) -> Any:
    """As it comes back from a JSON column, so that it hashes the same when verified."""
    if value is None:
        return None
    return json.loads(json.dumps(dict(value), default=str), parse_float=_number)


def _number(text: str) -> float | int:
    """jsonb writes 1e+16 as a whole number and knows no -0.0."""
    value = float(text)
    return int(value) if abs(value) >= 1e16 else value + 0.0


def _content(event: AuditEvent) -> dict[str, Any]:
    return {
        "seq": event.seq,
        "at": audit_chain.instant(event.at),
        "actor": event.actor,
        "actor_kind": str(event.actor_kind),
        "action": event.action,
        "subject": event.subject,
        "before": event.before,
        "after": event.after,
        "reason": event.reason,
        "correlation_id": event.correlation_id,
    }


def _link(event: AuditEvent) -> audit_chain.Link:
    return audit_chain.Link(event.seq, _content(event), event.prev_hash, event.hash, event.mac)
