"""Simulations as jobs: a candidate against a baseline, the evidence, the report."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction

from marketdata.models import Symbol
from marketdata.timeframes import Timeframe
from strategies import queries as strategy_queries
from strategies import registry
from strategies.hashing import code_hash
from strategies.models import StrategyVersion
from strategies.protocol import Params
from trading import artifacts, events, metrics, tear_sheet
from trading.errors import SimulationInvalid, SimulationUnfinished
from trading.evidence.assess import Case, assess
from trading.evidence.found import Trials
from trading.evidence.sharpe import Moments
from trading.evidence.verdict import Thresholds
from trading.metrics import daily_returns
from trading.models import Job, Simulation
from trading.queries import _simulations as simulation_queries
from trading.services._audit import record
from trading.services._knobs import checked_knobs
from trading.services._versions import note_simulated
from trading.services.research._stretches import Stage, stage_of
from trading.services.research._trials import count_trials, merged, trials_of
from trading.simulation import FillAt
from trading.simulation.certificate import differences, engine_hash

State = StrategyVersion.State
SIMULATION = "simulation.run"
MOST_CANDLES = 5_000_000
Progress = Callable[[int, str], None]


@dataclass(frozen=True, slots=True)
class Plan:
    """What somebody asks to have simulated; the range is half-open UTC ms."""

    symbols: Sequence[Symbol]
    timeframe: str
    from_ms: int
    to_ms: int
    knobs: Mapping[str, Any] = field(default_factory=dict)
    starting_cash: Decimal | None = None
    fill_at: FillAt = "next_open"
    oos_share: float = 0.3
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Report:
    """A finished simulation: the report, its bytes and hash, what it rests on."""

    content: bytes
    digest: str
    told: dict[str, Any]
    hashes: dict[str, Any]
    trials: Trials
    sharpe: float | None  # per period, in sample


def start_simulation(
    *,
    version: StrategyVersion,
    baseline: StrategyVersion | None,
    plan: Plan,
    by: User | None,
    now: datetime,
    after: Job | None = None,
) -> Simulation:
    """A job that simulates `version` and judges it, not before the job `after` has ended.

    Refuses SimulationInvalid, KnobsInvalid.
    """
    _check(version, baseline, plan)
    with transaction.atomic():
        job = Job.objects.create(
            task=SIMULATION, args={}, created_by=by, created_at=now, updated_at=now
        )
        simulation = Simulation.objects.create(
            job=job,
            version=version,
            baseline=baseline,
            **_columns(plan),
            created_by=by,
            created_at=now,
        )
        job.args = {"simulation": simulation.pk} | ({"after": after.pk} if after else {})
        job.save(update_fields=["args"])
        record(
            action="simulation.started",
            subject=f"simulation:{simulation.pk}",
            by=by,
            now=now,
            after={"version": str(version), "symbols": simulation.symbols, "job": job.pk},
        )
        events.job_progress(job, now=now)
    return simulation


def _columns(plan: Plan) -> dict[str, Any]:
    return {
        "symbols": [str(symbol) for symbol in plan.symbols],
        "timeframe": plan.timeframe,
        "from_ms": plan.from_ms,
        "to_ms": plan.to_ms,
        "knobs": checked_knobs(plan.knobs).stored(),
        "starting_cash": plan.starting_cash or settings.ENV.trading_paper_starting_equity,
        "fill_at": plan.fill_at,
        "oos_share": plan.oos_share,
        "seed": plan.seed,
    }


def run_simulation(*, simulation: Simulation, progress: Progress, now: datetime) -> None:
    """Simulate, judge, and store the report once. Raises what the engine refuses."""
    if simulation.finished_at is not None:
        return  # whoever carried it to its end was killed before it could say so
    report = make_report(simulation, trials_for(simulation), progress=progress)
    artifacts.keep(artifacts.SIMULATIONS, report.digest, tear_sheet.packed(report.content))
    with transaction.atomic():
        running = Job.objects.select_for_update().filter(
            pk=simulation.job_id, status__in=(Job.Status.QUEUED, Job.Status.RUNNING)
        )
        if not running.exists():
            return  # canceled while the report was written
        fresh = Simulation.objects.filter(pk=simulation.pk, finished_at=None).update(
            finished_at=now,
            verdict=report.told["verdict"]["colour"],
            headline=tear_sheet.headline(report.told),
            certificate=_certificate(report),
            report_hash=report.digest,
        )
        if not fresh:
            return  # another worker was faster, with the same result
        if report.sharpe is not None and is_new_trial(simulation):
            count_trials(simulation.version.strategy, [report.sharpe])
        record(
            action="simulation.finished",
            subject=f"simulation:{simulation.pk}",
            by=None,
            now=now,
            after={"verdict": report.told["verdict"]["colour"], "report": report.digest},
        )
        note_simulated(simulation, now=now)


def trials_for(simulation: Simulation) -> Trials:
    """What was tried before this one."""
    return trials_of(simulation.version.strategy)


def is_new_trial(simulation: Simulation) -> bool:
    """Whether this content was never simulated on these candles: again is not a new try."""
    same = Simulation.objects.filter(
        version=simulation.version,
        timeframe=simulation.timeframe,
        from_ms=simulation.from_ms,
        to_ms=simulation.to_ms,
    ).exclude(finished_at=None)
    others = same.exclude(pk=simulation.pk)
    return not any(other.symbols == simulation.symbols for other in others)


def make_report(
    simulation: Simulation, before: Trials, *, progress: Progress = lambda share, what: None
) -> Report:
    """The report of a stored simulation; the same row, candles and code give the same bytes."""
    progress(0, "Loading candles")
    strategy = registry.get(simulation.version.strategy.name)
    candidate = strategy_queries.params_of(simulation.version)
    baseline = strategy_queries.params_of(simulation.baseline) if simulation.baseline else None
    params = [candidate, *([baseline] if baseline else [])]
    fill_at: FillAt = "same_close" if simulation.fill_at == "same_close" else "next_open"
    stage = stage_of(simulation, strategy, params=params, fill_at=fill_at)
    split_ms = split_of(simulation)
    inside = stage.run(candidate, simulation.from_ms, split_ms)
    moments = Moments.of(daily_returns((inside.at_ms, inside.equity)))
    trials = merged(before, [moments.sharpe]) if moments else merged(before, [0.0])
    case = _case(simulation, stage, candidate, baseline, trials)
    evidence = assess(case, progress=lambda share, what: progress(5 + share * 85 // 100, what))
    progress(92, "Writing the report")
    runs = _runs(simulation, stage, candidate, baseline, split_ms)
    told = tear_sheet.build(runs, evidence, _inputs(simulation, candidate, baseline))
    content = tear_sheet.to_bytes(told)
    return Report(
        content=content,
        digest=tear_sheet.digest(content),
        told=told,
        hashes=_hashes(simulation, stage),
        trials=before,
        sharpe=moments.sharpe if moments else None,
    )


def split_of(simulation: Simulation) -> int:
    """Where out-of-sample begins."""
    span = simulation.to_ms - simulation.from_ms
    return simulation.to_ms - int(span * simulation.oos_share)


def thresholds() -> Thresholds:
    """What the settings ask of evidence."""
    names = Thresholds.__dataclass_fields__
    return Thresholds(**{name: getattr(settings.ENV, f"evidence_{name}") for name in names})


def _case(
    simulation: Simulation,
    stage: Stage,
    candidate: Params,
    baseline: Params | None,
    trials: Trials,
) -> Case:
    return Case(
        runner=stage.run,
        strategy=stage.strategy,
        candidate=candidate,
        baseline=baseline,
        bars=list(stage.bars.values()),
        from_ms=simulation.from_ms,
        to_ms=simulation.to_ms,
        oos_share=simulation.oos_share,
        trials=trials,
        thresholds=thresholds(),
        seed=simulation.seed,
    )


def _runs(
    simulation: Simulation,
    stage: Stage,
    candidate: Params,
    baseline: Params | None,
    split_ms: int,
) -> tear_sheet.Runs:
    from_ms, to_ms = simulation.from_ms, simulation.to_ms
    hold = registry.get("buy_and_hold")
    return tear_sheet.Runs(
        candidate=stage.run(candidate, from_ms, to_ms),
        inside=stage.run(candidate, from_ms, split_ms),
        outside=stage.run(candidate, split_ms, to_ms),
        baseline=stage.run(baseline, from_ms, to_ms) if baseline else None,
        held=stage.run_strategy(hold, hold.validated({}), from_ms, to_ms),
        split_ms=split_ms,
    )


def _inputs(simulation: Simulation, candidate: Params, baseline: Params | None) -> dict[str, Any]:
    return {
        "strategy": simulation.version.strategy.name,
        "version": simulation.version.number,
        "baseline_version": simulation.baseline.number if simulation.baseline else None,
        "params": candidate.model_dump(mode="json"),
        "baseline_params": baseline.model_dump(mode="json") if baseline else None,
        "symbols": simulation.symbols,
        "timeframe": simulation.timeframe,
        "from_ms": simulation.from_ms,
        "to_ms": simulation.to_ms,
        "fill_at": simulation.fill_at,
        "oos_share": simulation.oos_share,
        "knobs": simulation.knobs,
        "starting_cash": f"{simulation.starting_cash:f}",
        "seed": simulation.seed,
        "metrics_version": metrics.VERSION,
    }


def _hashes(simulation: Simulation, stage: Stage) -> dict[str, Any]:
    asked = thresholds()
    return {
        **{f"candles of {name}": value for name, value in stage.datasets().items()},
        "strategy": code_hash(stage.strategy),
        **{f"rules of {name}": value for name, value in stage.filter_hashes().items()},
        "parameters": simulation.version.params_hash,
        "baseline": simulation.baseline.params_hash if simulation.baseline else "",
        "engine": engine_hash(),
        "thresholds": tear_sheet.digest(repr(asked).encode()),
    }


def _certificate(report: Report) -> dict[str, Any]:
    import numba
    import numpy

    trials = report.trials
    return {
        "format": 1,
        "hashes": report.hashes,
        "report": report.digest,
        "metrics_version": metrics.VERSION,
        "trials_before": {"n": trials.n, "mean": trials.mean, "m2": trials.m2},
        "made_with": {"numpy": numpy.__version__, "numba": numba.__version__},
    }


def _check(version: StrategyVersion, baseline: StrategyVersion | None, plan: Plan) -> None:
    wrong: dict[str, object] = {}
    if not plan.symbols:
        wrong["symbols"] = ["Name at least one symbol."]
    if len({symbol.quote for symbol in plan.symbols}) > 1:
        wrong["symbols"] = ["All symbols need the same quote asset: they share one cash."]
    timeframe = Timeframe(plan.timeframe)
    candles = (plan.to_ms - plan.from_ms) // timeframe.ms * max(len(plan.symbols), 1)
    if not 0 < candles <= MOST_CANDLES:
        wrong["to"] = [f"The range must have between 1 and {MOST_CANDLES:,} candles."]
    if not 0.1 <= plan.oos_share <= 0.9:
        wrong["oos_share"] = ["Between 0.1 and 0.9."]
    if words := _versions_wrong(version, baseline):
        wrong["baseline"] = [words]
    if plan.starting_cash is not None and plan.starting_cash <= 0:
        wrong["starting_cash"] = ["More than 0."]
    if wrong:
        raise SimulationInvalid("This can't be simulated.", fields=wrong)


def _versions_wrong(version: StrategyVersion, baseline: StrategyVersion | None) -> str:
    if baseline is not None and baseline.strategy_id != version.strategy_id:
        return "The baseline must be a version of the same strategy."
    drafts = [one for one in (version, baseline) if one and one.state == State.DRAFT]
    return f"v{drafts[0].number} is a draft and may still change: propose it." if drafts else ""


@dataclass(frozen=True, slots=True)
class Reproduction:
    """A report made again; `changed` names the inputs that are not what they were."""

    same: bool
    digest: str
    changed: list[str]
    content: bytes


def reproduce_simulation(*, simulation_id: int) -> Reproduction:
    """Make a stored simulation again; nothing is written. Refuses SimulationUnfinished."""
    row = simulation_queries.simulation(simulation_id)
    if not row.report_hash:
        raise SimulationUnfinished(f"Simulation {row.pk} has no report to compare with.")
    then = row.certificate["trials_before"]
    report = make_report(row, Trials(then["n"], then["mean"], then["m2"]))
    return Reproduction(
        same=report.digest == row.report_hash,
        digest=report.digest,
        changed=differences(row.certificate["hashes"], report.hashes),
        content=report.content,
    )
