"""Bars for tests: random walks and hand-written closes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from marketdata.bars import Bars

MIDNIGHT_MS = 1_704_067_200_000  # 2024-01-01 00:00 UTC
FIVE_MINUTES_MS = 300_000


def bars_of(
    closes: Sequence[float],
    *,
    highs: Sequence[float] | None = None,
    lows: Sequence[float] | None = None,
    volumes: Sequence[float] | None = None,
    start_ms: int = MIDNIGHT_MS,
    bar_ms: int = FIVE_MINUTES_MS,
) -> Bars:
    """Bars with these closes; what is not given is flat around the close, volume 1."""
    close = np.array(closes, dtype=np.float64)
    return Bars(
        start_ms + bar_ms * np.arange(len(close), dtype=np.int64),
        close.copy(),
        np.array(closes if highs is None else highs, dtype=np.float64),
        np.array(closes if lows is None else lows, dtype=np.float64),
        close,
        np.array([1.0] * len(close) if volumes is None else volumes, dtype=np.float64),
    )


def random_walk(
    n: int,
    *,
    seed: int = 1,
    price: float = 100.0,
    volatility: float = 2e-3,
    start_ms: int = MIDNIGHT_MS,
    bar_ms: int = FIVE_MINUTES_MS,
) -> Bars:
    """`n` bars of a geometric random walk that are sane: low <= open, close <= high."""
    rng = np.random.default_rng(seed)
    close = price * np.exp(np.cumsum(rng.normal(0, volatility, n)))
    open_ = np.concatenate([[price], close[:-1]])[:n]
    wick = np.abs(rng.normal(0, volatility / 2, (2, n)))
    return Bars(
        start_ms + bar_ms * np.arange(n, dtype=np.int64),
        open_,
        np.maximum(open_, close) * (1 + wick[0]),
        np.minimum(open_, close) * (1 - wick[1]),
        close,
        rng.exponential(10, n),
    )
