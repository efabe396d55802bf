"""What happened to a bot that its shadow knows nothing of, in words."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from django.db.models import Count, Max, Min, QuerySet

from config import clock
from trading.models import AuditEvent, Bot, DecisionRecord, Fill
from trading.reasons import Reason
from trading.simulation.run import DENIALS

CHANGED = ("bot.changed", "bot.knobs_changed")
SHAPE = ("symbols", "timeframe")


def notes_of(bot: Bot, *, from_ms: int, to_ms: int, now: datetime) -> Iterator[str]:
    """One sentence for each kind of thing that a simulation of this stretch can't know.

    The shadow has the knobs of now, so a change counts from the bot's first decision of the
    stretch until now.
    """
    decisions = bot.decisions.filter(candle_close_ms__gt=from_ms, candle_close_ms__lte=to_ms)
    span = decisions.aggregate(first=Min("decided_at"), last=Max("decided_at"))
    if span["first"] is None:
        return
    events = AuditEvent.objects.filter(subject=f"bot:{bot.pk}", at__gt=span["first"])
    yield from _changes(events.filter(action__in=CHANGED, at__lte=now))
    yield from _pauses(events.filter(action="bot.started", at__lte=span["last"]))
    yield from _undecided(decisions)
    yield from _by_hand(bot, from_ms, to_ms)


def _changes(events: QuerySet[AuditEvent]) -> Iterator[str]:
    turned: set[str] = set()
    for event in events:
        before, after = event.before or {}, event.after or {}
        turned |= {name for name in SHAPE if before.get(name) != after.get(name)}
        turned |= _turned(before.get("knobs", before), after.get("knobs", after))
    if turned:
        names = ", ".join(sorted(turned))
        yield f"Changed during the stretch, while the shadow has what holds now: {names}."


def _turned(before: dict[str, Any], after: dict[str, Any]) -> set[str]:
    return {name for name in before.keys() & after.keys() if before[name] != after[name]}


def _pauses(starts: QuerySet[AuditEvent]) -> Iterator[str]:
    if count := starts.count():
        yield f"Stopped and started again, times: {count}. The shadow went on."


def _undecided(decisions: QuerySet[DecisionRecord]) -> Iterator[str]:
    if missed := decisions.filter(reason=Reason.MISSED).count():
        yield f"Closes that the bot came too late for: {missed}."
    known = [denial.value for denial in DENIALS]
    denied = decisions.filter(action=DecisionRecord.Action.DENIED).exclude(reason__in=known)
    for row in denied.values("reason").annotate(n=Count("pk")).order_by("reason"):
        yield f"Denied for what a simulation doesn't know, {row['reason']}: {row['n']}."


def _by_hand(bot: Bot, from_ms: int, to_ms: int) -> Iterator[str]:
    fills = Fill.objects.filter(
        bot=bot,
        order__intent__reason=Reason.MANUAL,
        at__gte=clock.from_ms(from_ms),
        at__lt=clock.from_ms(to_ms),
    )
    if count := fills.count():
        yield f"Fills of orders by hand, which the shadow doesn't have: {count}."
