"""The verdict on markets whose truth is known."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import orjson
import pytest

from benchmarks.evidence_rates import EDGE, KINDS, Market, walk
from marketdata.bars import Bars, Floats
from strategies.protocol import Params, Strategy
from trading.evidence import reasons
from trading.evidence.assess import Case, assess
from trading.evidence.found import Evidence, Trials
from trading.evidence.neighbourhood import neighbours, sampled
from trading.evidence.sharpe import deflated_benchmark
from trading.evidence.verdict import Colour, Reason, Thresholds, at_least, at_most, judge
from trading.evidence.walk_forward import folds_of, walk_forward

BARS = 8_760


def assessed(market: Market, *, trials: Trials | None = None, **changes: Any) -> Evidence:
    values: dict[str, Any] = {
        "runner": market.run,
        "strategy": market.strategy,
        "candidate": market.strategy.validated({}),
        "baseline": None,
        "bars": [market.bars],
        "from_ms": market.from_ms,
        "to_ms": market.to_ms,
        "oos_share": 0.3,
        "trials": trials or Trials(),
        "thresholds": Thresholds(),
        "seed": 1,
    }
    return assess(Case(**{**values, **changes}))


@pytest.mark.parametrize("seed", range(6))
def test_a_random_walk_is_not_green(seed: int) -> None:
    assert assessed(Market(walk(seed, BARS), "sma_cross")).verdict.colour != Colour.GREEN


def test_a_planted_edge_is_mostly_not_red() -> None:
    colours = [
        assessed(Market(walk(seed, 2 * BARS, edge=EDGE), "sma_cross")).verdict.colour
        for seed in range(6)
    ]

    assert colours.count(Colour.RED) <= 1


def test_a_planted_return_is_not_taken_for_luck_and_a_random_walk_is() -> None:
    kind = KINDS["rsi_reversion"]
    planted = [
        Market(kind.market(seed, 2 * BARS, edge=kind.edge), "rsi_reversion") for seed in range(4)
    ]
    worthless = [Market(kind.market(seed, BARS), "rsi_reversion") for seed in range(4)]

    assert [assessed(each).verdict.colour for each in planted].count(Colour.RED) == 0
    assert [assessed(each).verdict.colour for each in worthless].count(Colour.GREEN) == 0


def test_many_trials_take_the_worth_out_of_a_result() -> None:
    market = Market(walk(3, 2 * BARS, edge=0.09), "sma_cross")

    once = assessed(market)
    often = assessed(market, trials=Trials(5000, 0.0, 5000 * 0.02))

    assert once.dsr is not None
    assert often.dsr is not None
    assert once.dsr > 0.95
    assert often.dsr < 0.80
    assert once.verdict.colour != Colour.RED
    assert often.verdict.colour == Colour.RED


def test_trials_that_lose_for_certain_do_not_count_as_luck() -> None:
    market = Market(walk(3, 2 * BARS, edge=EDGE), "sma_cross")

    alike = assessed(market, trials=Trials(100, 0.0, 100 * 0.0015))
    apart = assessed(market, trials=Trials(100, -0.3, 100 * 0.5))

    assert alike.moments is not None
    assert alike.deflated_benchmark < apart.deflated_benchmark
    assert apart.deflated_benchmark == deflated_benchmark(100, 1 / (alike.moments.n - 1))


def drawdown_reason(own: float, baseline: float, floor: float) -> Reason:
    found = assessed(Market(walk(2, 3_000), "sma_cross"))
    judged = reasons.of(
        replace(found, drawdown=own, baseline_drawdown=baseline),
        replace(Thresholds(), drawdown_floor=floor),
    )
    return next(reason for reason in judged if reason.code == "drawdown")


@pytest.mark.parametrize(
    ("own", "baseline", "floor", "worse", "colour"),
    [
        (0.12, 0.10, 0.05, 0.2, Colour.GREEN),
        (0.15, 0.10, 0.05, 0.5, Colour.AMBER),
        (0.21, 0.10, 0.05, 1.1, Colour.RED),
        (0.05, 0.0, 0.05, 0.0, Colour.GREEN),
        (0.08, 0.0, 0.05, 0.6, Colour.AMBER),
        (0.20, 0.0, 0.05, 3.0, Colour.RED),
        (0.06, 0.0001, 0.05, 0.2, Colour.GREEN),  # not 599 times deeper
        (0.01, 0.0, 0.0, 1.0, Colour.AMBER),
        (0.0, 0.0, 0.0, 0.0, Colour.GREEN),
    ],
)
def test_a_baseline_that_hardly_fell_counts_as_if_it_fell_to_the_floor(
    own: float, baseline: float, floor: float, worse: float, colour: Colour
) -> None:
    reason = drawdown_reason(own, baseline, floor)

    assert reason.value == pytest.approx(worse)
    assert reason.colour == colour
    assert ("5.00%" in reason.text) == (baseline < floor)


class Peeking(Strategy[Params]):
    """Knows the next close."""

    name = "peeking"
    title = description = "Peeks"
    params_model = Params

    def warmup(self, params: Params) -> int:
        return 1

    def targets(self, bars: Bars, params: Params) -> Floats:
        ahead = np.append(bars.close[1:], bars.close[-1:])
        return (ahead > bars.close).astype(np.float64)


def test_a_strategy_that_looks_ahead_is_red_however_much_it_earns() -> None:
    market = Market(walk(1, BARS), "sma_cross")
    market.strategy = Peeking()

    found = assessed(market, strategy=market.strategy, candidate=Params())

    assert found.plateau.own > 0
    assert found.look_ahead > 0
    assert found.verdict.colour == Colour.RED
    assert {r.code for r in found.verdict.reasons if r.colour == Colour.RED} >= {"look_ahead"}


def test_evidence_is_the_same_twice_and_fits_into_json() -> None:
    market = Market(walk(2, BARS), "sma_cross")
    other = market.strategy.validated({"fast": 9})

    told = [orjson.dumps(assessed(market, candidate=other).to_json()) for _ in range(2)]

    assert told[0] == told[1]
    assert b"NaN" not in told[0]


def test_progress_only_grows() -> None:
    market = Market(walk(2, 3_000), "sma_cross")
    seen: list[int] = []
    values = {
        "strategy": market.strategy,
        "candidate": market.strategy.validated({}),
        "baseline": market.strategy.validated({"fast": 9}),
    }
    assess(
        Case(
            runner=market.run,
            bars=[market.bars],
            from_ms=market.from_ms,
            to_ms=market.to_ms,
            oos_share=0.3,
            trials=Trials(),
            thresholds=Thresholds(),
            seed=1,
            **values,
        ),
        progress=lambda share, _: seen.append(share),
    )

    assert seen == sorted(seen)
    assert 0 <= seen[0] <= seen[-1] <= 100


def test_neighbours_stay_inside_the_bounds_and_on_the_step() -> None:
    market = Market(walk(2, 100), "sma_cross")
    params = market.strategy.validated({"fast": 2, "slow": 200, "stop_loss": 0.05})

    found = {(each.param, each.value) for each in neighbours(params)}

    assert ("fast", 3) in found  # 1 would be below the bound
    assert ("fast", 1) not in found
    assert ("slow", 180) in found
    assert ("stop_loss", 0.045) in found
    assert not any(name == "take_profit" for name, _ in found)  # it is off


def test_drawn_parameters_are_valid_different_and_the_same_for_a_seed() -> None:
    params = Market(walk(2, 100), "sma_cross").strategy.validated({})

    drawn = sampled(params, count=16, seed=4)

    assert len(drawn) == 16
    assert drawn == sampled(params, count=16, seed=4)
    assert drawn != sampled(params, count=16, seed=5)


def test_folds_never_train_on_what_they_are_judged_by() -> None:
    for anchored in (True, False):
        for fold in folds_of(0, 6_000, folds=5, purge_ms=100, anchored=anchored):
            assert fold.train_from < fold.train_to == fold.from_ms - 100
    assert [fold.to_ms for fold in folds_of(0, 6_000, folds=5)] == [2000, 3000, 4000, 5000, 6000]


def test_without_folds_there_is_no_median_fold() -> None:
    market = Market(walk(5, 500), "sma_cross")

    walked = walk_forward(market.run, folds=[], candidate=market.strategy.validated({}))

    assert walked.median is None
    assert walked.beats_baseline is None


def test_a_walk_forward_chooses_anew_before_each_fold_and_stitches_the_rest() -> None:
    market = Market(walk(5, BARS, edge=EDGE), "sma_cross")
    trained: list[tuple[int, int]] = []

    def choose(from_ms: int, to_ms: int) -> Params:
        trained.append((from_ms, to_ms))
        params: Params = market.strategy.validated({"fast": 5 + len(trained)})
        return params

    folds = folds_of(market.from_ms, market.to_ms, folds=4)
    walked = walk_forward(market.run, folds=folds, choose=choose)

    assert trained == [(fold.train_from, fold.train_to) for fold in folds]
    assert [step.params["fast"] for step in walked.steps] == [6, 7, 8, 9]
    assert (np.diff(walked.at_ms) > 0).all()
    grown = np.prod([1 + step.outside for step in walked.steps])
    assert walked.equity[-1] == pytest.approx(grown)


def test_the_worst_check_is_the_verdict_and_unknown_is_a_warning() -> None:
    good = at_least("a", "A", 1.0, green=0.5, amber=None, text="")
    unknown = at_least("b", "B", None, green=0.5, amber=0.1, text="")
    bad = at_most("c", "C", 0.9, green=0.2, amber=0.5, text="")

    assert judge([good]).colour == Colour.GREEN
    assert judge([good, unknown]).colour == Colour.AMBER
    assert judge([good, unknown, bad]).colour == Colour.RED
    assert judge([]).colour == Colour.RED
