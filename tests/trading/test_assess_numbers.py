"""Each number of an assessment, worked out a second time from runs of its own."""

from __future__ import annotations

import math
from itertools import combinations, pairwise

import numpy as np
import pytest

from benchmarks.evidence_rates import EDGE, Market, walk
from marketdata.bars import Floats
from strategies.protocol import Params
from tests.trading.test_assess import assessed
from trading.evidence.assess import Case
from trading.evidence.found import Evidence, Trials
from trading.evidence.holding import longest_holding
from trading.evidence.neighbourhood import neighbours, sampled
from trading.evidence.sharpe import Moments, dsr, min_trl
from trading.evidence.verdict import Reason, Thresholds
from trading.simulation import Run

N = 10_000
SPAN = 0.3  # out of sample
TRIALS = Trials(20, 0.01, 0.019)  # a variance of 0.001


@pytest.fixture(scope="module")
def market() -> Market:
    return Market(walk(7, N, edge=EDGE), "sma_cross")


@pytest.fixture(scope="module")
def candidate(market: Market) -> Params:
    params: Params = market.strategy.validated({"fast": 12, "slow": 60})
    return params


@pytest.fixture(scope="module")
def found(market: Market, candidate: Params) -> Evidence:
    baseline = market.strategy.validated({})
    return assessed(market, candidate=candidate, baseline=baseline, trials=TRIALS)


def split_of(market: Market) -> int:
    return market.to_ms - int((market.to_ms - market.from_ms) * SPAN)


def daily(run: Run) -> Floats:
    """Returns from the opening cash over each midnight's equity."""
    at_midnight = run.at_ms % 86_400_000 == 0
    closes = np.concatenate([[float(run.rules.cash)], run.equity[at_midnight], run.equity[-1:]])
    if at_midnight[-1]:
        closes = closes[:-1]
    return np.asarray(closes[1:] / closes[:-1] - 1)


def sharpes(returns: Floats) -> Floats:
    """Of each column; 0 where it doesn't vary."""
    deviation = returns.std(axis=0, ddof=1)
    flat = deviation < 1e-12
    return np.asarray(np.where(flat, 0.0, returns.mean(axis=0) / np.where(flat, 1.0, deviation)))


def gained(run: Run) -> float:
    return float(run.equity[-1]) / float(run.rules.cash) - 1


def reason(found: Evidence, code: str) -> Reason:
    return next(each for each in found.verdict.reasons if each.code == code)


def test_the_sharpe_ratios_are_yearly_of_both_sides_of_the_split(
    market: Market, candidate: Params, found: Evidence
) -> None:
    split = split_of(market)
    inside = daily(market.run(candidate, market.from_ms, split - found.purge_ms, 1.0))
    outside = daily(market.run(candidate, split, market.to_ms, 1.0))

    yearly = [each.mean() / each.std(ddof=1) * math.sqrt(365) for each in (inside, outside)]
    assert found.sharpe_inside == pytest.approx(yearly[0])
    assert found.sharpe_outside == pytest.approx(yearly[1])
    assert reason(found, "kept").value == pytest.approx(yearly[1] / yearly[0])


def test_the_statistics_are_of_all_days_and_all_trials(
    market: Market, candidate: Params, found: Evidence
) -> None:
    whole = market.run(candidate, market.from_ms, market.to_ms, 1.0)
    moments = Moments.of(daily(whole))

    assert moments is not None
    assert found.moments == moments
    assert found.purge_ms == longest_holding(whole)
    assert found.dsr == pytest.approx(dsr(moments, trials=20, variance=0.001))
    assert found.min_trl_days == min_trl(moments)
    assert reason(found, "track_record").value == moments.n


def test_costs_are_doubled_and_trades_counted_out_of_sample(
    market: Market, candidate: Params, found: Evidence
) -> None:
    split = split_of(market)
    outside = market.run(candidate, split, market.to_ms, 1.0)

    doubled = market.run(candidate, market.from_ms, market.to_ms, 2.0)
    assert found.doubled_costs == pytest.approx(gained(doubled))
    assert found.doubled_costs < found.plateau.own
    assert found.trades_outside == len(outside.trades.pnl)


def test_the_plateau_loses_what_its_worst_neighbour_loses(
    market: Market, candidate: Params, found: Evidence
) -> None:
    own = gained(market.run(candidate, market.from_ms, market.to_ms, 1.0))
    near = [
        gained(market.run(each.params, market.from_ms, market.to_ms, 1.0))
        for each in neighbours(candidate)
    ]

    assert own > 0
    assert found.plateau.lost == pytest.approx((own - min(near)) / own)
    assert len(near) == 4


def test_folds_are_judged_on_what_follows_their_training(
    market: Market, candidate: Params, found: Evidence
) -> None:
    edges = np.linspace(market.from_ms, market.to_ms, 7).astype(np.int64).tolist()
    baseline = market.strategy.validated({})
    own = [gained(market.run(candidate, a, b, 1.0)) for a, b in pairwise(edges[1:])]
    other = [gained(market.run(baseline, a, b, 1.0)) for a, b in pairwise(edges[1:])]
    trained = [
        gained(market.run(candidate, edges[0], edge - found.purge_ms, 1.0))
        / ((edge - found.purge_ms - edges[0]) / 86_400_000)
        for edge in edges[1:-1]
    ]
    judged = [each / ((edges[1] - edges[0]) / 86_400_000) for each in own]

    assert [step.outside for step in found.walk.steps] == pytest.approx(own)
    assert reason(found, "folds").value == pytest.approx(sorted(own)[2])
    assert reason(found, "beaten").value == sum(a > b for a, b in zip(own, other, strict=True)) / 5
    assert found.walk.efficiency == pytest.approx(np.mean(judged) / np.mean(trained))
    assert found.walk.equity[-1] == pytest.approx(math.prod(1 + each for each in own))


def test_overfitting_is_counted_over_all_that_was_run(
    market: Market, candidate: Params, found: Evidence
) -> None:
    sets = [candidate, market.strategy.validated({}), *(n.params for n in neighbours(candidate))]
    sets += sampled(candidate, count=16, seed=1)
    columns = [daily(market.run(each, market.from_ms, market.to_ms, 1.0)) for each in sets]
    returns = np.column_stack(columns)
    blocks = np.array_split(returns[len(returns) % 8 :], 8)

    below = losing = 0
    for inside in combinations(range(8), 4):
        first, rest = (
            np.concatenate([blocks[i] for i in range(8) if (i in inside) is wanted])
            for wanted in (True, False)
        )
        best = sharpes(first).argmax()
        outside = sharpes(rest)
        below += (outside < outside[best]).sum() + 0.5 * ((outside == outside[best]).sum() - 1) <= (
            len(sets) - 1
        ) / 2
        losing += outside[best] < 0

    assert found.pbo == pytest.approx(below / 70)
    assert found.pbo_loss == pytest.approx(losing / 70)


def test_a_case_splits_where_its_share_begins(market: Market, candidate: Params) -> None:
    case = Case(
        runner=market.run,
        strategy=market.strategy,
        candidate=candidate,
        baseline=candidate,
        bars=[],
        from_ms=1_000,
        to_ms=2_000,
        oos_share=SPAN,
        trials=Trials(),
        thresholds=Thresholds(),
        seed=0,
    )

    assert case.split_ms == 1_700
    assert case.rival is None


def test_the_variance_of_trials_has_one_degree_less() -> None:
    assert TRIALS.variance == pytest.approx(0.001)
    assert Trials(1, 0.3, 0.0).variance == 0
