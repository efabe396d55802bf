"""Simulations as jobs: started, judged, stored once, made again byte by byte."""

from __future__ import annotations

import itertools
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import connection
from django.db.models import F

from marketdata.models import Candle, Symbol
from strategies import registry
from strategies.models import Strategy, StrategyVersion
from tests.scenarios.replays import NOW
from tests.trading.simulating import FASTER, finished, start
from trading import artifacts, queries, services, tasks, tear_sheet
from trading.errors import KnobsInvalid, SimulationInvalid, SimulationUnfinished, SimulationUnknown
from trading.evidence.assess import assess
from trading.models import AuditEvent, Job, Simulation, TrialCount
from trading.services import _jobs
from trading.services.research import _simulations
from trading.services.research._trials import count_trials, trials_of

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def own_artifacts(tmp_path: Path, settings: Any) -> None:
    settings.STATE_DIR = tmp_path


def run_after_a_minute(row: Simulation) -> None:
    """What the tick does with a job that shows no life any more."""
    now = NOW + timedelta(seconds=61)
    assert services.tick(process="beat", now=now).simulations == (row.job_id,)
    services.run_job(job_id=row.job_id, now=now)


def test_a_simulation_ends_with_a_verdict_a_report_and_its_certificate() -> None:
    row = finished()

    report = queries.report_of(row)
    assert row.job.status == Job.Status.DONE
    assert row.verdict == report["verdict"]["colour"]
    assert row.headline["candidate"]["trades"] == len(report["candidate"]["trades"]) > 0
    assert row.certificate["report"] == row.report_hash
    assert {"strategy", "engine", "parameters"} <= set(row.certificate["hashes"])
    assert report["params"] | FASTER == report["params"]
    assert row.version.number == 2
    assert row.baseline is not None
    assert row.baseline.number == 1


def test_every_step_is_audited() -> None:
    finished()

    actions = list(AuditEvent.objects.order_by("seq").values_list("action", flat=True))
    assert actions[-3:] == [
        "simulation.started",
        "simulation.finished",
        "strategy_version.simulated",
    ]


def test_a_second_worker_stores_nothing_twice() -> None:
    row = finished()
    report, trials = row.report_hash, trials_of(row.version.strategy)

    _simulations.run_simulation(simulation=row, progress=lambda share, what: None, now=NOW)

    again = queries.simulation(row.pk)
    assert again.report_hash == report
    assert trials_of(row.version.strategy) == trials
    assert AuditEvent.objects.filter(action="simulation.finished").count() == 1


def test_a_job_that_is_canceled_in_the_middle_leaves_no_report(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    started = start()

    def cancel_then_assess(*args: Any, **kwargs: Any) -> Any:
        services.cancel_job(job_id=started.job_id, by=None, now=NOW)
        return assess(*args, **kwargs)

    monkeypatch.setattr(_simulations, "assess", cancel_then_assess)
    services.run_job(job_id=started.job_id, now=NOW)

    row = queries.simulation(started.pk)
    assert (row.job.status, row.report_hash) == (Job.Status.CANCELED, "")
    assert not TrialCount.objects.filter(n__gt=0).exists()


def test_a_job_whose_worker_was_killed_is_carried_to_its_end_by_another(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    started = start()

    def killed(*args: Any, **kwargs: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(artifacts, "keep", killed)
        with pytest.raises(KeyboardInterrupt):
            services.run_job(job_id=started.job_id, now=NOW)
    assert queries.simulation(started.pk).job.status == Job.Status.RUNNING
    run_after_a_minute(started)

    row = queries.simulation(started.pk)
    assert row.job.status == Job.Status.DONE
    assert services.reproduce_simulation(simulation_id=row.pk).same


def test_two_workers_with_the_same_hint_simulate_once(monkeypatch: pytest.MonkeyPatch) -> None:
    started = start()
    runs = []

    def second_worker_in_the_middle(*args: Any, **kwargs: Any) -> Any:
        runs.append(services.run_job(job_id=started.job_id, now=NOW))
        return assess(*args, **kwargs)

    monkeypatch.setattr(_simulations, "assess", second_worker_in_the_middle)
    services.run_job(job_id=started.job_id, now=NOW)

    assert runs == [False]
    assert queries.simulation(started.pk).job.status == Job.Status.DONE


def test_its_hints_go_to_a_queue_that_no_order_waits_in(monkeypatch: pytest.MonkeyPatch) -> None:
    started = start()
    monkeypatch.setattr(tasks.run_job, "apply_async", pytest.fail)
    sent: list[Any] = []
    monkeypatch.setattr(
        tasks.run_simulation, "apply_async", lambda kwargs, expires: sent.append(kwargs)
    )

    hints = services.tick(process="beat", now=NOW + timedelta(seconds=2))
    tasks.send_hints(hints)

    assert hints.jobs == []
    assert sent == [{"job_id": started.job_id}]
    for task in ("run_simulation", "run_search", "measure_drifts"):
        assert settings.CELERY_TASK_ROUTES[f"trading.tasks.{task}"]["queue"] == "simulations"


def test_progress_carries_the_time_at_which_it_was_made() -> None:
    started = start()
    times = (NOW + timedelta(seconds=second) for second in itertools.count(1))

    services.run_job(job_id=started.job_id, now=NOW, later=lambda: next(times))

    job = queries.simulation(started.pk).job
    assert job.status == Job.Status.DONE
    assert job.updated_at > NOW + timedelta(seconds=3)


def test_without_candles_it_fails_with_a_sentence() -> None:
    started = start(from_ms=1_000_000_000_000, to_ms=1_000_100_000_000)

    services.run_job(job_id=started.job_id, now=NOW)

    job = queries.simulation(started.pk).job
    assert job.status == Job.Status.FAILED
    assert "0 candles are stored in this range" in job.message


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"to_ms": 1}, SimulationInvalid),
        ({"oos_share": 0.95}, SimulationInvalid),
        ({"symbols": []}, SimulationInvalid),
        ({"starting_cash": -1}, SimulationInvalid),
        ({"knobs": {"volume_cap": 2}}, KnobsInvalid),
    ],
)
def test_what_cannot_be_simulated_is_refused(changes: dict[str, Any], error: Any) -> None:
    with pytest.raises(error):
        start(**changes)

    assert not Job.objects.exists()


