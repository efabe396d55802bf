"""How often the verdict is right: markets without an edge, and markets with one planted.

    python benchmarks/evidence_rates.py [--seeds 100] [--bars 8760]

Random walks must not be green (>= 95 of 100), not even for the best of many tries; a planted
edge must not be red (>= 80 of 100). Prints the rates and the time of one assessment.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from marketdata.bars import Bars
from strategies import registry
from strategies.protocol import Params
from trading.costs import Filters, Terms
from trading.evidence.assess import Case, Trials, assess
from trading.evidence.sharpe import Moments
from trading.evidence.verdict import Thresholds
from trading.metrics.series import daily_returns
from trading.simulation import Run, simulate
from trading.simulation.simulate import USUAL_TERMS

HOUR_MS = 3_600_000
EDGE = 0.13  # drift over volatility of an hour
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
    steps = 0.006 * (rng.standard_normal(n) + drift)
    close = np.round(20_000 * np.exp(np.cumsum(steps)), 2)
    opened = np.concatenate([[20_000.0], close[:-1]])
    spread = np.abs(rng.normal(0, 0.002, (2, n)))
    high = np.round(np.maximum(opened, close) * (1 + spread[0]), 2)
    low = np.round(np.minimum(opened, close) * (1 - spread[1]), 2)
    at_ms = START_MS + np.arange(n, dtype=np.int64) * HOUR_MS
    return Bars(at_ms, opened, high, low, close, np.full(n, 1e6))


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
            fast, slow = int(rng.integers(2, 60)), int(rng.integers(10, 200))
            if slow <= fast:
                continue
            params = self.strategy.validated({"fast": fast, "slow": slow})
            run = self.run(params, self.from_ms, split, 1.0)
            moments = Moments.of(daily_returns((run.at_ms, run.equity)))
            found.append((moments.sharpe if moments else 0.0, params))
        sharpes = np.array([sharpe for sharpe, _ in found])
        trials = Trials(tries, float(sharpes.mean()), float(sharpes.var() * tries))
        return max(found, key=lambda pair: pair[0])[1], trials


REASONS: Counter[tuple[str, str]] = Counter()


def rates(title: str, seeds: int, n: int, *, edge: float, tries: int, name: str) -> None:
    colours: Counter[str] = Counter()
    REASONS.clear()
    took = 0.0
    for seed in range(seeds):
        market = Market(walk(seed, n, edge=edge), name)
        params, trials = market.strategy.validated({}), Trials()
        if tries:
            params, trials = market.best_of(tries, seed)
        began = time.perf_counter()
        colours[market.colour(params, trials)] += 1
        took += time.perf_counter() - began
    print(f"{title:44} {dict(colours)}  {took / seeds:.2f} s an assessment")
    print("   not green:", {c: k for c, k in sorted(REASONS.items()) if c[1] != "GREEN"})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=100)
    parser.add_argument("--bars", type=int, default=17_520)
    asked = parser.parse_args()
    seeds, n = asked.seeds, asked.bars
    rates("random walk, default parameters", seeds, n, edge=0.0, tries=0, name="sma_cross")
    rates("random walk, best of 100", seeds, n, edge=0.0, tries=100, name="sma_cross")
    rates("planted trend, default parameters", seeds, n, edge=EDGE, tries=0, name="sma_cross")
    rates("planted trend, best of 100", seeds, n, edge=EDGE, tries=100, name="sma_cross")


if __name__ == "__main__":
    main()
