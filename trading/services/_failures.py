"""People are told when an exchange, its prices, a process or the feed's place is lost.

Asked each few seconds beside the tick, never by what trades. What is told is an audit event,
and notifications follow the audit log.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet

from marketdata import queries as marketdata_queries
from marketdata import services as marketdata_services
from marketdata.models import Circuit, FeedInterruption
from trading import queries, watching
from trading.models import Watchpoint
from trading.services._audit import record
from trading.services._tick import is_silent
from trading.watching import News, Standing

CIRCUIT_LASTS = timedelta(seconds=10)  # a first pause is over in two
SILENCE_LASTS = timedelta(seconds=30)  # a slow machine takes half of it to start them all
TAKEOVER_LASTS = timedelta(seconds=10)
PROCESSES = ("beat", "feed")
LEASE = "feed_lease"
STAND_IN_EVERY_S = 5


@dataclass(frozen=True, slots=True)
class _Look:
    """One thing as it is now, and the two actions that tell of it."""

    subject: str
    failed: str
    well: str
    wrong: bool | None
    lasts: timedelta
    reason: str


def tell_failures(*, now: datetime) -> list[str]:
    """Look at everything once; the actions that were recorded. Two at once tell once."""
    causes = [*_processes(now), *_circuits()]
    wrong = {look.subject for look in causes if look.wrong}
    looks = [*causes, *_streams(wrong), *_prices(now, wrong)]
    known = {row.subject: row for row in Watchpoint.objects.all()}
    told = [action for look in looks if (action := _tell(look, known.get(look.subject), now))]
    gone = known.keys() - {look.subject for look in looks} - {LEASE}
    if gone:  # nobody waits for it any more: a bot ended, an exchange was taken out
        Watchpoint.objects.filter(pk__in=gone).delete()
    return told + _tell_takeover(known.get(LEASE), now)


def tell_failures_for_beat(*, now: datetime) -> list[str]:
    """The feed's part: the same while beat, or who works for it, shows no life."""
    if now.second % STAND_IN_EVERY_S or not is_silent(process="beat", now=now):
        return []
    return tell_failures(now=now)


def _processes(now: datetime) -> Iterator[_Look]:
    for name in PROCESSES:
        yield _Look(
            subject=f"process:{name}",
            failed="process.silent",
            well="process.alive",
            wrong=is_silent(process=name, now=now),
            lasts=SILENCE_LASTS,
            reason=f"{name} shows no life.",
        )


def _circuits() -> Iterator[_Look]:
    for row in Circuit.objects.all():
        yield _Look(
            subject=f"circuit:{row.exchange}",
            failed="circuit.opened",
            well="circuit.closed",
            wrong=row.state != Circuit.State.CLOSED,
            lasts=CIRCUIT_LASTS,
            reason=f"Left alone after {row.failures} failures: {row.last_error}",
        )


def _streams(wrong: Collection[str]) -> Iterator[_Look]:
    """Prices may go on by asking while a stream is away; features and prints don't."""
    rows = marketdata_queries.interruptions().filter(outcome=FeedInterruption.Outcome.OPEN)
    first = {row.exchange: row for row in rows}
    for exchange in settings.ENV.exchanges:
        row = first.get(exchange)
        explained = "process:feed" in wrong or f"circuit:{exchange}" in wrong
        yield _Look(
            subject=f"stream:{exchange}",
            failed="feed.interrupted",
            well="feed.resumed",
            wrong=None if explained else row is not None,
            lasts=timedelta(seconds=settings.ENV.notify_stale_s),
            reason=_interrupted(row) if row else "",
        )


def _interrupted(row: FeedInterruption) -> str:
    since = f"Since {row.began_at:%H:%M:%S} {row.get_cause_display()}"
    said = f": {row.detail}" if row.detail else ""
    return f"{since}, {len(row.symbols)} symbols{said}"


