"""backtrader: its vectorised indicators (runonce), no observers, equity by its own analyzer."""

from __future__ import annotations

import backtrader as bt
import timed

market = timed.market()
frame = market.frame("open", "high", "low", "close", "volume")


class Cross(bt.Strategy):  # type: ignore[misc]
    def __init__(self) -> None:
        self.fast = bt.ind.SMA(self.data.close, period=timed.FAST)
        self.slow = bt.ind.EMA(self.data.close, period=timed.SLOW)
        self.equity: list[float] = []
        self.trades = 0

    def notify_trade(self, trade: object) -> None:
        self.trades += trade.isclosed  # type: ignore[attr-defined]

    def next(self) -> None:
        self.equity.append(self.broker.getvalue())
        if len(self.data) < market.warmup:
            return
        if self.fast[0] > self.slow[0]:
            if not self.position:
                # The next open is this close here, so all the cash is known to be enough.
                cash = self.broker.getcash() * (1 - 1e-6)
                self.buy(size=cash / self.data.close[0] / (1 + timed.FEE))
        elif self.position:
            self.close()


def run() -> tuple[int, float]:
    """A fresh engine."""
    cerebro = bt.Cerebro(stdstats=False)
    cerebro.broker.setcash(timed.CASH)
    cerebro.broker.setcommission(commission=timed.FEE)
    cerebro.adddata(bt.feeds.PandasData(dataname=frame))
    cerebro.addstrategy(Cross)
    done = cerebro.run()[0]
    return done.trades, done.equity[-1]


timed.report("backtrader", market.asked, run, warm=False)
