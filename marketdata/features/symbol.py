"""All that is remembered of one symbol: its trades, its bars, the top of its book.

The door for whatever brings prints: a poll, a stream, a test. Nothing here waits or asks.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from math import isfinite

from marketdata.exchanges.protocol import CandleRow, Level, OrderBook, TradePrint
from marketdata.features.bar_series import BarSeries
from marketdata.features.live_state import FRAMES, LiveState
from marketdata.features.numbers import bps
from marketdata.features.ring import MOST_TRADES, TradeRing
from marketdata.timeframes import Timeframe

DEPTH_BPS = 25.0  # of the middle: what may be traded without moving the price further
RECENT_IDS = 2_000  # a stream that begins anew repeats what was sent just before
LATE_MS = 2_000  # a bar is closed by the clock so much later than it ends


class SymbolFeatures:
    """Prints go in through `add`, `book` and `seed`; `state` tells what follows from them."""

    def __init__(self, exchange: str, symbol: str, *, most_trades: int = MOST_TRADES) -> None:
        self.exchange, self.symbol = exchange, symbol
        self.ring = TradeRing(most_trades)
        self.series = {frame: BarSeries(frame.ms) for frame in FRAMES}
        self.duplicates = self.refused = 0
        self._ids: set[str] = set()
        self._id_order: deque[str] = deque()
        self._last: TradePrint | None = None
        self._book: OrderBook | None = None

    def seed(self, candles: Mapping[Timeframe, Sequence[CandleRow]]) -> None:
        """Closed candles of each length, oldest first; trades after them must follow whole."""
        for frame, rows in candles.items():
            self.series[frame].seed(rows)

    def resume(self, running: Mapping[Timeframe, CandleRow], from_ms: int) -> None:
        """The running candles of each length, which hold what was traded before `from_ms`."""
        for frame, row in running.items():
            self.series[frame].resume(row, from_ms)

    def correct(self, frame: Timeframe, row: CandleRow) -> bool:
        """What the exchange says of a bar that is over; whether the trades said something else."""
        return self.series[frame].correct(row)

    def add(self, trade: TradePrint) -> bool:
        """Take one trade in; False for a repeated one and for one that can't be."""
        if not _is_sane(trade):
            self.refused += 1
            return False
        if not self._is_new(trade.id):
            self.duplicates += 1
            return False
        self.ring.add(trade)
        for series in self.series.values():
            series.add(trade.at_ms, trade.price, trade.qty)
        if self._last is None or trade.at_ms >= self._last.at_ms:
            self._last = trade
        return True

    def book(self, book: OrderBook) -> bool:
        """The newest book, as many levels as there are; False for an old or a crossed one."""
        if self._book is not None and book.at_ms < self._book.at_ms:
            return False
        bids, asks = _sane_levels(book.bids), _sane_levels(book.asks)
        if bids and asks and bids[0].price >= asks[0].price:
            self.refused += 1
            return False
        self._book = OrderBook(bids, asks, book.at_ms)
        return True

    def roll(self, now_ms: int) -> bool:
        """Close the bars that are over; whether a one-minute bar was."""
        rolled = [self.series[frame].roll(now_ms - LATE_MS) for frame in FRAMES]
        return rolled[0]

    def state(self, now_ms: int) -> LiveState:
        """Everything at `now_ms`; costs the same however many trades there are."""
        last, book = self._last, self._book
        price = last.price if last else None
        bid, ask = (_best(book.bids), _best(book.asks)) if book else (None, None)
        middle = (bid + ask) / 2 if bid and ask else None
        return LiveState(
            exchange=self.exchange,
            symbol=self.symbol,
            at_ms=now_ms,
            trades_cached=len(self.ring),
            last_price=price,
            last_qty=last.qty if last else None,
            last_buy=last.buy if last else None,
            last_at_ms=last.at_ms if last else None,
            best_bid=bid,
            best_ask=ask,
            book_at_ms=book.at_ms if book else None,
            spread_bps=(ask - bid) / middle * 10_000 if bid and ask and middle else None,
            bid_depth=_depth(book.bids, middle) if book else None,
            ask_depth=_depth(book.asks, middle) if book else None,
            mom1_bps=self._moved(60_000),
            mom5_bps=self._moved(300_000),
            px_vs_vwap_bps=bps(price, self.ring.vwap),
            frames={str(frame): one.features(now_ms) for frame, one in self.series.items()},
            duplicates=self.duplicates,
            refused=self.refused,
        )

    def rows(self, many: int) -> dict[str, list[CandleRow]]:
        """The newest closed bars of each length."""
        return {str(frame): series.rows(many) for frame, series in self.series.items()}

    def _moved(self, ms: int) -> float | None:
        if self._last is None:
            return None
        return bps(self._last.price, self.ring.price_at(self._last.at_ms - ms))

    def _is_new(self, trade_id: str) -> bool:
        if trade_id in self._ids:
            return False
        self._ids.add(trade_id)
        self._id_order.append(trade_id)
        if len(self._id_order) > RECENT_IDS:
            self._ids.remove(self._id_order.popleft())
        return True


def _is_sane(trade: TradePrint) -> bool:
    return (
        isfinite(trade.price)
        and trade.price > 0
        and isfinite(trade.qty)
        and trade.qty > 0
        and trade.at_ms > 0
    )


def _sane_levels(levels: Sequence[Level]) -> list[Level]:
    return [
        level for level in levels if 0 < level.price < float("inf") and 0 < level.qty < float("inf")
    ]


def _best(levels: Sequence[Level]) -> float | None:
    return levels[0].price if levels else None


def _depth(levels: Sequence[Level], middle: float | None) -> float | None:
    """What rests within `DEPTH_BPS` of the middle, in the quote asset."""
    if middle is None:
        return None
    reach = middle * DEPTH_BPS / 10_000
    return sum(level.price * level.qty for level in levels if abs(level.price - middle) <= reach)
