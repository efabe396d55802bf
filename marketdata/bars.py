"""Bars: the in-memory, frozen arrays that strategies and the numeric engine read."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Bars:
    """Closed candles of one symbol and timeframe, oldest first, as struct of arrays.

    `open_ms` is the open time in UTC ms (int64[n]); the rest is float64[n]; all have one
    length and can't be written to. A hole in the market stays a hole: rows aren't evenly spaced.
    """

    open_ms: Ints
    open: Floats
    high: Floats
    low: Floats
    close: Floats
    volume: Floats

    def __post_init__(self) -> None:
        sizes = {len(column) for column in self.columns()}
        if len(sizes) != 1:
            raise ValueError("bars need columns of one length")
        for column in self.columns():
            column.flags.writeable = False

    def __len__(self) -> int:
        return len(self.open_ms)

    def columns(self) -> tuple[Ints, Floats, Floats, Floats, Floats, Floats]:
        """All columns in storage order."""
        return (self.open_ms, self.open, self.high, self.low, self.close, self.volume)

    def slice(self, start: int, stop: int) -> Bars:
        """Rows `start` to `stop` as views, without copying."""
        rows = slice(start, stop)
        return Bars(
            self.open_ms[rows],
            self.open[rows],
            self.high[rows],
            self.low[rows],
            self.close[rows],
            self.volume[rows],
        )

    @classmethod
    def empty(cls) -> Bars:
        """No rows."""
        nothing = np.empty(0, dtype=np.float64)
        return cls(np.empty(0, dtype=np.int64), *(nothing.copy() for _ in range(5)))