def _prices(now: datetime, wrong: Collection[str]) -> Iterator[_Look]:
    """Each exchange as a whole, then symbols that running bots trade where only they are late."""
    traded = queries.traded_ids()
    ages = queries.feed_status(now, also=traded)  # also what somebody unwatched under a bot
    for exchange in sorted({age.symbol.exchange for age in ages}):
        mine = [age for age in ages if age.symbol.exchange == exchange]
        explained = "process:feed" in wrong or f"circuit:{exchange}" in wrong
        followed = [age.stale for age in mine if age.symbol.watched]
        silent = bool(followed) and all(followed)
        whole = None if explained else silent
        yield _stale(f"feed:{exchange}", whole, [age.age_s for age in mine])
        for age in mine:
            if age.symbol.pk in traded:
                one = None if explained or silent else age.stale
                yield _stale(f"symbol:{age.symbol.pk}", one, [age.age_s])


def _stale(subject: str, wrong: bool | None, ages: list[float | None]) -> _Look:
    known = [age for age in ages if age is not None]
    newest = f"the newest is {min(known):.0f} s old" if known else "there never was one"
    return _Look(
        subject=subject,
        failed="feed.stale",
        well="feed.recovered",
        wrong=wrong,
        lasts=timedelta(seconds=settings.ENV.notify_stale_s),
        reason=f"No new price: {newest}.",
    )


def _tell(look: _Look, row: Watchpoint | None, now: datetime) -> str:
    """Keep what was seen, tell what there is to tell; "" for nothing."""
    before = row.standing if row else Standing()
    after, news = watching.look(before, wrong=look.wrong, lasts=look.lasts, now=now)
    if after == before:
        return ""
    with transaction.atomic():
        if not _keep(look.subject, row, after) or news is News.NOTHING:
            return ""
        action = look.failed if news is News.FAILED else look.well
        since = after.wrong_since or before.wrong_since
        record(
            action=action,
            subject=look.subject,
            by=None,
            now=now,
            after={"since": since.isoformat() if since else None},
            reason=look.reason if news is News.FAILED else _lasted(before, now),
        )
    return action


def _lasted(before: Standing, now: datetime) -> str:
    ended = before.well_since or now
    lasted = ended - before.wrong_since if before.wrong_since else timedelta()
    return f"It lasted {lasted.total_seconds():.0f} s."


def _keep(subject: str, row: Watchpoint | None, after: Standing) -> bool:
    """False if somebody else has looked meanwhile and keeps the row."""
    fields = {"wrong_since": after.wrong_since, "well_since": after.well_since}
    told = Watchpoint.TOLD if after.told else ""
    if row is None:
        _, created = Watchpoint.objects.get_or_create(pk=subject, defaults={**fields, "told": told})
        return created
    unchanged = Watchpoint.objects.filter(
        pk=subject, told=row.told, wrong_since=row.wrong_since, well_since=row.well_since
    )
    if after == Standing():
        return unchanged.delete()[0] > 0
    return unchanged.update(**fields, told=told) > 0


def _tell_takeover(row: Watchpoint | None, now: datetime) -> list[str]:
    """Another process has the feed's lease for good; what it was at first is no news."""
    holder = (marketdata_services.lease_holder() or "")[:80]
    if row is None:
        if holder:
            Watchpoint.objects.get_or_create(pk=LEASE, defaults={"told": holder})
        return []
    mine = Watchpoint.objects.filter(pk=LEASE, told=row.told, wrong_since=row.wrong_since)
    if not holder or holder == row.told:
        if row.wrong_since:
            mine.update(wrong_since=None)
        return []
    if row.wrong_since is None or row.wrong_since > now:
        mine.update(wrong_since=now)
        return []
    if now - row.wrong_since < TAKEOVER_LASTS:
        return []
    return _record_takeover(mine, row.told, holder, now)


def _record_takeover(
    mine: QuerySet[Watchpoint], before: str, holder: str, now: datetime
) -> list[str]:
    """Who stood by has taken over; any other new holder is a feed that was started anew."""
    stood_by = marketdata_services.lease_holder(marketdata_services.standby_of()) == holder
    action = "feed.taken_over" if stood_by else "feed.restarted"
    said = f"{holder} stood by and works now." if stood_by else f"{holder} works now."
    with transaction.atomic():
        if not mine.update(told=holder, wrong_since=None):
            return []
        record(
            action=action,
            subject=LEASE,
            by=None,
            now=now,
            before={"holder": before},
            after={"holder": holder},
            reason=said,
        )
    return [action]
