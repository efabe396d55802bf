"""The newest trades of one symbol, in arrays that grow to a bound and then wrap."""

from __future__ import annotations

from array import array
from math import fsum

from marketdata.exchanges.protocol import TradePrint

MOST_TRADES = 50_000


class TradeRing:
    """At most `most` trades in the order of their arrival; adding one costs the same always.

    25 bytes a trade: 1.25 MB when it is full. A trade that comes late counts as if it had been
    made when the one before it was.
    """

    __slots__ = ("_at", "_buy", "_next", "_price", "_qty", "_turnover", "_volume", "most")

    def __init__(self, most: int = MOST_TRADES) -> None:
        self.most = most
        self._price, self._qty = array("d"), array("d")
        self._at, self._buy = array("q"), array("b")
        self._next = 0  # where the next one goes, once the ring is full
        self._turnover = self._volume = 0.0

    def __len__(self) -> int:
        return len(self._price)

    def add(self, trade: TradePrint) -> None:
        """Take `trade` in; the oldest falls out when there are `most`."""
        at_ms = max(trade.at_ms, self._at[self._place(-1)]) if self._at else trade.at_ms
        if len(self._price) < self.most:
            self._price.append(trade.price)
            self._qty.append(trade.qty)
            self._at.append(at_ms)
            self._buy.append(trade.buy)
        else:
            self._replace(trade, at_ms)
        self._turnover += trade.price * trade.qty
        self._volume += trade.qty

    @property
    def vwap(self) -> float | None:
        """Mean price of all trades kept, weighted by quantity; None when nothing was traded."""
        return self._turnover / self._volume if self._volume > 0 else None

    def price_at(self, at_ms: int) -> float | None:
        """Price of the last trade at or before `at_ms`; None when the ring doesn't reach back."""
        low, high = 0, len(self)
        while low < high:
            middle = (low + high) // 2
            if self._at[self._place(middle)] <= at_ms:
                low = middle + 1
            else:
                high = middle
        return self._price[self._place(low - 1)] if low else None

    def tail(self, many: int) -> list[TradePrint]:
        """The newest `many` trades, oldest first, without their ids."""
        places = (self._place(i) for i in range(max(0, len(self) - many), len(self)))
        return [
            TradePrint("", self._price[at], self._qty[at], bool(self._buy[at]), self._at[at])
            for at in places
        ]

    def _replace(self, trade: TradePrint, at_ms: int) -> None:
        at = self._next
        self._turnover -= self._price[at] * self._qty[at]
        self._volume -= self._qty[at]
        self._price[at], self._qty[at] = trade.price, trade.qty
        self._at[at], self._buy[at] = at_ms, trade.buy
        self._next = (at + 1) % self.most
        if self._next == 0:
            self._sum_again(without=at)

    def _sum_again(self, *, without: int) -> None:
        """Once a round: what adding and taking away rounds off would grow for ever."""
        pairs = [p * q for p, q in zip(self._price, self._qty, strict=True)]
        self._turnover = fsum(pairs) - pairs[without]
        self._volume = fsum(self._qty) - self._qty[without]

    def _place(self, index: int) -> int:
        """Where the trade number `index` is, counted from the oldest; -1 is the newest."""
        many = len(self._price)
        return (self._next + index) % many if many == self.most else index % many
