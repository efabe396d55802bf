"""One run: the bare loop and ours in turn."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from statistics import median
from typing import Any

import numpy as np

from marketdata.bars import Bars
from speed import bare
from speed.clock import Bound, Section, interleaved, ms, ratio
from strategies import registry
from strategies.protocol import Exits
from trading.costs import Filters, Terms
from trading.risk import Limits
from trading.simulation import Lane, Rules, Run, measure_run, run, simulate

FILTERS = Filters(Decimal("0.01"), Decimal("0.000001"), Decimal("0.000001"), Decimal(5))
# The bare loop pays a fee and nothing else. Our spread and slippage are computed, and are zero.
TERMS = Terms(Decimal(10), Decimal(10), Decimal(0), Decimal(0), Decimal("0.10"))
# All checked at each decision; so wide that both make the same trades.
WIDE = Limits(Decimal(1), Decimal(1), Decimal(1), Decimal(1), 30, 0)
NARROW = Limits(Decimal(1), Decimal(1), Decimal("0.10"), Decimal(1), 30, 5)
EXITS = Exits(stop_loss=0.02, take_profit=0.05, trailing=0.03)
CASH = Decimal(10_000)
NEAR = 1e-3  # of final equity: what rounding to lots adds up to over some ten thousand fills

BARE, BARE_GIVEN = "bare loop, indicators, equity", "bare loop, targets given, equity"
GIVEN, EXITING = "ours, targets given", "ours, targets given, exits, cooldown"
OURS, MEASURED = "ours, simulate() from bars", "ours, simulate() and measure_run()"


def strategy_targets(bars: Bars) -> tuple[Any, int]:
    """Targets of SMA(20) over EMA(50) and their warm-up."""
    strategy = registry.get("sma_cross")
    params = strategy.validated({"fast": bare.FAST, "slow": bare.SLOW})
    return strategy.targets(bars, params), strategy.warmup(params)


def rules(limits: Limits = WIDE, exits: Exits | None = None) -> Rules:
    """Those of the benchmark."""
    return Rules(60_000, CASH, TERMS, limits, exits or Exits())


def simulated(bars: Bars) -> Run:
    """The whole way from bars."""
    return simulate(
        bars,
        "sma_cross",
        {"fast": bare.FAST, "slow": bare.SLOW},
        timeframe="1m",
        filters=FILTERS,
        terms=TERMS,
        limits=WIDE,
        cash=CASH,
    )


def single(bars: Bars, rounds: int) -> Section:
    """The bare loop and ours in turn, and whether they did the same."""
    tasks = _tasks(bars)
    times = interleaved(tasks, rounds)
    section = Section(
        f"1. Single run, {len(bars):,} bars, {rounds} rounds in turn",
        ("", "median ms", "min ms", "to bare loop", "trades", "final equity"),
        notes=["To the bare loop with targets given where ours has them given."],
        data=dict(times),
    )
    outcomes = {name: counted(task()) for name, task in tasks.items() if name != MEASURED}
    for name, seconds in times.items():
        against = BARE_GIVEN if name in (BARE_GIVEN, GIVEN, EXITING) else BARE
        trades, equity = outcomes.get(name, outcomes[OURS])
        share = f"{ratio(times, name, against):.2f}"
        took = ms(median(seconds)), ms(min(seconds))
        section.add(name, *took, share, f"{trades:,}", f"{equity:,.2f}")
    section.wrong = [
        f"{name}: {outcomes[name]}, the bare loop: {outcomes[BARE]}"
        for name in (BARE_GIVEN, GIVEN, OURS)
        if not _agree(outcomes[name], outcomes[BARE])
    ]
    section.bounds = [
        Bound("ours from bars to the bare loop", ratio(times, OURS, BARE), most=2),
        Bound("ours to the bare loop, targets given", ratio(times, GIVEN, BARE_GIVEN), most=2),
    ]
    return section


def _tasks(bars: Bars) -> dict[str, Callable[[], Any]]:
    targets, warmup = strategy_targets(bars)
    lane = Lane("BTC/USDT", bars, targets, warmup, FILTERS)
    n, wide, narrow = len(bars), rules(), rules(NARROW, EXITS)
    return {
        BARE: lambda: bare.from_bars(bars.open, bars.close, warmup, np.empty(n)),
        OURS: lambda: simulated(bars),
        BARE_GIVEN: lambda: bare.from_targets(bars.open, bars.close, targets, np.empty(n)),
        GIVEN: lambda: run([lane], wide),
        EXITING: lambda: run([lane], narrow),
        MEASURED: lambda: measure_run(simulated(bars)),
    }


def counted(outcome: Any) -> tuple[int, float]:
    """Closed trades and final equity, of a run or of a bare loop."""
    if isinstance(outcome, Run):
        return len(outcome.trades.pnl), float(outcome.equity[-1])
    return int(outcome[0]), float(outcome[1])


def _agree(one: tuple[int, float], other: tuple[int, float]) -> bool:
    return one[0] == other[0] and abs(one[1] / other[1] - 1) < NEAR
