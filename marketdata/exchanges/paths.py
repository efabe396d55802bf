"""Price paths of the simulated exchange. Pure: (seed, listing, UTC day) gives one day.

A day is 86,400 one-second prices; candles of every length and the current quote are read from
it, so that they can't disagree. Days join: each is bridged to the next one's first price.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from math import log
from typing import TypeAlias
from zlib import crc32

import numpy as np
from numpy.random import PCG64, Generator, SeedSequence
from numpy.typing import NDArray

from marketdata.bars import Floats, Ints

Floats32: TypeAlias = NDArray[np.float32]

DAY_S = 86_400
FIRST_DAY = 19_723  # 2024-01-01 in days since 1970-01-01: nothing was traded before it
LAST_DAY = FIRST_DAY + 20_000

_MARKET, _ANCHORS, _DAY = range(3)
CLUSTERS = 288
_REGIMES = 100  # more than a day can hold at 10 minutes and more each
_TREND, _RANGE, _VOLATILE = range(3)
_CALM = (0.8, 0.6, 2.0)  # volatility of each regime as a share of the listing's


@dataclass(frozen=True, slots=True)
class Listing:
    """A demo pair: where its price lives and how lively it is. Volatility is per day."""

    base: str
    price: float
    price_digits: int
    qty_digits: int
    volatility: float
    day_volume: float  # base asset
    half_spread_bps: float

    @property
    def name(self) -> str:
        return f"{self.base}/USDT"


@dataclass(frozen=True, slots=True)
class Minutes:
    """1,440 one-minute candles of a day; `lots` counts quantity steps, so that sums are exact."""

    open: Floats
    high: Floats
    low: Floats
    close: Floats
    lots: Ints


@lru_cache(maxsize=8)
def seconds(seed: int, listing: Listing, day: int) -> tuple[Floats, Ints]:
    """Last price (on the tick grid) and traded quantity steps of each second of a UTC day."""
    rng = _generator(seed, listing.name, _DAY, day)
    calm, drift = _regimes(rng)
    lively = calm * np.repeat(_clusters(rng), DAY_S // CLUSTERS)
    # Uniform steps are four times cheaper than normal ones and look the same after a minute.
    noise = rng.random(DAY_S, dtype=np.float32) - np.float32(0.5)
    steps = lively * noise * np.float32(12**0.5) + drift
    path = np.cumsum(steps, dtype=np.float64) * (listing.volatility / DAY_S**0.5)
    start, end = _anchors(seed, listing)[day - FIRST_DAY : day - FIRST_DAY + 2]
    # The bridge: what the walk ended at is taken back evenly, so that tomorrow begins here.
    path -= np.linspace(path[0], path[-1] - (end - start), DAY_S)
    prices = np.round(np.exp(start + path), listing.price_digits)
    luck = rng.random(DAY_S, dtype=np.float32)
    per_second = listing.day_volume / DAY_S * 10**listing.qty_digits
    lots = lively * luck * luck * luck * np.float32(4 * per_second)
    # At least one: a price that nobody traded at would be in the candles and in no trade.
    return prices, np.maximum(lots.astype(np.int64), 1)


@lru_cache(maxsize=160)
def minutes(seed: int, listing: Listing, day: int) -> Minutes:
    """The day as one-minute candles."""
    prices, lots = seconds(seed, listing, day)
    by_minute = prices.reshape(1440, 60)
    return Minutes(
        open=by_minute[:, 0].copy(),
        high=by_minute.max(axis=1),
        low=by_minute.min(axis=1),
        close=by_minute[:, -1].copy(),
        lots=lots.reshape(1440, 60).sum(axis=1),
    )


def chance(seed: int, listing: Listing, second: int, draw: int) -> float:
    """A number in [0, 1) that belongs to one second of one listing (splitmix64)."""
    mask = 2**64 - 1
    state = (seed * 0x9E3779B97F4A7C15 + crc32(listing.base.encode()) + second * 64 + draw) & mask
    state = (state * 0x9E3779B97F4A7C15 + 0x9E3779B97F4A7C15) & mask
    state = ((state ^ (state >> 30)) * 0xBF58476D1CE4E5B9) & mask
    state = ((state ^ (state >> 27)) * 0x94D049BB133111EB) & mask
    return (state ^ (state >> 31)) / 2**64


def _generator(seed: int, name: str, stream: int, day: int) -> Generator:
    return Generator(PCG64(SeedSequence([abs(seed), crc32(name.encode()), stream, day])))


@lru_cache(maxsize=16)
def _anchors(seed: int, listing: Listing) -> Floats:
    """Log price at 00:00 of each day: mean-reverting, half moved by a market they all share."""
    days = LAST_DAY - FIRST_DAY + 2
    market = _generator(seed, "market", _MARKET, 0).standard_normal(days)
    own = _generator(seed, listing.name, _ANCHORS, 0).standard_normal(days)
    steps = listing.volatility * 0.5 * (0.7 * market + 0.7 * own)
    level, levels = 0.0, np.empty(days)
    for day, step in enumerate(steps.tolist()):
        levels[day] = level
        level = 0.985 * level + step
    return levels + log(listing.price)


def _clusters(rng: Generator) -> Floats32:
    """Volatility of each 5 minutes as a factor around 1; calm and wild ones come in clusters."""
    level, levels = 0.0, []
    for shock in rng.standard_normal(CLUSTERS).tolist():
        level = 0.85 * level + 0.2 * shock
        levels.append(level)
    return np.exp(levels).astype(np.float32)


def _regimes(rng: Generator) -> tuple[Floats32, Floats32]:
    """Volatility factor and drift (in standard deviations) of each second of a day."""
    kinds = rng.choice(3, size=_REGIMES, p=(0.35, 0.45, 0.2)).tolist()
    lengths = (600 + rng.exponential(1500, size=_REGIMES)).astype(np.int64).tolist()
    slopes = rng.uniform(-0.05, 0.05, size=_REGIMES).tolist()
    swings = rng.uniform(0.06, 0.16, size=_REGIMES).tolist()
    half_periods = rng.integers(150, 600, size=_REGIMES).tolist()
    calm, drift = np.empty(DAY_S, dtype=np.float32), np.zeros(DAY_S, dtype=np.float32)
    start = 0
    for kind, length, slope, swing, half in zip(
        kinds, lengths, slopes, swings, half_periods, strict=True
    ):
        stop = min(start + length, DAY_S)
        calm[start:stop] = _CALM[kind]
        if kind == _TREND:
            drift[start:stop] = slope
        elif kind == _RANGE:
            turns = -(-(stop - start) // (2 * half))
            wave = np.repeat(np.array((swing, -swing) * turns, dtype=np.float32), half)
            drift[start:stop] = wave[: stop - start]
        start = stop
        if start == DAY_S:
            break
    return calm, drift
