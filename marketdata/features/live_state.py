"""What the feed knows of one symbol at one moment: small enough to be sent on each second."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from marketdata.features.bar_series import FrameFeatures
from marketdata.timeframes import Timeframe

FRAMES = (Timeframe.M1, Timeframe.M5, Timeframe.M15)


@dataclass(frozen=True, slots=True)
class LiveState:
    """Prices, features and counts of one symbol; None is unknown, nothing is NaN or infinite.

    `mom1_bps` and `mom5_bps` are against the trade 60 and 300 s before the newest one,
    `px_vs_vwap_bps` against all trades kept. Depths are in the quote asset. `at_ms` is when the
    state was made, `last_at_ms` when the newest trade was.
    """

    exchange: str
    symbol: str
    at_ms: int
    trades_cached: int
    last_price: float | None
    last_qty: float | None
    last_buy: bool | None
    last_at_ms: int | None
    best_bid: float | None
    best_ask: float | None
    book_at_ms: int | None
    spread_bps: float | None
    bid_depth: float | None
    ask_depth: float | None
    mom1_bps: float | None
    mom5_bps: float | None
    px_vs_vwap_bps: float | None
    frames: Mapping[str, FrameFeatures]
    duplicates: int = 0
    refused: int = 0

    @property
    def name(self) -> str:
        """exchange:symbol, as everywhere."""
        return f"{self.exchange}:{self.symbol}"

    @property
    def rvol_vs_recent(self) -> float | None:
        """The last minute's volume against the mean minute's."""
        frame = self.frames.get(Timeframe.M1)
        return frame.rvol if frame else None

    def age_s(self, now_ms: int) -> float | None:
        """Seconds since the newest trade or book, whichever is newer; None for neither."""
        newest = max(self.last_at_ms or 0, self.book_at_ms or 0)
        return max(0, now_ms - newest) / 1000 if newest else None

    def plain(self) -> dict[str, Any]:
        """As it travels; `of` reads it again."""
        state = {name: getattr(self, name) for name in _NAMES if name != "frames"}
        frames = {
            str(name): [getattr(frame, field) for field in _FRAME_NAMES]
            for name, frame in self.frames.items()
        }
        return {**state, "frames": frames}

    @classmethod
    def of(cls, plain: Mapping[str, Any]) -> LiveState:
        """From what `plain` gave; a field of another version is left out."""
        known = {name: value for name, value in plain.items() if name in _NAMES}
        frames = {name: FrameFeatures(*values) for name, values in known.pop("frames").items()}
        return cls(**known, frames=frames)


_NAMES = tuple(field.name for field in fields(LiveState))
_FRAME_NAMES = tuple(field.name for field in fields(FrameFeatures))
