"""What counts as a signal on bars: crossings, levels of the RSI, turns of a strategy. Pure.

Each rule gives the kind of signal at each bar's close, "" for none, from bars up to there only.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from marketdata.bars import Bars, Floats
from marketdata.indicators import compute, settle_bars
from strategies.protocol import Params, Strategy
from strategies.targets import Mask, clearly_above

Kinds = NDArray[np.str_]

CROSS, RSI = "sma_ema_cross", "rsi_levels"
RULES = (CROSS, RSI)
FAST, SLOW, RSI_PERIOD = 20, 50, 14
OVERSOLD, OVERBOUGHT = 30.0, 70.0
RVOL_BARS, ATR_PERIOD = 20, 14
RULE_WARMUP = max(settle_bars("ema", {"period": SLOW}), settle_bars("rsi", {"period": RSI_PERIOD}))


@dataclass(frozen=True, slots=True)
class SignalLimits:
    """The volatility and volume that a signal's candle must have; 0 is off."""

    min_atr_bps: float = 0.0
    max_atr_bps: float = 0.0
    min_rvol: float = 0.0


@dataclass(frozen=True, slots=True)
class Measures:
    """Volatility and relative volume at each bar; NaN where not known."""

    atr_bps: Floats
    rvol: Floats


def crossings(bars: Bars) -> tuple[Kinds, dict[str, Floats]]:
    """CROSS_UP where SMA(20) comes above EMA(50), CROSS_DOWN where it falls below."""
    fast = compute("sma", {"period": FAST}, bars)["value"]
    slow = compute("ema", {"period": SLOW}, bars)["value"]
    known = ~(np.isnan(fast) | np.isnan(slow))
    above, below = clearly_above(fast, slow), clearly_above(slow, fast)
    was_known = _before(known)
    kinds = _kinds(len(bars))
    kinds[known & was_known & above & ~_before(above)] = "CROSS_UP"
    kinds[known & was_known & below & ~_before(below)] = "CROSS_DOWN"
    return kinds, {"sma_20": fast, "ema_50": slow}


def rsi_levels(bars: Bars) -> tuple[Kinds, dict[str, Floats]]:
    """RSI_OVERSOLD where RSI(14) falls below 30, RSI_OVERBOUGHT where it rises above 70."""
    rsi = compute("rsi", {"period": RSI_PERIOD}, bars)["value"]
    known = ~np.isnan(rsi)
    low, high = known & (rsi < OVERSOLD), known & (rsi > OVERBOUGHT)
    kinds = _kinds(len(bars))
    kinds[low & _before(known) & ~_before(low)] = "RSI_OVERSOLD"
    kinds[high & _before(known) & ~_before(high)] = "RSI_OVERBOUGHT"
    return kinds, {"rsi_14": rsi}


def turns(strategy: Strategy[Any], params: Params, bars: Bars) -> tuple[Kinds, dict[str, Floats]]:
    """ENTER where a strategy's target leaves zero, EXIT where it comes back to it.

    The targets are the ones that a simulation and a bot use.
    """
    targets = strategy.targets(bars, params)
    known = ~np.isnan(targets)
    wanted = known & (targets > 0)
    both = known & _before(known)
    kinds = _kinds(len(bars))
    kinds[both & wanted & ~_before(wanted)] = "ENTER"
    kinds[both & ~wanted & _before(wanted)] = "EXIT"
    return kinds, {"target": targets}


def measures_of(bars: Bars) -> Measures:
    """ATR(14) in basis points of the close; volume against the mean of the 20 bars before."""
    atr = compute("atr", {"period": ATR_PERIOD}, bars)["value"]
    rvol = np.full(len(bars), np.nan)
    if len(bars) > RVOL_BARS:
        means = np.convolve(bars.volume, np.ones(RVOL_BARS) / RVOL_BARS, mode="valid")[:-1]
        usual = np.where(means > 0, means, np.nan)
        rvol[RVOL_BARS:] = bars.volume[RVOL_BARS:] / usual
    return Measures(atr / bars.close * 10_000, rvol)


def filter_of(atr_bps: float, rvol: float, limits: SignalLimits) -> str:
    """The filter that a signal doesn't pass, "" for none; what isn't known passes none."""
    if limits.min_atr_bps and not atr_bps >= limits.min_atr_bps:
        return "VOLATILITY_LOW"
    if limits.max_atr_bps and not atr_bps <= limits.max_atr_bps:
        return "VOLATILITY_HIGH"
    if limits.min_rvol and not rvol >= limits.min_rvol:
        return "VOLUME_LOW"
    return ""


def _kinds(many: int) -> Kinds:
    return np.full(many, "", dtype="<U14")


def _before(mask: Mask) -> Mask:
    """The same, one bar earlier; nothing is true before the first."""
    shifted = np.zeros(len(mask), dtype=np.bool_)
    shifted[1:] = mask[:-1]
    return shifted
