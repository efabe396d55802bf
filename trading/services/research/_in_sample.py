"""What a version did in the part of a stretch that whoever suggests changes may see."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from marketdata.indicators import compute
from strategies import queries as strategy_queries
from strategies import registry
from strategies.models import StrategyVersion
from trading.metrics import Metric
from trading.models.simulations import Stretch
from trading.services.research._stretches import stage_of
from trading.simulation import REASONS, Run, measure_run

MOST_TRADES = 20


class Split(Protocol):
    """A stretch whose last share is out of sample."""

    from_ms: int
    to_ms: int
    oos_share: float


@dataclass(frozen=True, slots=True)
class InSample:
    """Metrics with reasons for what is missing; the last trades; by exit reason (trades, PnL in
    the quote asset); indicators as (mean, lowest, highest, last); candles looked at.
    """

    metrics: list[Metric]
    trades: list[dict[str, Any]]
    exits: dict[str, tuple[int, float]]
    indicators: dict[str, dict[str, float]]
    candles: int


def split_ms(stretch: Split) -> int:
    """Where out-of-sample begins, as simulations count it."""
    return stretch.to_ms - int((stretch.to_ms - stretch.from_ms) * stretch.oos_share)


def measure_in_sample(*, version: StrategyVersion, stretch: Stretch, until_ms: int) -> InSample:
    """Simulate the version on [from, until_ms) and look at nothing after it.

    Refuses NothingStored.
    """
    strategy = registry.get(version.strategy.name)
    params = strategy_queries.params_of(version)
    stage = stage_of(stretch, strategy, params=[params], fill_at="next_open").until(until_ms)
    run = stage.run(params, stretch.from_ms, until_ms)
    seen: dict[str, dict[str, float]] = {}
    for overlay in strategy.overlays(params):
        bars = next(iter(stage.bars.values()))
        for column, values in compute(overlay.name, overlay.params, bars).items():
            name = " ".join([overlay.name, *map(str, overlay.params.values())])
            told = _summary(values[bars.open_ms >= stretch.from_ms])
            if told:
                seen[name if column == "value" else f"{name} {column}"] = told
    return InSample(
        metrics=list(measure_run(run).metrics),
        trades=_trades(run),
        exits=_exits(run),
        indicators=seen,
        candles=len(run.at_ms),
    )


def _summary(values: Any) -> dict[str, float] | None:
    known = values[np.isfinite(values)]
    if not len(known):
        return None
    return {
        "mean": float(known.mean()),
        "lowest": float(known.min()),
        "highest": float(known.max()),
        "last": float(known[-1]),
    }


def _trades(run: Run) -> list[dict[str, Any]]:
    """The last ones that ended, oldest first; returns are fractions of what was paid."""
    trades = run.trades
    first = max(len(trades.pnl) - MOST_TRADES, 0)
    return [
        {
            "symbol": run.symbols[int(trades.lane[i])],
            "closed_ms": int(trades.closed_ms[i]),
            "held_s": int(trades.closed_ms[i] - trades.opened_ms[i]) // 1000,
            "return": float(trades.pnl[i] / (trades.entry_price[i] * trades.qty[i])),
            "exit_reason": REASONS[int(trades.exit_reason[i])].value,
        }
        for i in range(first, len(trades.pnl))
    ]


def _exits(run: Run) -> dict[str, tuple[int, float]]:
    told: dict[str, tuple[int, float]] = {}
    for code, pnl in zip(run.trades.exit_reason, run.trades.pnl, strict=True):
        name = REASONS[int(code)].value
        count, sum_ = told.get(name, (0, 0.0))
        told[name] = (count + 1, sum_ + float(pnl))
    return told
