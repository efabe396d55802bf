"""Searches: inside the bounds, in-sample only, in chunks that survive their workers."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from config import clock
from marketdata.models import Candle
from strategies import registry
from strategies import services as strategy_services
from tests.scenarios.replays import NOW, WILD, imported
from trading import queries, services
from trading.errors import SearchInvalid, SearchUnfinished
from trading.models import AuditEvent, Job, Search, SearchChunk
from trading.optimiser.space import SpaceInvalid, space_of
from trading.optimiser.top import best_of
from trading.services.research import _searches, _walks
from trading.services.research._trials import trials_of

pytestmark = pytest.mark.django_db

SMALL = {"fast": {"low": 4, "high": 12, "step": 2}, "slow": {"values": [10, 20, 30]}}


def start(**changes: Any) -> Search:
    services.ensure_system_state(now=NOW)
    strategy_services.sync_strategies(now=NOW)
    symbol, timeframe, stored = imported(WILD)
    asked: dict[str, Any] = {
        "symbols": [str(symbol)],
        "timeframe": timeframe,
        "from_ms": stored.from_ms + 2 * 86_400_000,
        "to_ms": stored.to_ms,
        "method": "grid",
        "space": SMALL,
        "objective": "total_return",
        **changes,
    }
    return services.search_strategy(strategy="trend_ema_fast", asked=asked, by=None, now=NOW)


def carried(search: Search) -> Search:
    while services.run_search(search_id=search.pk, now=NOW):
        pass
    return queries.search(search.pk)


def test_a_grid_tries_every_valid_combination_and_keeps_the_best() -> None:
    search = carried(start())

    assert search.tried == 13  # of 15: slow 10 goes with neither fast 10 nor 12
    assert (search.job.status, search.job.progress) == (Job.Status.DONE, 100)
    scores = [found["score"] for found in search.best]
    assert scores == sorted(scores, reverse=True)
    assert all(found["params"]["slow"] > found["params"]["fast"] for found in search.best)
    actions = AuditEvent.objects.filter(action__startswith="search.")
    assert list(actions.order_by("seq").values_list("action", flat=True)) == [
        "search.started",
        "search.finished",
    ]


def test_a_search_never_sees_what_is_out_of_sample() -> None:
    search = carried(start())
    split = _searches.split_of(search)
    Candle.objects.filter(open_ms__gte=split).update(close=1.0, high=99_999.0, low=0.5)

    again = carried(start())

    assert [found["score"] for found in again.best] == [found["score"] for found in search.best]


def test_the_bayesian_search_is_the_same_for_the_same_seed_and_tries_nothing_twice() -> None:
    one, other, third = (
        carried(start(method="tpe", trials=24, seed=seed, space={})) for seed in (7, 7, 8)
    )

    assert one.tried == other.tried == 24
    assert one.best == other.best
    assert one.best != third.best
    tried = [str(v) for chunk in one.chunks.all() for v, _ in chunk.found["all"]]
    assert len(tried) == len(set(tried))


def test_a_killed_worker_s_chunk_is_taken_up_and_the_best_is_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    whole = carried(start(seed=1))
    search = start(seed=1)

    def killed(*args: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(_searches, "_keep", killed)
        with pytest.raises(KeyboardInterrupt):
            services.run_search(search_id=search.pk, now=NOW)

    assert not services.run_search(search_id=search.pk, now=NOW)  # still claimed
    assert queries.search(search.pk).tried == 0
    later = NOW + _searches.CLAIM + timedelta(seconds=1)
    while services.run_search(search_id=search.pk, now=later):
        pass
    assert queries.search(search.pk).best == whole.best


def test_what_a_chunk_found_counts_once_whoever_brings_it() -> None:
    search = start()
    chunk = _searches._claimed(search.pk, NOW)
    assert chunk is not None
    space = space_of(registry.get("trend_ema_fast").validated({}), search.space)
    before = trials_of(search.strategy).n

    for _ in range(2):
        _searches._keep(chunk, _searches._tried(chunk.search, space, chunk), NOW)

    row = queries.search(search.pk)
    assert row.tried == trials_of(search.strategy).n - before == 13


@pytest.mark.django_db(transaction=True)
def test_two_workers_share_the_chunks_and_do_none_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_searches, "CHUNK", 2)
    search = start()
    done: list[int] = []
    keep = _searches._keep

    def noted(chunk: SearchChunk, *rest: Any) -> None:
        done.append(chunk.number)
        keep(chunk, *rest)

    monkeypatch.setattr(_searches, "_keep", noted)

    def work() -> None:
        try:
            services.run_search(search_id=search.pk, now=NOW, budget_s=60)
        finally:
            connection.close()

    workers = [threading.Thread(target=work) for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()

    assert sorted(done) == list(range(8))
    assert queries.search(search.pk).tried == 13


def test_a_canceled_search_stops_between_chunks() -> None:
    search = start()
    services.cancel_job(job_id=search.job_id, by=None, now=NOW)

    assert not services.run_search(search_id=search.pk, now=NOW)
    assert queries.search(search.pk).tried == 0


def test_without_candles_a_search_fails_with_a_sentence() -> None:
    search = carried(start(from_ms=1_000_000_000_000, to_ms=1_000_100_000_000))

    assert search.job.status == Job.Status.FAILED
    assert "0 candles are stored" in search.job.message


def test_the_best_becomes_a_candidate_that_is_simulated_on_the_whole_range() -> None:
    search = start()
    with pytest.raises(SearchUnfinished):
        services.propose_candidate(search=search, by=None, now=NOW)
    search = carried(search)

    simulation = services.propose_candidate(search=search, by=None, now=NOW)

    assert simulation.version.params == search.best[0]["params"]
    assert (simulation.from_ms, simulation.to_ms) == (search.from_ms, search.to_ms)
    assert simulation.baseline == search.baseline
    found = queries.simulation_of(queries.search(search.pk))
    assert found is not None
    assert found.pk == simulation.pk


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"objective": "luck"}, "objective"),
        ({"objective": "max_drawdown"}, "objective"),
        ({"space": {"odd": {}}}, "odd"),
        ({"space": {"fast": {"low": 1, "high": 300}}}, "fast"),
        ({"space": {"fast": {"values": ["x"]}}}, "fast"),
        ({"to_ms": 1}, "to"),
        ({"symbols": []}, "symbols"),
    ],
)
def test_what_cannot_be_searched_is_refused(changes: dict[str, Any], field: str) -> None:
    with pytest.raises(SearchInvalid) as refused:
        start(**changes)

    assert field in refused.value.fields
    assert not Job.objects.exists()


def test_a_tick_tells_workers_of_chunks_that_wait() -> None:
    search = start()

    assert services.tick(process="beat", now=clock.now()).searches == (search.pk,)
    carried(search)
    assert services.tick(process="beat", now=clock.now()).searches == ()


def test_a_space_numbers_its_combinations_without_holding_them() -> None:
    params = registry.get("sma_cross").validated({})
    space = space_of(params, {"fast": {"low": 2, "high": 200}, "slow": {"low": 2, "high": 200}})

    assert space.size == 199 * 199
    first = space.at(1)
    assert first is not None
    assert (first.model_dump()["fast"], first.model_dump()["slow"]) == (2, 3)
    assert space.at(0) is None
    with pytest.raises(SpaceInvalid, match="larger step"):
        space_of(params, {"stop_loss": {"low": 0, "high": 0.5, "step": 0.0001}})


def test_the_best_don_t_depend_on_who_was_first() -> None:
    rows = [{"params": {"a": a}, "score": score} for a, score in [(2, 1.0), (1, 1.0), (3, None)]]

    assert best_of(rows) == best_of(rows[::-1]) == [rows[1], rows[0]]


def test_the_command_searches_here_and_goes_on_with_what_was_left(
    capsys: pytest.CaptureFixture[str],
) -> None:
    search = start()
    span = ("--from", str(search.from_ms), "--to", str(search.to_ms))
    market = ("--symbol", search.symbols[0], "--timeframe", search.timeframe)

    call_command("optimise", "--resume", str(search.pk))
    call_command(
        "optimise", "trend_ema_fast", *market, *span, "--method", "grid", "--space", "fast=4:8:2"
    )

    told = capsys.readouterr().out
    assert "13 tried" in told
    assert "3 tried" in told
    with pytest.raises(CommandError, match="Name a strategy"):
        call_command("optimise", "trend_ema_fast")
    with pytest.raises(CommandError, match="low:high:step"):
        call_command("optimise", "trend_ema_fast", *market, *span, "--space", "fast")


def test_a_walk_forward_searches_before_each_fold_and_counts_every_try(
    capsys: pytest.CaptureFixture[str],
) -> None:
    search = start()
    span = ("--from", str(search.from_ms), "--to", str(search.to_ms))
    market = ("--symbol", search.symbols[0], "--timeframe", search.timeframe)
    how = ("--folds", "2", "--trials", "6", "--objective", "total_return")

    call_command("walk_forward", "trend_ema_fast", *market, *span, *how)

    assert "efficiency" in capsys.readouterr().out
    assert trials_of(search.strategy).n == 12
    call_command("walk_forward", "trend_ema_fast", *market, *span, "--trials", "0", "--json")
    assert '"efficiency"' in capsys.readouterr().out
    with pytest.raises(CommandError, match="One of total_return"):
        call_command("walk_forward", "trend_ema_fast", *market, *span, "--objective", "luck")


def test_a_walk_forward_of_what_is_never_sold_leaves_nothing_to_search(
    capsys: pytest.CaptureFixture[str],
) -> None:
    search = start()
    span = ("--from", str(search.from_ms), "--to", str(search.to_ms))
    market = ("--symbol", search.symbols[0], "--timeframe", search.timeframe)

    with pytest.raises(CommandError, match="held for longer than a fold"):
        call_command("walk_forward", "buy_and_hold", *market, *span, "--trials", "2")

    call_command("walk_forward", "buy_and_hold", *market, *span, "--trials", "0", "--json")
    assert capsys.readouterr().out.count("in_sample") == 5


def test_a_search_ends_before_its_fold_by_the_longest_holding(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    search = start()
    asked = {
        "symbols": search.symbols,
        "timeframe": search.timeframe,
        "from_ms": search.from_ms,
        "to_ms": search.to_ms,
    }
    monkeypatch.setattr(_walks, "longest_holding", lambda run: 3_600_000)

    walked = _walks.walk_strategy(
        strategy="trend_ema_fast",
        asked=asked,
        folds=2,
        rolling=False,
        trials=2,
        objective="total_return",
        now=NOW,
    )

    assert [step.fold.from_ms - step.fold.train_to for step in walked.steps] == [3_600_000] * 2
