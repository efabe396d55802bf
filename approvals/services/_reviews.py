"""The loop: measure, ask, check, simulate against the active version, again or on to people.

A review is a row and a job. A worker takes one step of it at a time under a claim, so that one
that was killed is taken up again where it was.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import structlog
from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction

from approvals.errors import ReviewInvalid
from approvals.models import Review, Source, Suggestion
from approvals.services import _asking, _llm
from approvals.services._calls import Clock
from approvals.services._review_data import measured
from approvals.services._suggestions import withdraw_suggestions
from approvals.services._trying import try_candidate, wait_for_simulation
from config import clock
from config.refusals import Refusal
from marketdata import store
from marketdata.models import Symbol
from marketdata.queries import resolve_symbol, timeframe_of
from marketdata.timeframes import Timeframe
from strategies import queries as strategy_queries
from strategies import registry
from trading import events
from trading import queries as trading_queries
from trading.knobs import Knobs
from trading.models import Bot, Job, Search
from trading.services import cancel_job, record, update_job

log = structlog.get_logger(__name__)

REVIEW = "strategy.review"
STEP_S = 120  # longer than any step: a model's minute and what is around it
PAUSE = timedelta(seconds=1)
OPEN = (Job.Status.QUEUED, Job.Status.RUNNING)
OOS_SHARE = 0.3
MOST_NOTE = 500
YEAR_MS = 365 * 86_400_000
FEW_CANDLES = 200  # of which 60 are out of sample
Step = Review.Step


@dataclass(frozen=True, slots=True)
class Turn:
    """One step of a review."""

    review: Review
    now: datetime
    later: Clock


def start_review(
    *, strategy: str, asked: Mapping[str, Any], by: User | None, now: datetime
) -> Review:
    """A job that looks for a better version than the active one.

    `asked`: `source` (the model if one is switched on, else the rules), `symbols` and `timeframe`
    (those of the newest bot that uses the strategy), `from_ms`, `to_ms` (the last year), `rounds`,
    `note`, `search_id` and `places` among its best of an OPTIMISER, `params` of a PERSON. Refuses
    ReviewInvalid, LlmOff, LlmPriceUnknown.
    """
    row = strategy_queries.strategy_called(strategy)
    base = strategy_queries.active_version(row.name)
    source = asked.get("source") or (Source.LLM if settings.ENV.llm_enabled else Source.RULES)
    wanted, stretch = _wanted(row.name, source, asked, now)
    if source == Source.LLM:
        _llm.check_ready()
    rounds = min(asked.get("rounds") or settings.ENV.llm_rounds, settings.ENV.llm_rounds)
    fields = {
        "strategy": row,
        "base": base,
        "source": source,
        "step": Step.SIMULATE if wanted else Step.MEASURE,
        "rounds": min(rounds, len(wanted)) if wanted else rounds,
        "wanted": wanted,
        "note": str(asked.get("note", ""))[:MOST_NOTE],
        "oos_share": OOS_SHARE,
        **stretch,
    }
    return _started(fields, by=by, now=now)


def _started(fields: Mapping[str, Any], *, by: User | None, now: datetime) -> Review:
    with transaction.atomic():
        job = Job.objects.create(
            task=REVIEW, args={}, created_by=by, created_at=now, updated_at=now
        )
        review = Review.objects.create(job=job, due_at=now, created_by=by, created_at=now, **fields)
        job.args = {"review": review.pk}
        job.save(update_fields=["args"])
        told = {"strategy": review.strategy.name, "base": review.base.number}
        record(
            action="review.started",
            subject=f"review:{review.pk}",
            by=by,
            now=now,
            after={**told, "source": review.source, "job": job.pk},
        )
        events.job_progress(job, now=now)
    return review


def advance_reviews(*, now: datetime, later: Clock) -> bool:
    """One step of the review that waits longest; whether there may be more to do at once."""
    review = _claimed(now)
    if review is None:
        return False
    turn = Turn(review, now, later)
    try:
        at_once = _step(turn)
    except Refusal as refusal:
        finish_review(review, Job.Status.FAILED, refusal.detail, now=later())
        return True
    except Exception as error:
        log.exception("review.failed", review=review.pk)
        what = f"{type(error).__name__} at step {review.step.lower()}"
        finish_review(review, Job.Status.FAILED, what, now=later())
        return True
    due = later() if at_once else later() + PAUSE
    Review.objects.filter(pk=review.pk).exclude(step=Step.DONE).update(due_at=due)
    return at_once


def finish_review(review: Review, status: str, outcome: str, *, now: datetime) -> None:
    """Once: the end, with what came of it."""
    with transaction.atomic():
        open_ = Review.objects.filter(pk=review.pk).exclude(step=Step.DONE)
        if not open_.update(step=Step.DONE, due_at=None, outcome=outcome[:200], finished_at=now):
            return
        update_job(job=review.job, status=status, progress=100, message=outcome, now=now)
        record(
            action="review.finished",
            subject=f"review:{review.pk}",
            by=None,
            now=now,
            after={"status": status, "rounds": review.round},
            reason=outcome,
        )
        if status == Job.Status.FAILED:
            withdraw_suggestions(review=review, now=now)
    review.refresh_from_db()


def _claimed(now: datetime) -> Review | None:
    """A due review that nobody else takes a step of."""
    due = Review.objects.filter(due_at__lte=now).order_by("due_at", "pk")[:4]
    for pk, at in due.values_list("pk", "due_at"):
        rows = Review.objects.filter(pk=pk, due_at=at)
        if rows.update(due_at=now + timedelta(seconds=STEP_S)):
            found: Review = Review.objects.select_related("job", "strategy", "base").get(pk=pk)
            return found
    return None


def _step(turn: Turn) -> bool:
    review = turn.review
    if review.job.status not in OPEN:
        _stop(turn)
        return False
    active = strategy_queries.active_version(review.strategy.name)
    if active.pk != review.base_id:
        what = f"Version {active.number} became active meanwhile: review that one."
        finish_review(review, Job.Status.FAILED, what, now=turn.now)
        return False
    return _STEPS[Review.Step(review.step)](turn)


def _measure(turn: Turn) -> bool:
    _tell(turn, 5, "Measuring the active version")
    facts = measured(turn.review)
    Review.objects.filter(pk=turn.review.pk, step=Step.MEASURE).update(facts=facts, step=Step.ASK)
    return True


def _ask(turn: Turn) -> bool:
    review = turn.review
    _tell(turn, 10 + 25 * (review.round - 1), f"Round {review.round}: asking for a suggestion")
    made = _asking.ask(review, now=turn.now, later=turn.later)
    review.job.refresh_from_db()
    if made.ended:
        finish_review(review, made.status, made.ended, now=turn.later())
    elif made.suggestion is not None:
        Review.objects.filter(pk=review.pk, step=Step.ASK).update(step=Step.SIMULATE)
    return True


def _simulate(turn: Turn) -> bool:
    review = turn.review
    _tell(turn, 20 + 25 * (review.round - 1), f"Round {review.round}: simulating")
    try_candidate(review, now=turn.now)
    return False


def _wait(turn: Turn) -> bool:
    ended = wait_for_simulation(turn.review, now=turn.now)
    if ended is None:
        return False
    if ended.outcome:
        finish_review(turn.review, ended.status, ended.outcome, now=turn.later())
    return True


def _stop(turn: Turn) -> None:
    """Somebody canceled the job: its simulation ends too, and nothing goes on to people."""
    review = turn.review
    running = Suggestion.objects.filter(
        review=review, state=Suggestion.State.SIMULATING, simulation__job__status__in=OPEN
    )
    for suggestion in running.select_related("simulation"):
        if suggestion.simulation is not None:
            cancel_job(job_id=suggestion.simulation.job_id, by=None, now=turn.now)
    withdraw_suggestions(review=review, now=turn.now)
    finish_review(review, review.job.status, "Canceled", now=turn.now)


def _tell(turn: Turn, percent: int, message: str) -> None:
    update_job(
        job=turn.review.job,
        status=Job.Status.RUNNING,
        progress=min(percent, 95),
        message=message,
        now=turn.now,
    )


_STEPS: Mapping[Review.Step, Callable[[Turn], bool]] = {
    Step.MEASURE: _measure,
    Step.ASK: _ask,
    Step.SIMULATE: _simulate,
    Step.WAIT: _wait,
    Step.DONE: lambda turn: False,
}


def _wanted(
    strategy: str, source: str, asked: Mapping[str, Any], now: datetime
) -> tuple[list[Any], dict[str, Any]]:
    """Whole parameters to try, if they are given, and the stretch."""
    if source == Source.OPTIMISER:
        search = (
            trading_queries.search(asked["search_id"])
            if asked.get("search_id")
            else trading_queries.newest_search(strategy)
        )
        if search.strategy.name != strategy or not search.best:
            raise ReviewInvalid("That search has found nothing for this strategy.")
        names = ("symbols", "timeframe", "from_ms", "to_ms", "knobs", "starting_cash", "seed")
        stretch = {name: getattr(search, name) for name in names}
        return _others(strategy, _chosen(search, asked.get("places"))), stretch
    stretch = _stretch(strategy, asked, now)
    if source == Source.PERSON:
        if not asked.get("params"):
            raise ReviewInvalid("Say which parameters.", fields={"params": ["They are missing."]})
        return _others(strategy, [asked["params"]]), stretch
    return [], stretch


def _chosen(search: Search, places: Sequence[int] | None) -> list[Mapping[str, Any]]:
    """The best tries of a search, or those in these places, the best first."""
    best = [one["params"] for one in search.best]
    if places is None:
        return best
    if not places or not set(places) <= set(range(1, len(best) + 1)):
        what = [f"It keeps its {len(best)} best: 1 to {len(best)}."]
        raise ReviewInvalid("There is no such place.", fields={"places": what})
    return [best[place - 1] for place in sorted(set(places))]


def _others(strategy: str, wanted: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Whole parameters that differ from the active version's; what isn't named stays as there.

    Refuses ReviewInvalid when none does, ParamsInvalid.
    """
    active = strategy_queries.active_version(strategy).params
    code = registry.get(strategy)
    whole = [code.validated({**active, **params}).model_dump(mode="json") for params in wanted]
    others = [params for params in whole if params != active]
    if not others:
        what = ["These are the parameters of the active version."]
        raise ReviewInvalid("Nothing would change.", fields={"params": what})
    return others


