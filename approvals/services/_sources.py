"""What there is to tell: the audit log, and what agents noticed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from django.conf import settings

from approvals import queries, wording
from approvals.models import Notification
from approvals.topics import Kind, Severity, Topic, kind_of
from strategies.models import Finding
from trading.models import AuditEvent

BATCH = 200


@dataclass(frozen=True, slots=True)
class News:
    """One thing that people may be told."""

    source: str
    ref: int
    at: datetime
    kind: Kind
    key: str  # what repeats has the same one
    title: str
    reason: str
    actor: str
    page: str = ""  # the path of where to look
    before: dict[str, object] | None = None
    after: dict[str, object] | None = None


class Source(Protocol):
    """Rows with growing numbers."""

    name: str

    def newest(self) -> int: ...

    def read(self, after: int) -> tuple[list[News], int]:
        """The next news, and up to where they have been read."""
        ...


class AuditLog:
    """Its numbers grow in the order of commits, so none can appear behind the cursor."""

    name = "audit"

    def newest(self) -> int:
        return AuditEvent.objects.order_by("-seq").values_list("seq", flat=True).first() or 0

    def read(self, after: int) -> tuple[list[News], int]:
        events = list(AuditEvent.objects.filter(seq__gt=after).order_by("seq")[:BATCH])
        told = [(event, kind) for event in events if (kind := kind_of(event.action))]
        names = queries.subject_names(event.subject for event, _ in told) if told else {}
        news = [_of_event(event, kind, names.get(event.subject, "")) for event, kind in told]
        return news, events[-1].seq if events else after


class Findings:
    """Ids of a sequence: one of a slower transaction may appear a little behind the cursor."""

    name = "findings"
    OVERLAP = 50

    def newest(self) -> int:
        return Finding.objects.order_by("-pk").values_list("pk", flat=True).first() or 0

    def read(self, after: int) -> tuple[list[News], int]:
        rows = Finding.objects.filter(pk__gt=after - self.OVERLAP).select_related("symbol")
        found = list(rows.order_by("pk")[: BATCH + self.OVERLAP])
        known = self._known(found)
        news = [_of_finding(row) for row in found if row.pk not in known]
        return news, max([after, *(row.pk for row in found)])

    def _known(self, found: Iterable[Finding]) -> set[int]:
        refs = [str(row.pk) for row in found]
        rows = Notification.objects.filter(source=self.name, source_ref__in=refs)
        return {int(ref) for ref in rows.values_list("source_ref", flat=True)}


SOURCES: tuple[Source, ...] = (AuditLog(), Findings())


def _of_event(event: AuditEvent, kind: Kind, name: str) -> News:
    return News(
        source=AuditLog.name,
        ref=event.seq,
        at=event.at,
        kind=kind,
        key=f"{event.action}|{event.subject}"[:160],
        title=wording.title_of(kind.title, name),
        reason=event.reason,
        actor=event.actor,
        page=wording.page_of(event.subject),
        before=event.before,
        after=event.after,
    )


def _of_finding(row: Finding) -> News:
    """Agents count repeats of their own within their window, so each row is news."""
    strong = abs(row.score) >= settings.ENV.llm_analyst_min_score
    severity = Severity.WARNING if strong else Severity.INFO
    said = row.details.get("summary") if isinstance(row.details, dict) else ""
    return News(
        source=Findings.name,
        ref=row.pk,
        at=row.at,
        kind=Kind(Topic.FINDINGS, severity, row.label),
        key=f"finding|{row.pk}",
        title=wording.title_of(row.label.replace("_", " "), row.symbol.name),
        reason=f"score {row.score:g}. {said or ''}".strip(),
        actor=row.agent,
        after=row.details if isinstance(row.details, dict) else None,
    )
