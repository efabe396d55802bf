"""How often the verdict is right: markets without an edge, and markets with one planted.

    python benchmarks/evidence_rates.py [--strategy sma_cross] [--first 0] [--seeds 100]

Random walks must not be green (>= 95 of 100), not even for the best of many tries; a planted
edge must not be red (>= 80 of 100). Each strategy gets the edge that is its own: turning trends
for a follower, a price that returns for a reverter. Prints the rates, the reasons that were not
green and the time of one assessment.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from marketdata.bars import Bars, Floats
from strategies import registry
from strategies.errors import ParamsInvalid
from strategies.protocol import Params
from trading.costs import Filters, Terms
from trading.evidence.assess import Case, assess
from trading.evidence.found import Trials
from trading.evidence.sharpe import Moments
from trading.evidence.verdict import Thresholds
from trading.metrics.series import daily_returns
from trading.simulation import Run, simulate
from trading.simulation.simulate import USUAL_TERMS

HOUR_MS = 3_600_000
VOLATILITY = 0.006  # of an hour
EDGE = 0.13  # drift over volatility of an hour
RETURNING = 0.8  # share of an hour's variance that goes away again
HALF_LIFE = 12  # hours
START_MS = 1_672_531_200_000  # 2023-01-01
FILTERS = Filters(Decimal("0.01"), Decimal("0.000001"), Decimal("0.00001"), Decimal(5))


def walk(seed: int, n: int, *, edge: float = 0.0) -> Bars:
    """Hourly candles of a random walk; with `edge` its drift turns every few days.

    The drift of a stretch is `edge` times the volatility, up or down: a trend that a follower
    can catch after its costs.
    """
    rng = np.random.default_rng(seed)
    drift = np.zeros(n)
    if edge:
        at = 0
        while at < n:
            length = int(rng.integers(200, 400))
            drift[at : at + length] = edge * rng.choice([-1.0, 1.0])
            at += length
    return _candles(rng, VOLATILITY * (rng.standard_normal(n) + drift))


def reverting(seed: int, n: int, *, edge: float = 0.0) -> Bars:
    """Hourly candles of a random walk with a part that returns to it: what fell too far rises.

    `edge` is the share of an hour's variance in that part, an Ornstein-Uhlenbeck process that
    loses half of its distance in HALF_LIFE hours. 0 is a random walk.
    """
    rng = np.random.default_rng(seed)
    kept = 0.5 ** (1 / HALF_LIFE)
    pushes = VOLATILITY * np.sqrt(edge) * rng.standard_normal(n)
    distance = np.empty(n)
    here = 0.0
    for hour in range(n):
        here = kept * here + pushes[hour]
        distance[hour] = here
    steps = VOLATILITY * np.sqrt(1 - edge) * rng.standard_normal(n)
    return _candles(rng, steps + np.diff(distance, prepend=0.0))


def _candles(rng: np.random.Generator, steps: Floats) -> Bars:
    n = len(steps)
    close = np.round(20_000 * np.exp(np.cumsum(steps)), 2)
    opened = np.concatenate([[20_000.0], close[:-1]])
    spread = np.abs(rng.normal(0, 0.002, (2, n)))
    high = np.round(np.maximum(opened, close) * (1 + spread[0]), 2)
    low = np.round(np.minimum(opened, close) * (1 - spread[1]), 2)
    at_ms = START_MS + np.arange(n, dtype=np.int64) * HOUR_MS
    return Bars(at_ms, opened, high, low, close, np.full(n, 1e6))


def _crossing(rng: np.random.Generator) -> dict[str, float]:
    return {"fast": int(rng.integers(2, 60)), "slow": int(rng.integers(10, 200))}


def _returning(rng: np.random.Generator) -> dict[str, float]:
    return {
        "period": int(rng.integers(4, 40)),
        "oversold": int(rng.integers(15, 45)),
        "recovered": int(rng.integers(40, 80)),
        "patience": int(rng.integers(12, 200)),
    }


@dataclass(frozen=True, slots=True)
class Kind:
    """A strategy's own market: candles of (seed, n, edge), how strong, how parameters are drawn."""

    market: Callable[..., Bars]
    edge: float
    drawn: Callable[[np.random.Generator], dict[str, float]]


