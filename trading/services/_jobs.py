"""Long work: its rows, its progress, and what carries it on."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.contrib.auth.models import User
from django.db import transaction

from config.refusals import Refusal
from marketdata import services as marketdata_services
from marketdata.errors import ExchangeUnavailable
from marketdata.exchanges import exchange_for
from marketdata.indicators import Spec
from marketdata.models import Symbol
from marketdata.timeframes import Timeframe
from strategies import queries as strategy_queries
from strategies import registry
from trading import events
from trading.errors import BotInvalid, JobNotRunning, JobUnknown
from trading.models import Bot, Job, Simulation
from trading.services._audit import record
from trading.services._books import Lane
from trading.services._bots import stop_bot
from trading.services.research._drift import DRIFT, measure_drift
from trading.services.research._simulations import SIMULATION, run_simulation

Status = Job.Status
OPEN = (Status.QUEUED, Status.RUNNING)
BACKFILL = "market.backfill"
BACKFILL_MAX_CANDLES = 2_000_000


Watcher = Callable[[int, str], None]
Clock = Callable[[], datetime]


def _unwatched(percent: int, message: str) -> None:
    """Nobody looks on."""


@dataclass(frozen=True, slots=True)
class Slice:
    """One turn at a job: when it began, what time it is later, who looks on."""

    job: Job
    now: datetime
    later: Clock
    watcher: Watcher


class JobEnded(Exception):
    """Somebody canceled it while it ran: what isn't stored yet is dropped."""


def begin_bot_job(*, bot: Bot, now: datetime) -> None:
    """The first cycle of a start: keep the strategy's indicators, show the job as running."""
    job = Job.objects.filter(bot=bot, task="bot.run", status=Status.QUEUED).first()
    if job is None:
        return
    strategy = registry.get(bot.version.strategy.name)
    overlays = strategy.overlays(strategy_queries.params_of(bot.version))
    specs = [Spec.of(overlay.name, overlay.params) for overlay in overlays]
    timeframe = Timeframe(bot.timeframe)
    for symbol in bot.symbols.all():
        marketdata_services.subscribe_indicators(symbol=symbol, timeframe=timeframe, specs=specs)
        marketdata_services.refresh_stale_indicators(symbol=symbol, timeframe=timeframe)
    update_job(job=job, status=Status.RUNNING, progress=0, message="Running", now=now)


def report_replay(bot: Bot, lanes: Sequence[Lane], *, now: datetime) -> None:
    """How far a replay is, from the slowest lane."""
    job = Job.objects.filter(bot=bot, task="bot.run", status=Status.RUNNING).first()
    if job is None or bot.replay_from_ms is None or bot.replay_to_ms is None:
        return
    at = min(lane.row.decided_ms for lane in lanes)
    share = (at - bot.replay_from_ms) / (bot.replay_to_ms - bot.replay_from_ms)
    progress = min(max(int(share * 100), 0), 100)
    if progress != job.progress:
        update_job(job=job, status=Status.RUNNING, progress=progress, message="Replaying", now=now)


def start_backfill(
    *, symbol: Symbol, timeframe: str, from_ms: int, to_ms: int, by: User | None, now: datetime
) -> Job:
    """A job that downloads history page by page; a second one for the same range resumes it."""
    candles = (to_ms - from_ms) // Timeframe(timeframe).ms
    if not 0 < candles <= BACKFILL_MAX_CANDLES:
        raise BotInvalid(
            "The range is empty or too long.",
            fields={"from": [f"between 1 and {BACKFILL_MAX_CANDLES} candles"]},
        )
    args = {
        "symbol_id": symbol.pk,
        "timeframe": timeframe,
        "from_ms": from_ms,
        "to_ms": to_ms,
    }
    with transaction.atomic():
        job = Job.objects.create(
            task=BACKFILL, args=args, created_by=by, created_at=now, updated_at=now
        )
        record(action="job.created", subject=f"job:{job.pk}", by=by, now=now, after=args)
        events.job_progress(job, now=now)
    return job


