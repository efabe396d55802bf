"""Numbers from market prints, trade by trade. Pure: no database, no clock, no network."""

from marketdata.features.bar_series import KEPT_BARS, BarSeries, FrameFeatures
from marketdata.features.live_state import FRAMES, LiveState
from marketdata.features.ring import MOST_TRADES, TradeRing
from marketdata.features.symbol import DEPTH_BPS, SymbolFeatures

__all__ = [
    "DEPTH_BPS",
    "FRAMES",
    "KEPT_BARS",
    "MOST_TRADES",
    "BarSeries",
    "FrameFeatures",
    "LiveState",
    "SymbolFeatures",
    "TradeRing",
]
