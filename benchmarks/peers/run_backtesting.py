"""backtesting.py: whole units only, so its own fractional wrapper with millionths of a coin."""

from __future__ import annotations

import warnings

import numpy as np
import timed
from backtesting import Strategy
from backtesting.lib import FractionalBacktest

market = timed.market()
frame = market.frame("Open", "High", "Low", "Close", "Volume")


def sma(values: object) -> object:
    """Simple average by differences of sums."""
    import pandas as pd

    return pd.Series(values).rolling(timed.FAST).mean()


def ema(values: object) -> object:
    """Exponential average from the first price on."""
    import pandas as pd

    return pd.Series(values).ewm(span=timed.SLOW, adjust=False).mean()


class Cross(Strategy):  # type: ignore[misc]
    def init(self) -> None:
        self.fast = self.I(sma, self.data.Close)
        self.slow = self.I(ema, self.data.Close)
        self.seen = 0

    def next(self) -> None:
        if len(self.data) < market.warmup:
            return
        if self.fast[-1] > self.slow[-1]:
            if not self.position:
                self.buy()
        elif self.position:
            self.position.close()


def run() -> tuple[int, float]:
    """With its statistics, which it always computes."""
    test = FractionalBacktest(
        frame, Cross, cash=timed.CASH, commission=timed.FEE, fractional_unit=1e-6
    )
    stats = test.run()
    return int(stats["# Trades"]), float(stats["Equity Final [$]"])


warnings.filterwarnings("ignore")
np.seterr(all="ignore")
timed.report("backtesting", market.asked, run, warm=False)
