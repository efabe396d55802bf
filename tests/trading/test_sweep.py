"""Many parameter sets over the same bars: what one run gives, with memory used again."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal as D
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marketdata import indicators
from marketdata.bars import Bars, Floats
from marketdata.indicator_memory import IndicatorMemory
from strategies import registry
from strategies.protocol import Params
from tests.trading.test_simulate_in_bulk import FILTERS, MINUTE, bars_of
from trading.metrics import max_drawdown
from trading.simulation import Lane, Rules, Run, lane_of, measure_run, run, score_run, sweep
from trading.simulation.kernel_curve import deepest_fall
from trading.simulation.simulate import USUAL_LIMITS, USUAL_TERMS

STRATEGY = registry.get("sma_cross")
LIMITS = replace(USUAL_LIMITS, max_drawdown=D(1))


@pytest.fixture(scope="module")
def bars() -> dict[str, Bars]:
    rng = np.random.default_rng(3)
    return {name: bars_of(rng, size) for name, size in (("A", 60_000), ("B", 50_000))}


def grid() -> list[Params]:
    return [
        STRATEGY.validated({"fast": fast, "slow": slow, "stop_loss": stop})
        for fast in (5, 10, 20)
        for slow in (30, 60)
        for stop in (0.0, 0.02)
    ]


def course(bars: dict[str, Bars], params: Params) -> tuple[list[Lane], Rules]:
    lanes = [
        lane_of(name, each, STRATEGY, params, filters=FILTERS, from_ms=int(each.open_ms[900]))
        for name, each in bars.items()
    ]
    return lanes, Rules(MINUTE, D(10_000), USUAL_TERMS, LIMITS, STRATEGY.exits(params))


def books(run: Run) -> tuple[Any, ...]:
    return (
        run.fill_rows(),
        run.equity.copy(),
        run.cash,
        run.open_ms.copy(),
        run.counts,
        run.final_cash,
    )


@pytest.mark.parametrize("names", ["A", "AB"])
@pytest.mark.parametrize("cores", [1, 2])
def test_each_run_is_what_it_is_alone(bars: dict[str, Bars], names: str, cores: int) -> None:
    chosen = {name: bars[name] for name in names}
    many = grid()

    swept = list(sweep(many, lambda params: course(chosen, params), books, cores=cores))

    assert [params for params, _ in swept] == many
    for params, seen in swept:
        alone = books(run(*course(chosen, params)))
        assert len(alone[0]) > 10
        for one, other in zip(seen, alone, strict=True):
            assert np.array_equal(one, other) if isinstance(one, np.ndarray) else one == other


def test_parameter_sets_are_asked_for_as_they_are_needed(bars: dict[str, Bars]) -> None:
    asked = 0

    def endless() -> Iterator[Params]:
        nonlocal asked
        while True:
            asked += 1
            yield grid()[0]

    swept = sweep(endless(), lambda params: course(bars, params), score_run, cores=2)
    next(swept)
    del swept
    assert asked <= 64


def test_what_a_strategy_raises_comes_out(bars: dict[str, Bars]) -> None:
    def broken(params: Params) -> tuple[list[Lane], Rules]:
        raise ValueError("no such thing")

    with pytest.raises(ValueError, match="no such thing"):
        list(sweep(grid(), broken, score_run))


def test_scores_are_the_metrics_of_the_whole_measurement(bars: dict[str, Bars]) -> None:
    for params in grid():
        done = run(*course(bars, params))
        whole = measure_run(done)
        for name, value in score_run(done).items():
            assert whole.value(name) == (None if isinstance(value, str) else value), name


@settings(max_examples=200, deadline=None)
@given(st.lists(st.floats(0.01, 1e6), min_size=1, max_size=60))
def test_the_deepest_fall_is_that_of_the_metrics(values: list[float]) -> None:
    curve: Floats = np.array(values)
    assert deepest_fall(values[0], curve) == max_drawdown(curve)


class TestIndicatorMemory:
    def test_the_same_lines_are_computed_once(self, bars: dict[str, Bars]) -> None:
        memory = IndicatorMemory()
        with memory.used():
            first = indicators.compute("sma", {"period": 7}, bars["A"])["value"]
            again = indicators.compute("sma", {"period": 7}, bars["A"])["value"]
            other = indicators.compute("sma", {"period": 8}, bars["A"])["value"]
            elsewhere = indicators.compute("sma", {"period": 7}, bars["B"])["value"]
        assert again is first
        assert other is not first
        assert len(elsewhere) == len(bars["B"])
        fresh = indicators.compute("sma", {"period": 7}, bars["A"])["value"]
        assert fresh is not first
        assert np.array_equal(fresh, first, equal_nan=True)

    def test_the_oldest_lines_make_room(self, bars: dict[str, Bars]) -> None:
        line = bars["A"].close.nbytes
        memory = IndicatorMemory(most_bytes=3 * line)
        with memory.used():
            kept = [
                indicators.compute("sma", {"period": period}, bars["A"])["value"]
                for period in (5, 6, 7, 8)
            ]
            assert indicators.compute("sma", {"period": 8}, bars["A"])["value"] is kept[-1]
            assert indicators.compute("sma", {"period": 5}, bars["A"])["value"] is not kept[0]

    def test_lines_cannot_be_written_to(self, bars: dict[str, Bars]) -> None:
        with pytest.raises(ValueError, match="read-only"):
            indicators.compute("sma", {"period": 7}, bars["A"])["value"][0] = 1.0