def _stretch(strategy: str, asked: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    bot = Bot.objects.filter(version__strategy__name=strategy).order_by("-pk").first()
    symbols: Sequence[str] = asked.get("symbols") or (
        [str(symbol) for symbol in bot.symbols.order_by("botsymbol__rank")] if bot else []
    )
    timeframe = asked.get("timeframe") or (bot.timeframe if bot else "")
    if not symbols or not timeframe:
        what = ["No bot uses this strategy: say on what to look."]
        raise ReviewInvalid("Say on what to look.", fields={"symbols": what, "timeframe": what})
    to_ms = asked.get("to_ms") or clock.to_ms(now)
    from_ms = asked.get("from_ms") or to_ms - YEAR_MS
    if from_ms >= to_ms:
        raise ReviewInvalid("The range is empty.", fields={"to": ["After from."]})
    found = {str(symbol): symbol for symbol in map(resolve_symbol, symbols)}
    frame = timeframe_of(timeframe)
    from_ms, to_ms = _stored(strategy, list(found.values()), frame, from_ms, to_ms)
    knobs = Knobs.defaults(settings.ENV)
    return {
        "symbols": list(found),
        "timeframe": str(frame),
        "from_ms": from_ms,
        "to_ms": to_ms,
        "knobs": knobs.stored(),
        "starting_cash": settings.ENV.trading_paper_starting_equity,
    }


def _stored(
    strategy: str, symbols: Sequence[Symbol], frame: Timeframe, from_ms: int, to_ms: int
) -> tuple[int, int]:
    """The part of the range that has candles of all symbols, after the active version's warm-up.

    Else what is in sample could be empty, and whoever suggests would be shown nothing.
    """
    params = strategy_queries.params_of(strategy_queries.active_version(strategy))
    warmup_ms = registry.get(strategy).warmup(params) * frame.ms
    for symbol in symbols:
        first = store.first_open_ms(symbol.pk, frame)
        last = store.latest_open_ms(symbol.pk, frame)
        if first is None or last is None:
            what = [f"No {frame} candles of {symbol} are stored."]
            raise ReviewInvalid(what[0], fields={"symbols": what})
        from_ms, to_ms = max(from_ms, first + warmup_ms), min(to_ms, last + frame.ms)
    candles = (to_ms - from_ms) // frame.ms
    if candles < FEW_CANDLES:
        what = [f"{max(candles, 0)} candles are left after the warm-up; it takes {FEW_CANDLES}."]
        raise ReviewInvalid(f"The range is too short: {what[0]}", fields={"from": what})
    return from_ms, to_ms