def test_a_simulation_is_made_again_to_the_byte() -> None:
    row = finished()

    made = services.reproduce_simulation(simulation_id=row.pk)

    assert made.same
    assert made.content == queries.report_bytes(row)
    call_command("reproduce", row.pk)


def test_other_candles_are_named_as_what_changed() -> None:
    row = finished()
    candle = Candle.objects.order_by("open_ms").last()
    assert candle is not None
    Candle.objects.filter(open_ms=candle.open_ms).update(close=candle.close * 1.01)

    made = services.reproduce_simulation(simulation_id=row.pk)

    assert not made.same
    assert made.changed == [f"candles of {row.symbols[0]}"]
    with pytest.raises(CommandError, match="What changed: candles of"):
        call_command("reproduce", row.pk)


def test_a_lost_report_is_said_to_be_lost() -> None:
    row = finished()
    artifacts.path_of(artifacts.SIMULATIONS, row.report_hash).unlink()

    with pytest.raises(SimulationUnfinished, match="lost its report"):
        queries.report_bytes(row)
    with pytest.raises(SimulationUnknown):
        queries.simulation(row.pk + 1)


def test_each_new_candidate_counts_as_a_trial_and_a_repetition_does_not() -> None:
    row = finished()
    strategy = row.version.strategy
    assert trials_of(strategy).n == 1

    finished()
    assert trials_of(strategy).n == 1
    other = finished(params={"fast": 9, "slow": 21})
    assert trials_of(strategy).n == 2
    assert queries.report_of(other)["evidence"]["trials"]["n"] == 2


def test_trials_are_counted_with_their_mean_and_spread() -> None:
    start()
    strategy = Strategy.objects.get(name="sma_cross")

    count_trials(strategy, [0.1, 0.3])
    total = count_trials(strategy, [0.2])

    assert (total.n, total.mean, total.variance) == pytest.approx((3, 0.2, 0.01))


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE trading_trialcount SET n = 1",
        "UPDATE trading_trialcount SET m2 = 0, mean = 0",
        "DELETE FROM trading_trialcount",
    ],
)
def test_nobody_resets_the_count_of_trials(statement: str) -> None:
    start()
    count_trials(Strategy.objects.get(name="sma_cross"), [0.1, 0.3])

    with pytest.raises(Exception, match="trials"), connection.cursor() as cursor:
        cursor.execute(statement)


def test_a_job_that_is_canceled_while_the_report_is_written_has_none(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    started = start()
    build = tear_sheet.build

    def cancel_then_build(*args: Any, **kwargs: Any) -> Any:
        services.cancel_job(job_id=started.job_id, by=None, now=NOW)
        return build(*args, **kwargs)

    monkeypatch.setattr(tear_sheet, "build", cancel_then_build)
    services.run_job(job_id=started.job_id, now=NOW)

    row = queries.simulation(started.pk)
    assert (row.job.status, row.report_hash) == (Job.Status.CANCELED, "")


def test_a_worker_killed_between_result_and_done_is_not_repeated(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    started = start()
    update = _jobs.update_job

    def die_at_the_end(*, status: str, **rest: Any) -> bool:
        if status == Job.Status.DONE:
            raise KeyboardInterrupt
        return update(status=status, **rest)

    with monkeypatch.context() as patched:
        patched.setattr(_jobs, "update_job", die_at_the_end)
        with pytest.raises(KeyboardInterrupt):
            services.run_job(job_id=started.job_id, now=NOW)
    before = queries.simulation(started.pk).report_hash
    run_after_a_minute(started)

    row = queries.simulation(started.pk)
    assert (row.job.status, row.report_hash) == (Job.Status.DONE, before)
    assert len(list(settings.STATE_DIR.rglob("*.json.gz"))) == 1


def test_other_rules_of_the_exchange_are_named_as_what_changed() -> None:
    row = finished()
    Symbol.objects.update(price_tick=F("price_tick") * 1000)

    made = services.reproduce_simulation(simulation_id=row.pk)

    assert made.changed == [f"rules of {row.symbols[0]}"]


def test_other_strategy_code_is_named_as_what_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    row = finished()
    strategy = type(registry.get("trend_ema_fast"))
    targets = strategy.targets
    monkeypatch.setattr(
        strategy, "targets", lambda self, bars, params: 1 - targets(self, bars, params)
    )
    monkeypatch.setattr(_simulations, "code_hash", lambda strategy: "another")

    assert services.reproduce_simulation(simulation_id=row.pk).changed == ["strategy"]


def test_a_symbol_in_two_spellings_is_one() -> None:
    name = start().symbols[0]

    assert start(symbols=[name, name.split(":")[1].replace("/", "")]).symbols == [name]


def test_a_refused_simulation_leaves_no_candidate_behind() -> None:
    start()
    before = StrategyVersion.objects.count()

    with pytest.raises(SimulationInvalid):
        start(params={"fast": 7, "slow": 33}, to_ms=1)

    assert StrategyVersion.objects.count() == before