def run_job(
    *, job_id: int, now: datetime, later: Clock | None = None, progress: Watcher = _unwatched
) -> bool:
    """One slice of a job; whether it must go on. A canceled job does nothing.

    A job that is done in one go is taken by one worker only. `later` tells the time while it
    runs; `progress` is told percent and what is being done, beside the job's row.
    """
    job = _taken(job_id, now)
    if job is None:
        return False
    try:
        return not CARRIED[job.task](Slice(job, now, later or (lambda: now), progress))
    except JobEnded:
        return False
    except ExchangeUnavailable as error:
        # Left running: a tick takes an idle job up again after a minute, where it was.
        message = f"Waiting for the exchange: {error.detail}"
        job.refresh_from_db()
        update_job(job=job, status=Status.RUNNING, progress=job.progress, message=message, now=now)
        return False
    except Exception as error:
        what = error.detail if isinstance(error, Refusal) else f"{type(error).__name__}: {error}"
        job.refresh_from_db()
        update_job(job=job, status=Status.FAILED, progress=job.progress, message=what, now=now)
        return False


def _taken(job_id: int, now: datetime) -> Job | None:
    """The job, if there is anything to do and nobody else does it."""
    waiting = Job.objects.filter(pk=job_id, status=Status.QUEUED, task__in=WHOLE)
    mine = waiting.update(status=Status.RUNNING, updated_at=now)
    tasks = WHOLE if mine else SLICED
    return Job.objects.filter(pk=job_id, status__in=OPEN, task__in=tasks).first()


def cancel_job(*, job_id: int, by: User | None, now: datetime) -> Job:
    """End a job where it is; what it has done stays. A bot's job stops the bot."""
    job = Job.objects.filter(pk=job_id).first()
    if job is None:
        raise JobUnknown(f"There is no job {job_id}.")
    if job.task == "bot.run" and job.bot_id and job.status in OPEN:
        stop_bot(bot_id=job.bot_id, by=by, now=now, reason="Job canceled")
        job.refresh_from_db()
        return job
    with transaction.atomic():
        canceled = Job.objects.filter(pk=job_id, status__in=OPEN).update(
            status=Status.CANCELED, message="Canceled", updated_at=now
        )
        job.refresh_from_db()
        if not canceled:
            raise JobNotRunning(f"The job is {job.get_status_display().lower()}.")
        record(action="job.canceled", subject=f"job:{job.pk}", by=by, now=now)
        events.job_progress(job, now=now)
    return job


def update_job(*, job: Job, status: str, progress: int, message: str, now: datetime) -> bool:
    """Progress of a job that is still open; False if it was ended meanwhile."""
    changed = Job.objects.filter(pk=job.pk, status__in=OPEN).update(
        status=status, progress=progress, message=message[:200], updated_at=now
    )
    job.refresh_from_db()
    if changed:
        events.job_progress(job, now=now)
    return bool(changed)


def _backfill_slice(turn: Slice) -> bool:
    job, now = turn.job, turn.now
    args: Mapping[str, Any] = job.args
    symbol = Symbol.objects.get(pk=args["symbol_id"])

    def progress(percent: int, message: str) -> None:
        turn.watcher(percent, message)
        update_job(job=job, status=Status.RUNNING, progress=percent, message=message, now=now)

    done = marketdata_services.backfill_candles(
        symbol=symbol,
        timeframe=Timeframe(args["timeframe"]),
        from_ms=args["from_ms"],
        to_ms=args["to_ms"],
        exchange=exchange_for(symbol.exchange),
        now=now,
        progress=progress,
    ).done
    if done:
        update_job(job=job, status=Status.DONE, progress=100, message="Done", now=now)
    return done


def _simulation_slice(turn: Slice) -> bool:
    job, later = turn.job, turn.later
    simulation = Simulation.objects.select_related("version__strategy", "baseline").get(job=job)

    def progress(percent: int, message: str) -> None:
        turn.watcher(percent, message)
        if not update_job(
            job=job, status=Status.RUNNING, progress=percent, message=message, now=later()
        ):
            raise JobEnded

    run_simulation(simulation=simulation, progress=progress, now=turn.now)
    update_job(job=job, status=Status.DONE, progress=100, message="Done", now=later())
    return True


def _drift_slice(turn: Slice) -> bool:
    job, now = turn.job, turn.now
    found = measure_drift(bot_id=job.bot_id or 0, now=now)
    message = "Done" if found else "It has decided nothing yet"
    update_job(job=job, status=Status.DONE, progress=100, message=message, now=now)
    return True


# What carries a job of each task one slice further; True when it is done.
CARRIED: dict[str, Callable[[Slice], bool]] = {
    BACKFILL: _backfill_slice,
    SIMULATION: _simulation_slice,
    DRIFT: _drift_slice,
}
WHOLE = (SIMULATION, DRIFT)  # done in one go, by the workers of the queue `simulations`
SLICED = tuple(task for task in CARRIED if task not in WHOLE)
