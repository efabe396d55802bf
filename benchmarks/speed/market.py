"""The market of the speed benchmark: seeded minutes, the same for every engine, in one file.

Trends that come and go pay about what the fees of their crossings cost, so that there is money
to trade with up to the last candle. A bar opens where the one before closed.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from marketdata.bars import Bars

MINUTE_MS = 60_000
START_MS = 1_600_000_020_000
SEED = 20
VOLATILITY = 0.002  # of a minute
TREND = 0.00018  # of a minute, typical
MEMORY = 0.97  # of the trend, from one minute to the next
RETURN = 2e-5  # of the distance to the first price, each minute
FIRST_PRICE = 30_000.0
VOLUME = 1e9  # of the base asset: a share of it is more than anybody here buys


def candle_file(directory: Path, bars: int) -> Path:
    """A float64[6, bars] of open_ms, open, high, low, close, volume; written once."""
    path = directory / f"candles-{SEED}-{bars}.npy"
    if not path.exists():
        directory.mkdir(parents=True, exist_ok=True)
        fresh = path.with_suffix(".tmp.npy")
        np.save(fresh, _candles(bars))
        fresh.rename(path)
    return path


def bars_of(path: Path, first: int | None = None) -> Bars:
    """The first bars of the file, or all of them."""
    rows = np.load(path)[:, :first]
    return Bars(rows[0].astype(np.int64), *rows[1:])


def _candles(bars: int) -> Any:
    chance = np.random.default_rng(SEED)
    close = np.round(_walk(*chance.standard_normal((2, bars))), 2)
    opened = np.concatenate([[FIRST_PRICE], close[:-1]])
    wick = np.round(np.abs(chance.standard_normal((2, bars))) * VOLATILITY / 2 * close, 2)
    high, low = np.maximum(opened, close) + wick[0], np.minimum(opened, close) - wick[1]
    open_ms = START_MS + np.arange(bars) * float(MINUTE_MS)
    rounded = np.round([opened, high, low, close], 2)
    return np.vstack([open_ms, rounded, np.full(bars, VOLUME)])


def _walk(noise: Any, turns: Any) -> Any:
    from numba import njit

    @njit
    def walk(noise: Any, turns: Any) -> Any:
        prices = np.empty(len(noise))
        trend = height = 0.0
        for index in range(len(noise)):
            trend = MEMORY * trend + TREND * np.sqrt(1 - MEMORY**2) * turns[index]
            height += VOLATILITY * noise[index] + trend - RETURN * height
            prices[index] = FIRST_PRICE * np.exp(height)
        return prices

    return walk(noise, turns)
