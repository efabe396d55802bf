"""What became of a version, by whom: from the audit log, and from what replaced it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.urls import reverse

from strategies.models import Activation, StrategyVersion
from trading.models import AuditEvent
from trading.services import subject_of


@dataclass(frozen=True, slots=True)
class Told:
    """A line of the history."""

    at: datetime
    words: str
    by: str
    reason: str = ""
    url: str = ""


_WORDS = {
    "drafted": "saved as a draft",
    "changed": "the draft was changed",
    "proposed": "proposed: a candidate",
    "created": "made, a candidate",
    "simulated": "simulated against the active version",
    "approved": "approved",
    "unapproved": "the approval ended unused",
    "activated": "activated",
    "rolled_back": "brought back by a rollback",
    "retired": "retired by hand",
}


def history_of(version: StrategyVersion) -> list[Told]:
    """What became of it, the newest first: from the audit log, and what replaced it."""
    events = AuditEvent.objects.filter(subject=subject_of(version)).order_by("-seq")[:50]
    replaced = Activation.objects.filter(replaced=version).select_related("version", "by")
    lines = [*map(_event, events), *map(_replaced, replaced)]
    if not any(line.words in (_WORDS["drafted"], _WORDS["created"]) for line in lines):
        by = version.created_by.get_username() if version.created_by else "the system"
        lines.append(Told(version.created_at, "made", by))
    return sorted(lines, key=lambda line: line.at, reverse=True)


def _event(event: AuditEvent) -> Told:
    verb, after = event.action.partition(".")[2], event.after or {}
    url = ""
    if after.get("approval"):
        url = reverse("approvals:approval", args=[after["approval"]])
    elif after.get("simulation"):
        url = reverse("trading:simulation", args=[after["simulation"]])
    by = event.actor if event.actor_kind == AuditEvent.ActorKind.HUMAN else "the system"
    return Told(event.at, _WORDS.get(verb, verb.replace("_", " ")), by, event.reason, url)


def _replaced(change: Activation) -> Told:
    by = change.by.get_username() if change.by else "the system"
    how = "by a rollback to" if change.rollback else "by"
    return Told(change.at, f"replaced {how} v{change.version.number}", by)
