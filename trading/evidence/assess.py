"""All evidence for one candidate, and the verdict. Pure: runs come from the caller's runner."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from marketdata.bars import Bars, Floats
from strategies.protocol import Params, Strategy
from trading.evidence import monte_carlo, reasons, walk_forward
from trading.evidence.found import Evidence, Plateau, Trials
from trading.evidence.holding import longest_holding
from trading.evidence.neighbourhood import neighbours, sampled
from trading.evidence.overfitting import Overfitting, pbo
from trading.evidence.sharpe import Moments, deflated_benchmark, dsr, luck_of, min_trl, psr
from trading.evidence.soundness import unsound
from trading.evidence.verdict import Thresholds, judge
from trading.evidence.walk_forward import Runner, folds_of, total_return
from trading.metrics import max_drawdown
from trading.metrics.series import daily_returns
from trading.simulation.run import Run

CONFIGURATIONS = 16  # drawn for PBO beside the candidate, the baseline and the neighbours
BLOCKS = 8


@dataclass(frozen=True, slots=True)
class Case:
    """What is to be judged, and on what."""

    runner: Runner
    strategy: Strategy[Any]
    candidate: Params
    baseline: Params | None
    bars: Sequence[Bars]  # of each symbol, with the warm-up's past
    from_ms: int
    to_ms: int
    oos_share: float
    trials: Trials
    thresholds: Thresholds
    seed: int

    @property
    def rival(self) -> Params | None:
        """The baseline, unless the candidate is the baseline itself."""
        return None if self.baseline == self.candidate else self.baseline

    @property
    def split_ms(self) -> int:
        """Where out-of-sample begins."""
        return self.to_ms - int((self.to_ms - self.from_ms) * self.oos_share)


def assess(
    case: Case, *, progress: Callable[[int, str], None] = lambda share, what: None
) -> Evidence:
    """Run everything and judge it. `progress` gets percent and what is being done."""
    progress(0, "Looking for look-ahead")
    ahead, early = unsound(case.strategy, case.candidate, case.bars)
    progress(10, "In and out of sample")
    runs = _runs(case)
    walk = walk_forward.walk_forward(
        case.runner,
        folds=folds_of(case.from_ms, case.to_ms, purge_ms=runs.purge_ms),
        candidate=case.candidate,
        baseline=case.rival,
        progress=lambda share: progress(25 + int(share * 25), "Walking forward"),
    )
    progress(50, "Neighbours and other parameters")
    plateau, overfit = _around(case, runs.whole, runs.baseline)
    progress(85, "Drawing other orders of the same trades")
    found = Evidence(
        look_ahead=ahead,
        warm_up=early,
        walk=walk,
        plateau=plateau,
        pbo=overfit.pbo if overfit else None,
        pbo_loss=overfit.loss if overfit else None,
        verdict=judge(()),
        **_statistics(case, runs.whole),
        **_compared(runs),
    )
    return replace(found, verdict=judge(reasons.of(found, case.thresholds)))


@dataclass(frozen=True, slots=True)
class _Runs:
    whole: Run
    purge_ms: int  # the longest holding: left out between what is learnt from and what judges
    inside: Run  # up to the split, less the purge
    outside: Run
    baseline: Run | None
    doubled: Run  # with twice the costs


def _runs(case: Case) -> _Runs:
    runner, candidate = case.runner, case.candidate
    whole = runner(candidate, case.from_ms, case.to_ms, 1.0)
    purge_ms = longest_holding(whole)
    inside_to = max(case.split_ms - purge_ms, case.from_ms)
    return _Runs(
        whole=whole,
        purge_ms=purge_ms,
        inside=runner(candidate, case.from_ms, inside_to, 1.0),
        outside=runner(candidate, case.split_ms, case.to_ms, 1.0),
        baseline=runner(case.rival, case.from_ms, case.to_ms, 1.0) if case.rival else None,
        doubled=runner(candidate, case.from_ms, case.to_ms, 2.0),
    )


def _statistics(case: Case, whole: Run) -> dict[str, Any]:
    """What the daily returns and trades of the whole range say, given all trials."""
    daily = daily_returns(with_opening(whole))
    moments, trials = Moments.of(daily), case.trials
    variance = luck_of(trials.variance, len(daily))
    pnl, opening = whole.trades.pnl, float(whole.rules.cash)
    return {
        "moments": moments,
        "trials": trials,
        "psr": psr(moments) if moments else None,
        "dsr": dsr(moments, trials=trials.n, variance=variance) if moments else None,
        "deflated_benchmark": deflated_benchmark(trials.n, variance),
        "min_trl_days": min_trl(moments) if moments else None,
        "bands_of_trades": monte_carlo.of_trades(pnl, opening=opening, seed=case.seed),
        "bands_of_returns": monte_carlo.of_returns(daily, seed=case.seed),
    }


def _compared(runs: _Runs) -> dict[str, Any]:
    return {
        "sharpe_inside": _annual_sharpe(runs.inside),
        "sharpe_outside": _annual_sharpe(runs.outside),
        "trades_outside": len(runs.outside.trades.pnl),
        "purge_ms": runs.purge_ms,
        "doubled_costs": total_return(runs.doubled),
        "drawdown": max_drawdown(runs.whole.equity),
        "baseline_drawdown": max_drawdown(runs.baseline.equity) if runs.baseline else None,
    }


def with_opening(run: Run) -> tuple[Any, Any]:
    """The curve after the opening cash, so that the first day has a return."""
    if not len(run.at_ms):
        return run.at_ms, run.equity
    at_ms = np.concatenate([[run.at_ms[0] - run.rules.timeframe_ms], run.at_ms])
    return at_ms, np.concatenate([[float(run.rules.cash)], run.equity])


def _annual_sharpe(run: Run) -> float | None:
    moments = Moments.of(daily_returns(with_opening(run)))
    return moments.sharpe * math.sqrt(365) if moments and moments.n >= 20 else None


def _around(case: Case, own: Run, other: Run | None) -> tuple[Plateau, Overfitting | None]:
    """The neighbourhood, and PBO over candidate, baseline, neighbours and drawn parameters.

    None of them is chosen from, so they don't count as trials.
    """

    def run(params: Params) -> Run:
        return case.runner(params, case.from_ms, case.to_ms, 1.0)

    near = [(each, run(each.params)) for each in neighbours(case.candidate)]
    drawn = [run(p) for p in sampled(case.candidate, count=CONFIGURATIONS, seed=case.seed)]
    gained = total_return(own)
    totals = [total_return(each) for _, each in near]
    lost = (gained - min(totals)) / gained if totals and gained > 0 else None
    around = tuple((n.param, n.value, total) for (n, _), total in zip(near, totals, strict=True))
    runs = [own, *([other] if other else []), *(each for _, each in near), *drawn]
    return Plateau(gained, around, lost), _pbo(runs)


def _pbo(runs: Sequence[Run]) -> Overfitting | None:
    returns = [daily_returns(with_opening(run)) for run in runs]
    rows = min((len(each) for each in returns), default=0)
    if len(returns) < 2 or rows < 2 * BLOCKS:
        return None
    matrix: Floats = np.column_stack([each[-rows:] for each in returns])
    return pbo(matrix, blocks=BLOCKS)
