"""Candle lengths. Pure: no database, no clock."""

from __future__ import annotations

from enum import StrEnum


class Timeframe(StrEnum):
    """The candle lengths that are stored."""

    M1 = "1m"
    M5 = "5m"
    M15 = "15m"
    H1 = "1h"
    H4 = "4h"
    D1 = "1d"

    @property
    def ms(self) -> int:
        """Length in milliseconds."""
        return _MINUTES[self] * 60_000

    def floor(self, ms: int) -> int:
        """Open time of the candle that holds instant `ms` (both in ms since the epoch)."""
        return ms - ms % self.ms

    def last_closed_open(self, now_ms: int) -> int:
        """Open time of the newest candle that is closed at `now_ms`."""
        return self.floor(now_ms) - self.ms


_MINUTES = {
    Timeframe.M1: 1,
    Timeframe.M5: 5,
    Timeframe.M15: 15,
    Timeframe.H1: 60,
    Timeframe.H4: 240,
    Timeframe.D1: 1440,
}
