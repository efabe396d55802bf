"""Searches for better parameters: cut into chunks that any worker may take.

A search looks at the in-sample part only; its best is judged as a candidate on the rest.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Q

from config import clock
from config.refusals import Refusal
from marketdata.queries import resolve_symbol
from strategies import queries as strategy_queries
from strategies import registry
from strategies.models import StrategyVersion
from strategies.protocol import Params
from trading import events, metrics
from trading.errors import SearchInvalid, SearchNotStopped, SearchUnfinished
from trading.evidence.assess import with_opening
from trading.evidence.sharpe import Moments
from trading.metrics import daily_returns
from trading.models import Job, Search, SearchChunk, Simulation
from trading.optimiser import tpe
from trading.optimiser.space import Space, SpaceInvalid, space_of
from trading.optimiser.top import Result, best_of
from trading.services._audit import record
from trading.services._knobs import checked_knobs
from trading.services._versions import create_version
from trading.services.research._simulations import Plan, start_simulation
from trading.services.research._soundness import refuse_unsound
from trading.services.research._stretches import stage_of
from trading.services.research._trials import count_trials
from trading.simulation import Run, measure_run, score_run, sweep

SEARCH = "search.run"
CHUNK = 32
CLAIM = timedelta(seconds=120)
MOST = 200_000
SHOWN = ("total_return", "sharpe", "max_drawdown", "trades", "composite")
OPEN = (Job.Status.QUEUED, Job.Status.RUNNING)


@dataclass(frozen=True, slots=True)
class Aim:
    """How to search: grid or tpe, in which space, for which metric, how often."""

    method: str = Search.Method.GRID
    space: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    objective: str = "composite"
    trials: int = 200


def start_search(
    *, baseline: StrategyVersion, plan: Plan, aim: Aim, by: User | None, now: datetime
) -> Search:
    """A job that tries parameters around `baseline`. Refuses SearchInvalid."""
    space = _space(baseline, aim)
    wanted = min(space.size, aim.trials) if aim.method == Search.Method.TPE else space.size
    _check(plan, aim, wanted)
    with transaction.atomic():
        job = Job.objects.create(
            task=SEARCH, args={}, created_by=by, created_at=now, updated_at=now
        )
        search = Search.objects.create(
            job=job,
            strategy=baseline.strategy,
            baseline=baseline,
            wanted=wanted,
            **_aimed(aim, space),
            **_columns(plan),
            created_by=by,
            created_at=now,
        )
        _cut(search, space)
        job.args = {"search": search.pk}
        job.save(update_fields=["args"])
        record(
            action="search.started",
            subject=f"search:{search.pk}",
            by=by,
            now=now,
            after={"strategy": baseline.strategy.name, "wanted": wanted, "method": aim.method},
        )
        events.job_progress(job, now=now)
    return search


def run_search(*, search_id: int, now: datetime, budget_s: float = 1.0) -> bool:
    """Take chunks until the budget is spent; whether any was left when it ended."""
    deadline = clock.mono() + budget_s
    while _run_chunk(search_id, now):
        if clock.mono() >= deadline:
            return free_chunks(search_id=search_id, now=now) > 0
    return False


def _run_chunk(search_id: int, now: datetime) -> bool:
    """Take the next free chunk and try what is in it; whether there was one."""
    chunk = _claimed(search_id, now)
    if chunk is None:
        return False
    search = chunk.search
    try:
        space = space_of(strategy_queries.params_of(search.baseline), search.space)
        tried = _tried(search, space, chunk)
    except Refusal as error:
        _fail(search, error.detail, now)
        return False
    _keep(chunk, tried, now)
    return True


def _fail(search: Search, why: str, now: datetime) -> None:
    Job.objects.filter(pk=search.job_id, status__in=OPEN).update(
        status=Job.Status.FAILED, message=why[:200], updated_at=now
    )
    events.job_progress(Job.objects.get(pk=search.job_id), now=now)


def free_chunks(*, search_id: int, now: datetime) -> int:
    """Chunks that wait for a worker."""
    return int(_free(now).filter(search_id=search_id).count())


def resume_search(*, search: Search, by: User | None, now: datetime) -> Search:
    """Let a canceled or failed search go on where it was; refuses SearchNotStopped."""
    with transaction.atomic():
        stopped = Job.objects.filter(
            pk=search.job_id,
            status__in=(Job.Status.CANCELED, Job.Status.FAILED),
            search__finished_at=None,
        )
        if not stopped.update(status=Job.Status.QUEUED, message="Resumed", updated_at=now):
            raise SearchNotStopped(f"Search {search.pk} runs, or has tried everything.")
        search.refresh_from_db()
        record(
            action="search.resumed",
            subject=f"search:{search.pk}",
            by=by,
            now=now,
            after={"tried": search.tried, "wanted": search.wanted},
        )
        events.job_progress(search.job, now=now)
    return search


def propose_candidate(*, search: Search, by: User | None, now: datetime) -> Simulation:
    """The best parameters as a candidate version, and its simulation on the whole range."""
    if not search.best:
        raise SearchUnfinished(f"Search {search.pk} has found nothing yet.")
    version = create_version(
        strategy_name=search.strategy.name,
        params=search.best[0]["params"],
        note=f"Best of search {search.pk}",
        by=by,
        now=now,
    )
    Search.objects.filter(pk=search.pk).update(candidate=version)
    return start_simulation(
        version=version, baseline=search.baseline, plan=plan_of(search), by=by, now=now
    )


def plan_of(search: Search) -> Plan:
    """The stretch of a search as somebody would ask for it."""
    return Plan(
        symbols=[resolve_symbol(name) for name in search.symbols],
        timeframe=search.timeframe,
        from_ms=search.from_ms,
        to_ms=search.to_ms,
        knobs=search.knobs,
        starting_cash=search.starting_cash,
        oos_share=search.oos_share,
        seed=search.seed,
    )


def split_of(search: Search) -> int:
    """The end of what the search may see."""
    return search.to_ms - int((search.to_ms - search.from_ms) * search.oos_share)


def _space(baseline: StrategyVersion, aim: Aim) -> Space:
    try:
        return space_of(strategy_queries.params_of(baseline), aim.space)
    except SpaceInvalid as error:
        raise SearchInvalid("The space is wrong.", fields={error.name: [error.text]}) from None


def _check(plan: Plan, aim: Aim, wanted: int) -> None:
    wrong: dict[str, object] = {}
    if aim.objective not in metrics.HIGHER_IS_BETTER:
        # The most is looked for: of a drawdown that would be the worst.
        names = [name for name in metrics.DEFINITIONS if name in metrics.HIGHER_IS_BETTER]
        wrong["objective"] = [f"One of {', '.join(names)}."]
    if not 0 < wanted <= MOST:
        wrong["space"] = [f"{wanted:,} combinations; at most {MOST:,} are tried in one search."]
    if not plan.symbols:
        wrong["symbols"] = ["Name at least one symbol."]
    if plan.from_ms >= plan.to_ms:
        wrong["to"] = ["The end must come after the start."]
    if wrong:
        raise SearchInvalid("This can't be searched.", fields=wrong)


def _aimed(aim: Aim, space: Space) -> dict[str, Any]:
    axes = {axis.name: {"values": list(axis.values)} for axis in space.axes}
    return {"method": aim.method, "space": axes, "objective": aim.objective}


def _columns(plan: Plan) -> dict[str, Any]:
    return {
        "symbols": [str(symbol) for symbol in plan.symbols],
        "timeframe": plan.timeframe,
        "from_ms": plan.from_ms,
        "to_ms": plan.to_ms,
        "knobs": checked_knobs(plan.knobs).stored(),
        "starting_cash": plan.starting_cash or settings.ENV.trading_paper_starting_equity,
        "oos_share": plan.oos_share,
        "seed": plan.seed,
    }


def _cut(search: Search, space: Space) -> None:
    """The chunks of a grid, or the first round of a Bayesian search."""
    if search.method == Search.Method.TPE:
        _next_round(search, space)
        return
    SearchChunk.objects.bulk_create(
        SearchChunk(
            search=search,
            number=number,
            combinations={"first": first, "last": min(first + CHUNK, space.size)},
        )
        for number, first in enumerate(range(0, space.size, CHUNK))
    )


def _next_round(search: Search, space: Space) -> None:
    """Chunks with what to try next, if anything is left to try."""
    chunks = list(search.chunks.order_by("number"))
    tried = [(dict(values), score) for chunk in chunks for values, score in chunk.found["all"]]
    count = min(CHUNK // 2, search.wanted - len(tried))
    asked = tpe.ask(space, tried, count=count, seed=search.seed) if count > 0 else []
    if asked:
        rows = [params.model_dump(mode="json") for params in asked]
        SearchChunk.objects.create(search=search, number=len(chunks), combinations={"sets": rows})


def _free(now: datetime) -> Any:
    unclaimed = Q(claimed_until=None) | Q(claimed_until__lt=now)
    return SearchChunk.objects.filter(unclaimed, done=False, search__job__status__in=OPEN)


def _claimed(search_id: int, now: datetime) -> SearchChunk | None:
    found = SearchChunk.objects.select_related(
        "search__job", "search__strategy", "search__baseline__strategy"
    )
    for pk in _free(now).filter(search_id=search_id).order_by("number").values_list("pk")[:8]:
        free = Q(claimed_until=None) | Q(claimed_until__lt=now)
        mine = SearchChunk.objects.filter(free, pk=pk[0], done=False)
        if mine.update(claimed_until=now + CLAIM):
            return found.get(pk=pk[0])
    return None


def _tried(search: Search, space: Space, chunk: SearchChunk) -> dict[str, Any]:
    """Simulate everything in a chunk on the in-sample part."""
    wanted = list(_combinations(space, chunk))
    results: list[Result] = []
    sharpes: list[float] = []
    if wanted:
        strategy = registry.get(search.strategy.name)
        split = split_of(search)
        stage = stage_of(search, strategy, params=wanted, fill_at="next_open").until(split)
        if chunk.number == 0:
            refuse_unsound(stage, wanted[0], wanted[-1])
        for params, (score, sharpe) in sweep(
            wanted,
            lambda params: stage.course(strategy, params, search.from_ms, split),
            lambda run: _seen(run, search.objective),
        ):
            results.append({"params": params.model_dump(mode="json"), **score})
            sharpes.append(sharpe)
    names = [axis.name for axis in space.axes]
    return {
        "tried": len(results),
        "best": best_of(results),
        "sharpes": sharpes,
        "all": [[{n: r["params"][n] for n in names}, r["score"]] for r in results],
    }


def _combinations(space: Space, chunk: SearchChunk) -> Iterable[Params]:
    what = chunk.combinations
    if "sets" in what:
        return [type(space.start).model_validate(each) for each in what["sets"]]
    return space.between(what["first"], what["last"])


def _seen(run: Run, objective: str) -> tuple[dict[str, Any], float]:
    """The score and the metrics that lists show, and the Sharpe ratio of its days, not per year."""
    measured = score_run(run)
    if objective not in measured:
        measured[objective] = _missing_or(measure_run(run).value(objective))
    numbers = {name: value for name, value in measured.items() if not isinstance(value, str)}
    moments = Moments.of(daily_returns(with_opening(run)))
    seen = {
        "score": numbers.get(objective),
        "metrics": {name: numbers.get(name) for name in SHOWN},
    }
    return seen, moments.sharpe if moments else 0.0


def _missing_or(value: float | None) -> float | str:
    return "not measured" if value is None else value


def _keep(chunk: SearchChunk, tried: dict[str, Any], now: datetime) -> None:
    """What a chunk found, once: a second worker with the same chunk changes nothing."""
    sharpes = tried.pop("sharpes")
    with transaction.atomic():
        search = Search.objects.select_for_update().get(pk=chunk.search_id)
        fresh = SearchChunk.objects.filter(pk=chunk.pk, done=False).update(done=True, found=tried)
        if not fresh:
            return
        search.tried += tried["tried"]
        search.best = best_of([*search.best, *tried["best"]])
        search.save(update_fields=["tried", "best"])
        count_trials(search.strategy, sharpes)
        if not search.chunks.filter(done=False).exists():
            _go_on(search, now)
        _report(search, now)


def _go_on(search: Search, now: datetime) -> None:
    """The next round, or the end."""
    if search.method == Search.Method.TPE:
        _next_round(search, space_of(strategy_queries.params_of(search.baseline), search.space))
        if search.chunks.filter(done=False).exists():
            return
    Search.objects.filter(pk=search.pk).update(finished_at=now)
    search.finished_at = now
    record(
        action="search.finished",
        subject=f"search:{search.pk}",
        by=None,
        now=now,
        after={"tried": search.tried, "best": search.best[:1]},
    )


def _report(search: Search, now: datetime) -> None:
    done = search.finished_at is not None
    percent = 100 if done else min(search.tried * 100 // max(search.wanted, 1), 99)
    Job.objects.filter(pk=search.job_id, status__in=OPEN).update(
        status=Job.Status.DONE if done else Job.Status.RUNNING,
        progress=percent,
        message=f"{search.tried} of {search.wanted} tried"[:200],
        updated_at=now,
    )
    events.job_progress(Job.objects.get(pk=search.job_id), now=now)
