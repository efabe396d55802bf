"""Bars of one length, built trade by trade, and the features that are read from them.

A closed bar is what the exchange's candle is: first, highest, lowest and last price, and the sum
of quantities. An interval without a trade is a flat bar at the last price, as exchanges write it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice, pairwise

from marketdata.exchanges.protocol import CandleRow
from marketdata.features.numbers import bps, finite, ratio

KEPT_BARS = 240
ATR_BARS = 14
VWAP_BARS = 20
RVOL_BARS = 20
ATR_SEED = ATR_BARS + 1  # a true range needs the close before


@dataclass(slots=True)
class FormingBar:
    """One bar; `first_ms` and `last_ms` are the times of the trades that opened and closed it.

    `trades` is 0 for a flat bar; `atr` is the average true range at its close.
    """

    open_ms: int
    open: float
    high: float
    low: float
    close: float
    volume: float
    turnover: float
    trades: int
    first_ms: int
    last_ms: int
    atr: float | None = None

    def add(self, at_ms: int, price: float, qty: float) -> None:
        """Take one trade in, late or not."""
        if not self.trades:
            self.open = self.high = self.low = self.close = price
            self.first_ms = self.last_ms = at_ms
        if at_ms < self.first_ms:
            self.open, self.first_ms = price, at_ms
        if at_ms >= self.last_ms:
            self.close, self.last_ms = price, at_ms
        self.high = max(self.high, price)
        self.low = min(self.low, price)
        self.volume += qty
        self.turnover += price * qty
        self.trades += 1

    def row(self) -> CandleRow:
        """The bar as candles are stored."""
        return (self.open_ms, self.open, self.high, self.low, self.close, self.volume)


@dataclass(frozen=True, slots=True)
class FrameFeatures:
    """Features of one bar length; None is unknown yet. Formulas: docs/reference/features.md.

    `bars` counts the closed bars kept, `volume` is the running bar's, in the base asset.
    """

    mom_bps: float | None
    px_vs_vwap_bps: float | None
    rvol: float | None
    atr: float | None
    bars: int
    volume: float | None


class BarSeries:
    """Closed bars and the running one. A trade costs the same always; closing a bar a little."""

    def __init__(self, length_ms: int, *, keep: int = KEPT_BARS) -> None:
        self.length_ms = length_ms
        self.closed: deque[FormingBar] = deque(maxlen=keep)
        self.running: FormingBar | None = None
        self._from_ms = 0  # earlier trades are in the seeded bars
        self._turnover = self._vwap_volume = self._mean_volume = 0.0

    def seed(self, rows: Sequence[CandleRow]) -> None:
        """Begin with closed candles, oldest first; trades of their time are in them already."""
        self.closed.clear()
        self.running = None
        for open_ms, open_, high, low, close, volume in rows:
            end_ms = open_ms + self.length_ms
            typical = (high + low + close) / 3  # the exchange doesn't say at which prices
            bar = FormingBar(
                open_ms, open_, high, low, close, volume, volume * typical, 1, open_ms, end_ms - 1
            )
            self._close(bar)
            self._from_ms = end_ms
        self._sum_up()

    def add(self, at_ms: int, price: float, qty: float) -> None:
        """One trade; late ones change the bar that they belong to, as long as it is kept."""
        if at_ms < self._from_ms:
            return
        self.roll(at_ms)
        if self.running is None:
            self.running = self._flat(at_ms - at_ms % self.length_ms, price)
        if at_ms >= self.running.open_ms:
            self.running.add(at_ms, price, qty)
        else:
            self._amend(self.running, at_ms, price, qty)

    def resume(self, row: CandleRow, from_ms: int) -> None:
        """The running bar as the exchange tells it; trades before `from_ms` are in it already."""
        open_ms, open_, high, low, close, volume = row
        typical = (high + low + close) / 3
        self.running = FormingBar(
            open_ms, open_, high, low, close, volume, volume * typical, 1, open_ms, from_ms - 1
        )
        self._from_ms = from_ms

    def correct(self, row: CandleRow) -> bool:
        """Make a bar that is over what the exchange's candle says; whether it was something else.

        Of a bar that isn't kept nothing changes.
        """
        open_ms, open_, high, low, close, volume = row
        if self.running is not None and self.running.open_ms == open_ms:
            self.roll(open_ms + self.length_ms)
        for place in range(len(self.closed) - 1, -1, -1):
            bar = self.closed[place]
            if bar.open_ms != open_ms:
                continue
            # A print that comes after its candle is in it already.
            self._from_ms = max(self._from_ms, open_ms + self.length_ms)
            if _alike(bar.row(), row):
                return False
            per_unit = bar.turnover / bar.volume if bar.volume else (high + low + close) / 3
            bar.open, bar.high, bar.low, bar.close = open_, high, low, close
            bar.volume, bar.turnover = volume, volume * per_unit
            bar.trades = max(1, bar.trades)
            self._average_from(place)
            return True
        return False

    def _average_from(self, place: int) -> None:
        for at in range(max(1, place), len(self.closed)):
            bar, before = self.closed[at], self.closed[at - 1]
            if not bar.trades:
                bar.open = bar.high = bar.low = bar.close = before.close
            bar.atr = self._atr_of(bar, before, at + 1)
        if self.running is not None and not self.running.trades and self.closed:
            running, last = self.running, self.closed[-1].close
            running.open = running.high = running.low = running.close = last
        self._sum_up()

    def roll(self, now_ms: int) -> bool:
        """Close what is over at `now_ms`; whether there was something to close."""
        running = self.running
        if running is None:
            running = self._after_seed()
        if running is None or now_ms < running.open_ms + self.length_ms:
            self.running = running
            return False
        until_ms = now_ms - now_ms % self.length_ms
        self._close(running)
        # A longer silence than all bars kept leaves nothing but flat ones.
        first_ms = running.open_ms + self.length_ms
        first_ms = max(first_ms, until_ms - (self.closed.maxlen or 0) * self.length_ms)
        for open_ms in range(first_ms, until_ms, self.length_ms):
            self._close(self._flat(open_ms, running.close))
        self.running = self._flat(until_ms, running.close)
        self._sum_up()
        return True

    def features(self, now_ms: int) -> FrameFeatures:
        """What the bars say at `now_ms`, which must not be before the newest trade."""
        running, closed = self.running, self.closed
        last = closed[-1].close if closed else None
        price = running.close if running else last
        before = closed[-2].close if len(closed) > 1 else None
        return FrameFeatures(
            mom_bps=bps(price, before),
            px_vs_vwap_bps=bps(price, self._vwap()),
            rvol=ratio(self._recent_volume(now_ms), self._mean_volume),
            atr=finite(closed[-1].atr) if closed else None,
            bars=len(closed),
            volume=finite(running.volume) if running else None,
        )

    def rows(self, many: int) -> list[CandleRow]:
        """The newest `many` closed bars, oldest first."""
        return [bar.row() for bar in islice(self.closed, max(0, len(self.closed) - many), None)]

    def _after_seed(self) -> FormingBar | None:
        if not self.closed:
            return None
        last = self.closed[-1]
        return self._flat(last.open_ms + self.length_ms, last.close)

    def _flat(self, open_ms: int, price: float) -> FormingBar:
        return FormingBar(open_ms, price, price, price, price, 0.0, 0.0, 0, open_ms, open_ms)

    def _close(self, bar: FormingBar) -> None:
        before = self.closed[-1] if self.closed else None
        self.closed.append(bar)
        bar.atr = self._atr_of(bar, before, len(self.closed))

    def _atr_of(self, bar: FormingBar, before: FormingBar | None, place: int) -> float | None:
        """Wilder's average at `bar`, the `place`-th kept; the first one is a plain mean."""
        if before is None:
            return None
        if before.atr is not None:
            reach = max(bar.high, before.close) - min(bar.low, before.close)
            return (before.atr * (ATR_BARS - 1) + reach) / ATR_BARS
        if place < ATR_SEED:
            return None
        return sum(self._true_ranges(place)) / ATR_BARS

    def _true_ranges(self, place: int) -> Iterator[float]:
        bars = list(islice(self.closed, place - ATR_SEED, place))
        for before, bar in pairwise(bars):
            yield max(bar.high, before.close) - min(bar.low, before.close)

    def _amend(self, running: FormingBar, at_ms: int, price: float, qty: float) -> None:
        back = (running.open_ms - at_ms + self.length_ms - 1) // self.length_ms
        if back > len(self.closed):
            return
        bars = [*islice(self.closed, len(self.closed) - back, None), running]
        bars[0].add(at_ms, price, qty)
        for before, bar in pairwise(bars):
            if not bar.trades:
                bar.open = bar.high = bar.low = bar.close = before.close
        first = len(self.closed) - back
        for place, bar in enumerate(bars[:-1], start=first):
            if place:
                bar.atr = self._atr_of(bar, self.closed[place - 1], place + 1)
        self._sum_up()

    def _sum_up(self) -> None:
        """Sums over the newest closed bars, made anew so that no rounding adds up."""
        window = list(islice(self.closed, max(0, len(self.closed) - RVOL_BARS), None))
        priced = window[-(VWAP_BARS - 1) :]
        self._turnover = sum(bar.turnover for bar in priced)
        self._vwap_volume = sum(bar.volume for bar in priced)
        whole = len(window) == RVOL_BARS
        self._mean_volume = sum(bar.volume for bar in window) / RVOL_BARS if whole else 0.0

    def _vwap(self) -> float | None:
        """Over the running bar and the ones before it, `VWAP_BARS` in all."""
        if self.running is None or len(self.closed) < VWAP_BARS - 1:
            return None
        return ratio(
            self._turnover + self.running.turnover, self._vwap_volume + self.running.volume
        )

    def _recent_volume(self, now_ms: int) -> float | None:
        """Volume of one bar length up to now: the running bar and what is left of the last."""
        if self.running is None or not self.closed:
            return None
        elapsed = min(1.0, max(0.0, (now_ms - self.running.open_ms) / self.length_ms))
        return self.running.volume + self.closed[-1].volume * (1 - elapsed)


def _alike(one: CandleRow, other: CandleRow) -> bool:
    """Up to what adding quantities rounds off."""
    return one[:5] == other[:5] and abs(one[5] - other[5]) <= 1e-9 * max(1.0, abs(other[5]))
