"""Probability of backtest overfitting by combinatorially symmetric cross-validation. Pure.

Source: Bailey, Borwein, Lopez de Prado & Zhu, "The Probability of Backtest Overfitting",
Journal of Computational Finance, 2015.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import combinations
from typing import TypeAlias

import numpy as np

from marketdata.bars import Floats, Ints

Statistic: TypeAlias = Callable[[Floats], Floats]  # float64[rows, columns] -> float64[columns]


@dataclass(frozen=True, slots=True)
class Overfitting:
    """PBO, the share of losses out of sample, and each split's choice and logit."""

    pbo: float
    loss: float
    chosen: tuple[int, ...]
    logits: tuple[float, ...]


def sharpe_of_columns(returns: Floats) -> Floats:
    """Sharpe per period of each column; 0 where a column doesn't vary."""
    deviation = returns.std(axis=0, ddof=1)
    sharpes = np.zeros(returns.shape[1])
    np.divide(returns.mean(axis=0), deviation, out=sharpes, where=deviation > 1e-12)
    return sharpes


def mean_of_columns(returns: Floats) -> Floats:
    """Mean of each column."""
    return np.asarray(returns.mean(axis=0))


def pbo(
    returns: Floats, *, blocks: int = 8, statistic: Statistic = sharpe_of_columns
) -> Overfitting:
    """How often the best configuration in-sample is below the median out of sample.

    `returns` is float64[periods, configurations]; rows are cut into `blocks` (even) equal
    parts, the remainder at the start is left out. Raises ValueError for fewer than two
    configurations or fewer rows than two a block.
    """
    rows, columns = returns.shape
    if blocks % 2 or columns < 2 or rows < 2 * blocks:
        raise ValueError("PBO needs an even number of blocks, two columns, two rows a block")
    parts = np.array_split(returns[rows % blocks :], blocks)
    chosen, logits, losses = [], [], 0
    for inside in combinations(range(blocks), blocks // 2):
        within = np.concatenate([parts[i] for i in inside])
        without = np.concatenate([parts[i] for i in range(blocks) if i not in inside])
        best = int(np.argmax(statistic(within)))
        outside = statistic(without)
        omega = _rank(outside, best) / (columns + 1)
        chosen.append(best)
        logits.append(math.log(omega / (1 - omega)))
        losses += outside[best] < 0
    below = sum(logit <= 1e-12 for logit in logits)
    return Overfitting(below / len(logits), losses / len(logits), tuple(chosen), tuple(logits))


def _rank(values: Floats, index: int) -> float:
    """Rank of one value from 1, ties averaged."""
    own = values[index]
    ties: Ints = np.flatnonzero(np.isclose(values, own, rtol=0, atol=1e-15))
    return float(np.sum(values < own - 1e-15)) + (len(ties) + 1) / 2
