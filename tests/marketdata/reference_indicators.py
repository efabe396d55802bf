"""The formulas of docs/reference/indicators.md once more, in plain Python, bar by bar.

Written from the definitions and not from the library, to compare the two.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

from marketdata.bars import Bars

NAN = math.nan


def sma(values: Sequence[float], period: int) -> list[float]:
    return [
        NAN if i < period - 1 else math.fsum(values[i - period + 1 : i + 1]) / period
        for i in range(len(values))
    ]


def smoothed(values: Sequence[float], period: int, alpha: float, start: int = 0) -> list[float]:
    """NaN before the seed; the seed is the mean of `period` values from `start` on."""
    out = [NAN] * len(values)
    seed_at = start + period - 1
    if seed_at >= len(values):
        return out
    out[seed_at] = math.fsum(values[start : seed_at + 1]) / period
    for i in range(seed_at + 1, len(values)):
        out[i] = alpha * values[i] + (1 - alpha) * out[i - 1]
    return out


def ema(values: Sequence[float], period: int, start: int = 0) -> list[float]:
    return smoothed(values, period, 2 / (period + 1), start)


def rsi(values: Sequence[float], period: int) -> list[float]:
    """Wilder 1978: first averages are plain means of the first `period` changes."""
    changes = [0.0] + [b - a for a, b in itertools.pairwise(values)]
    gain = smoothed([max(change, 0.0) for change in changes], period, 1 / period, start=1)
    loss = smoothed([max(-change, 0.0) for change in changes], period, 1 / period, start=1)
    return [
        NAN if math.isnan(up) else (100 * up / (up + down) if up + down else 0.0)
        for up, down in zip(gain, loss, strict=True)
    ]


def macd(
    values: Sequence[float], fast: int, slow: int, signal: int
) -> tuple[list[float], list[float], list[float]]:
    """Both averages start at the bar where the slow one does; nothing before the signal's."""
    difference = [
        a - b for a, b in zip(ema(values, fast, start=slow - fast), ema(values, slow), strict=True)
    ]
    line = ema(difference, signal, start=slow - 1)
    difference = [NAN if math.isnan(s) else d for d, s in zip(difference, line, strict=True)]
    return difference, line, [d - s for d, s in zip(difference, line, strict=True)]


def atr(bars: Bars, period: int) -> list[float]:
    """Wilder 1978: the first bar has no true range, because it has no close before it."""
    high, low, close = bars.high.tolist(), bars.low.tolist(), bars.close.tolist()
    ranges = [0.0] + [
        max(high[i], close[i - 1]) - min(low[i], close[i - 1]) for i in range(1, len(close))
    ]
    return smoothed(ranges, period, 1 / period, start=1)


def bbands(
    values: Sequence[float], period: int, deviations: float
) -> tuple[list[float], list[float], list[float]]:
    """Standard deviation of the population: divided by n, not by n - 1."""
    middle = sma(values, period)
    width = [
        NAN
        if math.isnan(mean)
        else deviations
        * math.sqrt(math.fsum((x - mean) ** 2 for x in values[i - period + 1 : i + 1]) / period)
        for i, mean in enumerate(middle)
    ]
    pairs = list(zip(middle, width, strict=True))
    return [m + w for m, w in pairs], middle, [m - w for m, w in pairs]


def vwap(bars: Bars) -> list[float]:
    out: list[float] = []
    traded = volume = 0.0
    day, whole = -1, False
    for at, high, low, close, qty in zip(
        bars.open_ms.tolist(),
        bars.high.tolist(),
        bars.low.tolist(),
        bars.close.tolist(),
        bars.volume.tolist(),
        strict=True,
    ):
        if at // 86_400_000 != day:
            day, whole = at // 86_400_000, at % 86_400_000 == 0
            traded = volume = 0.0
        traded += (high + low + close) / 3 * qty
        volume += qty
        out.append(traded / volume if whole and volume else NAN)
    return out
