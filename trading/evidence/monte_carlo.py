"""What else could have come of the same trades and returns, in another order. Pure, seeded."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from marketdata.bars import Floats, Ints

QUANTILES = (5, 25, 50, 75, 95)
_AT_ONCE = 200  # paths in memory


@dataclass(frozen=True, slots=True)
class Bands:
    """Quantiles over the paths: total return and maximum drawdown (fractions), equity by step.

    `equity` is float64[len(QUANTILES), steps] as multiples of the opening equity, at `steps`
    evenly spread over the sample.
    """

    paths: int
    total_return: tuple[float, ...]
    max_drawdown: tuple[float, ...]
    loss_probability: float
    equity: Floats


def of_trades(
    pnl: Floats, *, opening: float, seed: int, paths: int = 1000, steps: int = 50
) -> Bands | None:
    """Trades drawn with replacement; None for fewer than two."""
    if len(pnl) < 2 or opening <= 0:
        return None
    rng = np.random.default_rng(seed)
    size = len(pnl)

    def draw(count: int) -> Floats:
        sums: Floats = np.cumsum(pnl[rng.integers(0, size, (count, size))], axis=1)
        return 1 + sums / opening

    return _bands(draw, paths, size, steps)


def of_returns(
    returns: Floats, *, seed: int, block: int | None = None, paths: int = 1000, steps: int = 50
) -> Bands | None:
    """Blocks of consecutive returns drawn with replacement, so that runs of luck stay runs.

    Circular block bootstrap (Politis & Romano, 1992); the block is n^(1/3) long unless given.
    """
    size = len(returns)
    if size < 10:
        return None
    rng = np.random.default_rng(seed)
    length = block or max(round(size ** (1 / 3)), 1)
    blocks = -(-size // length)
    offsets: Ints = np.arange(length, dtype=np.int64)

    def draw(count: int) -> Floats:
        starts = rng.integers(0, size, (count, blocks, 1))
        rows = ((starts + offsets) % size).reshape(count, -1)[:, :size]
        grown: Floats = np.cumprod(1 + returns[rows], axis=1)
        return grown

    return _bands(draw, paths, size, steps)


def _bands(draw: Callable[[int], Floats], paths: int, size: int, steps: int) -> Bands:
    at = np.unique(np.linspace(0, size - 1, min(steps, size)).astype(np.int64))
    totals, falls, curves = [], [], []
    left = paths
    while left > 0:
        count = min(left, _AT_ONCE)
        equity = draw(count)
        peaks = np.maximum(np.maximum.accumulate(equity, axis=1), 1.0)
        totals.append(equity[:, -1] - 1)
        falls.append(((peaks - equity) / peaks).max(axis=1))
        curves.append(equity[:, at])
        left -= count
    total, fall = np.concatenate(totals), np.concatenate(falls)
    return Bands(
        paths=paths,
        total_return=tuple(float(each) for each in np.percentile(total, QUANTILES)),
        max_drawdown=tuple(float(each) for each in np.percentile(fall, QUANTILES)),
        loss_probability=float(np.mean(total < 0)),
        equity=np.percentile(np.concatenate(curves), QUANTILES, axis=0),
    )
