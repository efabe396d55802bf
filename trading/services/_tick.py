"""What happens each second: who is due, what was left behind, who is alive."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import F, Q

from config import clock
from marketdata import queries as marketdata_queries
from marketdata.viewing import note_viewed
from strategies import services as strategy_services
from trading import queries
from trading.models import Bot, Heartbeat, Job, Order, Position, SearchChunk, SystemState
from trading.order_state import WORKING
from trading.services import _jobs
from trading.services._audit import export_head
from trading.services._protection import watch_protection
from trading.services._resolve import orders_left
from trading.services._system import beat_heart, finish_emergency_stop
from trading.services.live._watch import live_watch_due
from trading.services.reconciliation._reconcile import due_accounts

HEAD_EVERY_MIN = 5
HEAD_WITHIN_S = 5  # a beat that misses a second or two still exports the head
SILENT_AFTER_S = 5.0
LOOKED_AT_EVERY_S = 5
CLAIMED_FOR = timedelta(seconds=10)  # a lost message is repeated after this
CHUNKS = 8  # told of in one second
SIMULATIONS = 8
JOB_IDLE_FOR = timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class Hints:
    """What a worker should be told; losing one costs time, never correctness."""

    bots: list[int]
    jobs: list[int]
    sweep: bool
    indicators: bool = False
    simulations: tuple[int, ...] = ()  # jobs that compute for long
    accounts: tuple[int, ...] = ()  # whose books are to be held against their exchange's
    live: bool = False  # clocks of accounts are to be read, or people to be told of ended grants
    searches: tuple[int, ...] = ()  # one entry for each chunk that a worker may take
    agents: tuple[str, ...] = ()
    series: tuple[tuple[int, str], ...] = ()  # (symbol id, timeframe): signals to look for


def tick(*, process: str, now: datetime) -> Hints:
    """One second's dispatch by conditional update; two ticks at once share the work."""
    beat_heart(process=process, now=now)
    finish_emergency_stop(now=now)
    watch_protection(now=now)
    if now.second < HEAD_WITHIN_S and now.minute % HEAD_EVERY_MIN == 0:
        export_head(now=now)
    return Hints(
        bots=_due_bots(now),
        jobs=_waiting_jobs(now),
        simulations=tuple(_waiting_simulations(now)),
        sweep=orders_left(now=now),
        indicators=marketdata_queries.has_stale_indicators(),
        live=live_watch_due(now),
        accounts=tuple(due_accounts(now).values_list("pk", flat=True)),
        searches=tuple(_waiting_chunks(now)),
        agents=tuple(strategy_services.claim_due_agents(now=now)),
        series=tuple(strategy_services.claim_due_series(now=now, now_ms=clock.to_ms(now))),
    )


def tick_without_database(*, now: datetime) -> list[str]:
    """What is left of a second while the database is away: agents, by what the bus remembers."""
    return strategy_services.run_agents_without_database(now=now)


def watch(*, now: datetime) -> Hints:
    """The feed's second: its own heartbeat, what bots need, beat's work while beat is silent.

    Beat stays silent for an hour after a clock that jumped back an hour; this does not.
    """
    beat_heart(process="feed", now=now)
    if not now.second % LOOKED_AT_EVERY_S:
        note_viewed(queries.traded_ids(), now)
    if not is_silent(process="beat", now=now):
        return Hints(bots=[], jobs=[], sweep=False)
    return tick(process="feed", now=now)


def bots_on(*, symbol_id: int, timeframe: str) -> list[int]:
    """Running live bots that a closed candle concerns."""
    if not _bots_may_run():
        return []
    rows = Bot.objects.running().filter(
        symbols=symbol_id, timeframe=timeframe, source=Bot.Source.LIVE_FEED
    )
    return list(rows.values_list("pk", flat=True))


def is_silent(*, process: str, now: datetime) -> bool:
    """Whether a process has shown no life for longer than is normal."""
    row = Heartbeat.objects.filter(process=process).first()
    # Also when its last sign is from the future: the clock was set back since.
    return row is None or abs((now - row.at).total_seconds()) > SILENT_AFTER_S


def _due_bots(now: datetime) -> list[int]:
    """Running bots whose time has come, stopped ones with an order that may still fill, and
    stopped live ones that hold something: its stop at the exchange is kept.
    """
    if not _bots_may_run():
        return []
    working = Order.objects.filter(status__in=WORKING).values("bot_id")
    held = Position.objects.filter(bot__paper_mode=False, qty__gte=F("symbol__qty_step"))
    concerned = Q(pk__in=working) | Q(pk__in=held.values("bot_id"))
    serving = concerned & Q(source=Bot.Source.LIVE_FEED, status=Bot.Status.STOPPED)
    # Nothing is due later than that: such a time was written before the clock was set back.
    never = now + timedelta(seconds=2 * settings.ENV.bot_loop_interval_seconds + 60)
    due = Bot.objects.filter(
        Q(status=Bot.Status.RUNNING) | serving,
        Q(due_at=None) | Q(due_at__lte=now) | Q(due_at__gt=never),
    )
    return [
        pk
        for pk, slot in due.order_by("due_at").values_list("pk", "due_at")[:500]
        if Bot.objects.filter(pk=pk, due_at=slot).update(due_at=now + CLAIMED_FOR)
    ]


def _bots_may_run() -> bool:
    return SystemState.objects.filter(
        pk=1, state=SystemState.State.RUNNING, scheduler_on=True
    ).exists()


def _waiting_jobs(now: datetime) -> list[int]:
    fresh = Q(status=Job.Status.QUEUED, updated_at__lte=now - timedelta(seconds=1))
    idle = Q(status=Job.Status.RUNNING, updated_at__lte=now - JOB_IDLE_FOR)
    rows = Job.objects.filter(fresh | idle, task__in=_jobs.SLICED)
    return [
        pk
        for pk, seen in rows.values_list("pk", "updated_at")
        if Job.objects.filter(pk=pk, updated_at=seen).update(updated_at=now)
    ]


def _waiting_simulations(now: datetime) -> list[int]:
    """Jobs for a worker to take; one that shows no life any more is free to be taken again."""
    rows = Job.objects.filter(task__in=_jobs.WHOLE)
    rows.filter(status=Job.Status.RUNNING, updated_at__lte=now - JOB_IDLE_FOR).update(
        status=Job.Status.QUEUED
    )
    waiting = rows.filter(
        status=Job.Status.QUEUED, updated_at__lte=now - timedelta(seconds=1)
    ).order_by("pk")
    found = dict(waiting.values_list("pk", "args"))
    before = Job.objects.filter(
        pk__in=[args["after"] for args in found.values() if "after" in args], status__in=_jobs.OPEN
    )
    held_up = set(before.values_list("pk", flat=True))
    ready = [pk for pk, args in found.items() if args.get("after") not in held_up]
    return ready[:SIMULATIONS]


def _waiting_chunks(now: datetime) -> list[int]:
    rows = SearchChunk.objects.filter(
        Q(claimed_until=None) | Q(claimed_until__lt=now),
        done=False,
        search__job__status__in=(Job.Status.QUEUED, Job.Status.RUNNING),
    )
    return list(rows.order_by("search_id", "number").values_list("search_id", flat=True)[:CHUNKS])
