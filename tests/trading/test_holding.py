"""What is still held at a boundary keeps the parts on its two sides apart."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import numpy as np
import pytest

from benchmarks.evidence_rates import HOUR_MS, Market, walk
from marketdata.bars import Bars, Floats
from strategies.protocol import Params, Strategy
from tests.trading.test_assess import assessed
from trading.costs import Filters
from trading.evidence.holding import longest_holding, opened_ms
from trading.evidence.verdict import Colour
from trading.evidence.walk_forward import FOLDS
from trading.simulation import Run, simulate

FILTERS = Filters(Decimal("0.01"), Decimal("0.001"), Decimal("0.001"), Decimal(5))


class Held(Strategy[Params]):
    """Wants to be long where `spans` say so: half-open ranges of bars."""

    name = "held"
    title = description = "Held"
    params_model = Params

    def __init__(self, *spans: tuple[int, int]) -> None:
        self.spans = spans

    def warmup(self, params: Params) -> int:
        return 1

    def targets(self, bars: Bars, params: Params) -> Floats:
        wanted = np.zeros(len(bars))
        for first, last in self.spans:
            wanted[first:last] = 1.0
        return wanted


def held(*spans: tuple[int, int], n: int = 100, symbols: int = 1) -> Run:
    """Filled a bar after what is wanted."""
    bars = walk(1, n)
    series = {f"S{number}": bars for number in range(symbols)}
    return simulate(
        series, Held(*spans), Params(), timeframe="1h", filters=dict.fromkeys(series, FILTERS)
    )


@pytest.mark.parametrize(
    ("spans", "hours"),
    [
        ([], 0),
        ([(10, 30)], 20),
        ([(10, 30), (50, 90)], 40),
        ([(10, 30), (60, 100)], 39),  # from the open of bar 61 to the close of bar 99
        ([(10, 80), (90, 100)], 70),
    ],
)
def test_the_longest_holding_counts_what_is_still_open(
    spans: list[tuple[int, int]], hours: int
) -> None:
    assert longest_holding(held(*spans)) == hours * HOUR_MS


def test_each_symbol_says_since_when_it_is_held() -> None:
    run = held((10, 20), (60, 100), symbols=2)

    assert opened_ms(run) == [int(walk(1, 100).open_ms[61])] * 2
    assert opened_ms(held((10, 20))) == []


def judged(*spans: tuple[int, int], n: int = 3_000, **changes: Any) -> Any:
    market = Market(walk(4, n), "sma_cross")
    market.strategy = Held(*spans)
    return assessed(market, strategy=market.strategy, candidate=Params(), **changes)


def test_an_open_position_moves_the_ends_of_training_back() -> None:
    closed, still_open = judged((500, 600)), judged((500, 600), (2_800, 3_000))

    assert closed.purge_ms == 100 * HOUR_MS
    assert still_open.purge_ms == 199 * HOUR_MS
    for found in (closed, still_open):
        assert {s.fold.from_ms - s.fold.train_to for s in found.walk.steps} == {found.purge_ms}


def test_a_position_across_the_split_is_not_learnt_from() -> None:
    market = Market(walk(4, 3_000), "sma_cross")
    seen: list[tuple[int, int]] = []

    def runner(params: Params, from_ms: int, to_ms: int, costs: float) -> Run:
        seen.append((from_ms, to_ms))
        return market.run(params, from_ms, to_ms, costs)

    market.strategy = Held((2_000, 2_400))  # the split is at bar 2190
    found = assessed(market, strategy=market.strategy, candidate=Params(), runner=runner)

    split = market.to_ms - int((market.to_ms - market.from_ms) * 0.3)
    assert (market.from_ms, split - 400 * HOUR_MS) in seen
    assert (market.from_ms, split) not in seen
    assert found.purge_ms == 400 * HOUR_MS


def test_a_position_held_throughout_leaves_no_folds_and_that_warns() -> None:
    found = judged((0, 3_000))

    told = {reason.code: reason for reason in found.verdict.reasons}
    assert found.walk.steps == ()
    assert found.sharpe_inside is None
    assert told["folds"].colour == Colour.AMBER
    assert f"0 of {FOLDS} folds" in told["folds"].text


def test_fewer_folds_than_asked_for_warn_though_the_median_is_good() -> None:
    found = judged((400, 1_000), (1_100, 1_101), n=3_000)

    told = {reason.code: reason for reason in found.verdict.reasons}
    assert 0 < len(found.walk.steps) < FOLDS
    assert told["folds"].colour == Colour.AMBER
