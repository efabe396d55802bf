"""The crossing as a freqtrade strategy; its engine shifts signals to the next open itself."""

from __future__ import annotations

from typing import Any

from freqtrade.strategy import IStrategy


class Cross(IStrategy):  # type: ignore[misc]
    timeframe = "1m"
    stoploss = -0.99
    minimal_roi = {"0": 1000.0}
    startup_candle_count = 0
    warmup = 1
    process_only_new_candles = True

    def populate_indicators(self, frame: Any, metadata: Any) -> Any:
        frame["fast"] = frame["close"].rolling(20).mean()
        frame["slow"] = frame["close"].ewm(span=50, adjust=False).mean()
        frame["above"] = (frame["fast"] > frame["slow"]) & (frame.index >= self.warmup - 1)
        return frame

    def populate_entry_trend(self, frame: Any, metadata: Any) -> Any:
        frame.loc[frame["above"], "enter_long"] = 1
        return frame

    def populate_exit_trend(self, frame: Any, metadata: Any) -> Any:
        frame.loc[~frame["above"], "exit_long"] = 1
        return frame
