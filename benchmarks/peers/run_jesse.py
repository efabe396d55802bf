"""jesse: its research backtest of one-minute candles on a spot exchange, in fast mode."""

from __future__ import annotations

from typing import Any

import jesse.helpers as jh
import jesse.indicators as ta
import numpy as np
import timed
from jesse.research import backtest
from jesse.strategies import Strategy

market = timed.market()
NAME = "Binance Spot"
PAIR = "BTC-USDT"


class Cross(Strategy):  # type: ignore[misc]
    @property
    def above(self) -> bool:
        if self.index + 1 < market.warmup:
            return False
        fast = ta.sma(self.candles[-60:], timed.FAST)
        return bool(fast > slow[self.index])

    def should_long(self) -> bool:
        return self.above

    def go_long(self) -> None:
        qty = self.available_margin / self.price / (1 + timed.FEE) * (1 - 1e-6)
        self.buy = qty, self.price

    def update_position(self) -> None:
        if not self.above:
            self.liquidate()


def average(close: Any) -> Any:
    """jesse keeps a few thousand candles: an exponential average of all is made before."""
    weight, value = 2 / (timed.SLOW + 1), close[0]
    averages = np.empty(len(close))
    for index, price in enumerate(close.tolist()):
        value += weight * (price - value)
        averages[index] = value
    return averages


def run() -> tuple[int, float]:
    """With its metrics, which it always computes."""
    config = {
        "starting_balance": timed.CASH,
        "fee": timed.FEE,
        "type": "spot",
        "exchange": NAME,
        "warm_up_candles": 0,
    }
    routes = [{"exchange": NAME, "strategy": Cross, "symbol": PAIR, "timeframe": "1m"}]
    candles = {jh.key(NAME, PAIR): {"exchange": NAME, "symbol": PAIR, "candles": rows}}
    result = backtest(config, routes, [], candles, generate_equity_curve=True, fast_mode=True)
    metrics = result["metrics"]
    return int(metrics["total"]), float(metrics["finishing_balance"])


slow = average(market.close)
rows = np.column_stack(
    [market.open_ms, market.open, market.close, market.high, market.low, market.volume]
)
timed.report("jesse", market.asked, run, warm=False)
