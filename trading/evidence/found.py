"""What was found out about a candidate. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from trading.evidence.monte_carlo import Bands
from trading.evidence.sharpe import Moments
from trading.evidence.verdict import Verdict
from trading.evidence.walk_forward import WalkForward

WALK_POINTS = 500


@dataclass(frozen=True, slots=True)
class Trials:
    """Parameter sets ever tried with this strategy; per-period Sharpes as Welford's sums."""

    n: int = 1
    mean: float = 0.0
    m2: float = 0.0

    @property
    def variance(self) -> float:
        """Of the Sharpes, ddof 1; 0 for fewer than two."""
        return self.m2 / (self.n - 1) if self.n > 1 else 0.0


@dataclass(frozen=True, slots=True)
class Plateau:
    """Total returns around the candidate; `lost` is the worst relative loss of its edge."""

    own: float
    around: tuple[tuple[str, float, float], ...]  # (parameter, value, total return)
    lost: float | None


@dataclass(frozen=True, slots=True)
class Evidence:
    """Everything that the verdict rests on."""

    moments: Moments | None
    sharpe_inside: float | None  # annual
    sharpe_outside: float | None
    trades_outside: int
    purge_ms: int
    psr: float | None
    dsr: float | None
    deflated_benchmark: float
    min_trl_days: float | None
    pbo: float | None
    pbo_loss: float | None  # share of splits in which the chosen one loses out of sample
    walk: WalkForward
    plateau: Plateau
    doubled_costs: float
    drawdown: float
    baseline_drawdown: float | None
    look_ahead: int
    warm_up: int
    trials: Trials
    bands_of_trades: Bands | None
    bands_of_returns: Bands | None
    verdict: Verdict

    def to_json(self) -> dict[str, Any]:
        """Plain values; numbers are finite or None."""
        # One point in so many: the curve is for looking at.
        walk = self.walk
        step = max(len(walk.at_ms) // WALK_POINTS, 1)
        thin = replace(walk, at_ms=walk.at_ms[::step], equity=walk.equity[::step])
        told = {name: getattr(self, name) for name in self.__dataclass_fields__}
        plain: dict[str, Any] = _plain(told | {"walk": thin})
        return plain


def _plain(value: Any) -> Any:
    if isinstance(value, np.ndarray | np.generic):
        return _plain(value.tolist())
    if hasattr(value, "__dataclass_fields__"):
        return {name: _plain(getattr(value, name)) for name in value.__dataclass_fields__}
    if isinstance(value, dict):
        return {key: _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value
