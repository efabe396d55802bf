"""How much a Sharpe ratio says, given its sample and how many were tried. Pure.

Sharpe ratios here are per period (not annual), skew and kurtosis biased, kurtosis not excess
(3 for a normal). Sources: Bailey & Lopez de Prado, "The Sharpe Ratio Efficient Frontier",
Journal of Risk 15(2), 2012; "The Deflated Sharpe Ratio", Journal of Portfolio Management
40(5), 2014; Bailey, Borwein, Lopez de Prado & Zhu, "Pseudo-Mathematics and Financial
Charlatanism", Notices of the AMS 61(5), 2014.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from marketdata.bars import Floats

EULER = 0.5772156649015329
_NORMAL = NormalDist()


@dataclass(frozen=True, slots=True)
class Moments:
    """A sample of returns: size, Sharpe per period (ddof 1), skew, kurtosis."""

    n: int
    sharpe: float
    skew: float
    kurtosis: float

    @classmethod
    def of(cls, returns: Floats) -> Moments | None:
        """None where the sample is too small or doesn't vary."""
        if len(returns) < 3:
            return None
        deviation = float(returns.std(ddof=1))
        if deviation <= 1e-12:
            return None
        standard = (returns - returns.mean()) / returns.std()
        return cls(
            len(returns),
            float(returns.mean()) / deviation,
            float(np.mean(standard**3)),
            float(np.mean(standard**4)),
        )

    @property
    def spread(self) -> float:
        """1 - skew SR + (kurtosis - 1) / 4 SR^2: the variance of the estimate times n - 1."""
        return 1 - self.skew * self.sharpe + (self.kurtosis - 1) / 4 * self.sharpe**2


def psr(moments: Moments, benchmark: float = 0.0) -> float | None:
    """Probability that the true Sharpe is above `benchmark`; None where it isn't defined."""
    if moments.spread <= 0:
        return None
    distance = (moments.sharpe - benchmark) * math.sqrt(moments.n - 1)
    return _NORMAL.cdf(distance / math.sqrt(moments.spread))


def expected_max(trials: int) -> float:
    """Expected largest of `trials` standard normals; 0 for a single one."""
    if trials < 2:
        return 0.0
    inverse = _NORMAL.inv_cdf
    return (1 - EULER) * inverse(1 - 1 / trials) + EULER * inverse(1 - 1 / (trials * math.e))


def luck_of(variance: float, n: int) -> float:
    """The part of the trials' variance that luck can explain in a sample of `n` returns.

    The Sharpe of worthless returns varies by 1 / (n - 1) from sample to sample, whatever their
    skew and kurtosis (`Moments.spread` is 1 at a Sharpe of 0), and trials that are alike vary
    less among each other. What trials differ by beyond it isn't luck: fast parameters lose
    their fees for certain. Counted as luck it would ask the more of the best, the worse the
    others were.
    """
    return min(variance, 1 / (n - 1)) if n > 1 else variance


def deflated_benchmark(trials: int, variance: float) -> float:
    """SR0: the Sharpe that the best of so many worthless trials shows; `variance` of theirs."""
    return math.sqrt(max(variance, 0.0)) * expected_max(trials)


def dsr(moments: Moments, *, trials: int, variance: float) -> float | None:
    """Deflated Sharpe ratio: PSR against what the best of all trials shows by luck."""
    return psr(moments, deflated_benchmark(trials, variance))


def min_trl(moments: Moments, benchmark: float = 0.0, confidence: float = 0.95) -> float | None:
    """Periods needed until the Sharpe is above `benchmark` with `confidence`; None if never."""
    if moments.sharpe <= benchmark or moments.spread <= 0:
        return None
    quantile = _NORMAL.inv_cdf(confidence)
    return 1 + moments.spread * (quantile / (moments.sharpe - benchmark)) ** 2


def min_backtest_years(trials: int, sharpe: float) -> float | None:
    """Years below which the best of so many worthless trials shows an annual `sharpe`."""
    return (expected_max(trials) / sharpe) ** 2 if sharpe > 0 else None
