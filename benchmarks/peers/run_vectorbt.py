"""vectorbt: signals shifted by a bar, filled at the open; equity kept. Engines: numba, rust."""

from __future__ import annotations

import numpy as np
import timed
import vectorbt as vbt

market = timed.market()
engine = market.asked.engine or "numba"
frame = market.frame("open", "high", "low", "close", "volume")
counts = (np.arange(len(frame)) >= market.warmup - 1)[:, None]
drawn = np.random.default_rng(20).permutation(4_000)[: market.asked.pairs]
pairs = [(5 + int(each) // 100, 50 + int(each) % 100) for each in drawn]
pairs = pairs or [(timed.FAST, timed.SLOW)]


def run() -> tuple[int, float]:
    """All pairs at once, which is what vectorbt is made for."""
    fast = vbt.MA.run(frame["close"], [a for a, _ in pairs], engine=engine)
    slow = vbt.MA.run(frame["close"], [b for _, b in pairs], ewm=True, engine=engine)
    above = (np.asarray(fast.ma) > np.asarray(slow.ma)).reshape(len(frame), -1) & counts
    wanted = np.zeros_like(above)
    wanted[1:] = above[:-1]
    folio = vbt.Portfolio.from_signals(
        frame["close"],
        wanted if len(pairs) > 1 else wanted[:, 0],
        ~wanted if len(pairs) > 1 else ~wanted[:, 0],
        price=frame["open"],
        fees=timed.FEE,
        init_cash=timed.CASH,
        freq="1min",
        engine=engine,
    )
    if market.asked.pairs:
        final = np.asarray(folio.final_value())
        return int(folio.trades.closed.count().sum()), float(final[0])
    equity = folio.value()
    return int(folio.trades.closed.count()), float(equity.iloc[-1])


timed.report("vectorbt", market.asked, run, warm=True)