KINDS = {
    "sma_cross": Kind(walk, EDGE, _crossing),
    "rsi_reversion": Kind(reverting, RETURNING, _returning),
}


class Market:
    """One market as the runner of an assessment."""

    def __init__(self, bars: Bars, name: str) -> None:
        self.bars, self.strategy = bars, registry.get(name)
        self.from_ms = int(bars.open_ms[len(bars) // 10])
        self.to_ms = int(bars.open_ms[-1]) + HOUR_MS

    def run(self, params: Params, from_ms: int, to_ms: int, costs: float) -> Run:
        factor = Decimal(str(costs))
        usual = USUAL_TERMS
        terms = Terms(
            fee_maker_bps=usual.fee_maker_bps * factor,
            fee_taker_bps=usual.fee_taker_bps * factor,
            half_spread_bps=usual.half_spread_bps * factor,
            slippage_bps=usual.slippage_bps * factor,
            volume_cap=usual.volume_cap,
        )
        return simulate(
            self.bars,
            self.strategy,
            params,
            timeframe="1h",
            filters=FILTERS,
            terms=terms,
            from_ms=from_ms,
            to_ms=to_ms,
        )

    def colour(self, params: Params, trials: Trials) -> str:
        case = Case(
            runner=self.run,
            strategy=self.strategy,
            candidate=params,
            baseline=self.strategy.validated({}),
            bars=[self.bars],
            from_ms=self.from_ms,
            to_ms=self.to_ms,
            oos_share=0.3,
            trials=trials,
            thresholds=Thresholds(),
            seed=1,
        )
        found = assess(case)
        for reason in found.verdict.reasons:
            REASONS[reason.code, reason.colour] += 1
        return found.verdict.colour

    def best_of(self, tries: int, seed: int) -> tuple[Params, Trials]:
        """The best in-sample of `tries` drawn parameter sets, and all their Sharpes."""
        rng = np.random.default_rng(seed)
        split = self.to_ms - int((self.to_ms - self.from_ms) * 0.3)
        found: list[tuple[float, Any]] = []
        while len(found) < tries:
            try:
                params = self.strategy.validated(KINDS[self.strategy.name].drawn(rng))
            except ParamsInvalid:
                continue
            run = self.run(params, self.from_ms, split, 1.0)
            moments = Moments.of(daily_returns((run.at_ms, run.equity)))
            found.append((moments.sharpe if moments else 0.0, params))
        sharpes = np.array([sharpe for sharpe, _ in found])
        trials = Trials(tries, float(sharpes.mean()), float(sharpes.var() * tries))
        return max(found, key=lambda pair: pair[0])[1], trials


REASONS: Counter[tuple[str, str]] = Counter()


def rates(title: str, seeds: range, n: int, *, edge: float, tries: int, name: str) -> None:
    colours: Counter[str] = Counter()
    REASONS.clear()
    took = 0.0
    for seed in seeds:
        market = Market(KINDS[name].market(seed, n, edge=edge), name)
        params, trials = market.strategy.validated({}), Trials()
        if tries:
            params, trials = market.best_of(tries, seed)
        began = time.perf_counter()
        colours[market.colour(params, trials)] += 1
        took += time.perf_counter() - began
    print(f"{title:44} {dict(colours)}  {took / len(seeds):.2f} s an assessment")
    print("   not green:", {c: k for c, k in sorted(REASONS.items()) if c[1] != "GREEN"})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--strategy", choices=list(KINDS), default="sma_cross")
    parser.add_argument("--first", type=int, default=0, help="seed of the first market")
    parser.add_argument("--seeds", type=int, default=100)
    parser.add_argument("--bars", type=int, default=17_520)
    parser.add_argument("--edge", type=float, help="how strong, where the usual isn't wanted")
    asked = parser.parse_args()
    seeds, n, name = range(asked.first, asked.first + asked.seeds), asked.bars, asked.strategy
    planted = KINDS[name].edge if asked.edge is None else asked.edge
    for title, edge in (("random walk", 0.0), ("planted edge", planted)):
        rates(f"{name}, {title}, default parameters", seeds, n, edge=edge, tries=0, name=name)
        rates(f"{name}, {title}, best of 100", seeds, n, edge=edge, tries=100, name=name)


if __name__ == "__main__":
    main()
