"""The built-in exchange: no network, no surprise. Same seed and time, same market.

Everything it says is read from `paths`, up to the second that its clock shows.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from math import ceil

import numpy as np

from marketdata.errors import SymbolUnknown
from marketdata.exchanges import paths
from marketdata.exchanges.paths import DAY_S, FIRST_DAY, LAST_DAY, Listing
from marketdata.exchanges.protocol import (
    CandleRow,
    Level,
    OrderBook,
    SymbolSpec,
    TickerRow,
    TradePrint,
)
from marketdata.timeframes import Timeframe

DAY_MS = DAY_S * 1000
MIN_NOTIONAL = Decimal(5)

LISTINGS = {
    listing.name: listing
    for listing in (
        Listing("BTC", 68_000, 2, 5, 0.028, 22_000, 0.3),
        Listing("ETH", 3_400, 2, 4, 0.034, 310_000, 0.4),
        Listing("SOL", 165, 2, 3, 0.045, 4_100_000, 0.6),
        Listing("XRP", 0.62, 4, 1, 0.042, 390_000_000, 0.8),
        Listing("ADA", 0.48, 4, 1, 0.044, 150_000_000, 1.0),
        Listing("DOGE", 0.14, 5, 0, 0.050, 1_400_000_000, 0.8),
    )
}


class SimulatedExchange:
    """Follows the protocol of `exchanges.protocol`; `now_ms` is its clock."""

    name = "simulated"
    page_limit = 2000
    local = True

    def __init__(self, *, seed: int, now_ms: Callable[[], int]) -> None:
        self._seed = seed
        self._now_ms = now_ms

    def time_ms(self) -> int:
        return self._now_ms()

    def fetch_symbols(self) -> list[SymbolSpec]:
        return [
            SymbolSpec(
                exchange=self.name,
                name=listing.name,
                base=listing.base,
                quote="USDT",
                price_tick=Decimal(1).scaleb(-listing.price_digits),
                qty_step=Decimal(1).scaleb(-listing.qty_digits),
                min_qty=Decimal(1).scaleb(-listing.qty_digits),
                min_notional=MIN_NOTIONAL,
                trading=True,
            )
            for listing in LISTINGS.values()
        ]

    def fetch_candles(
        self, symbol: str, timeframe: Timeframe, since_ms: int, limit: int
    ) -> list[CandleRow]:
        listing = _listing(symbol)
        now_ms = self._now_ms()
        start = -(-max(since_ms, FIRST_DAY * DAY_MS) // timeframe.ms) * timeframe.ms
        stop = min(start + limit * timeframe.ms, now_ms + 1, (LAST_DAY + 1) * DAY_MS)
        rows: list[CandleRow] = []
        for day in range(start // DAY_MS, -(-stop // DAY_MS)):
            rows += self._day(listing, timeframe, day, start, stop)
        if rows and rows[-1][0] + timeframe.ms > now_ms:
            rows[-1] = self._forming(listing, rows[-1][0], now_ms)
        return rows

    def fetch_tickers(self, symbols: Sequence[str]) -> list[TickerRow]:
        second = self._now_ms() // 1000
        return [self._ticker(_listing(symbol), second) for symbol in symbols]

    def fetch_order_book(self, symbol: str, depth: int = 20) -> OrderBook:
        """The best `depth` levels of both sides; the first ones are the ticker's bid and ask."""
        listing = _listing(symbol)
        second = self._now_ms() // 1000
        bid, ask = self._best(listing, second)
        return OrderBook(
            bids=self._levels(listing, second, bid, -1, depth),
            asks=self._levels(listing, second, ask, +1, depth),
            at_ms=second * 1000,
        )

    def fetch_trades(self, symbol: str, since_ms: int, limit: int = 500) -> list[TradePrint]:
        """Public trades since `since_ms`, oldest first; together they are the candles' volume."""
        listing = _listing(symbol)
        prints: list[TradePrint] = []
        now_s = self._now_ms() // 1000
        for second in range(max(-(-since_ms // 1000), FIRST_DAY * DAY_S), now_s + 1):
            if len(prints) >= limit:
                break
            prints += self._prints(listing, second)
        return prints[:limit]

    def _day(
        self, listing: Listing, timeframe: Timeframe, day: int, start: int, stop: int
    ) -> list[CandleRow]:
        """The day's candles that open in [start, stop), as if the whole day were over."""
        minutes = paths.minutes(self._seed, listing, day)
        width = timeframe.ms // 60_000
        times = np.arange(day * DAY_MS, (day + 1) * DAY_MS, timeframe.ms)
        first, last = np.searchsorted(times, (start, stop))
        lots = minutes.lots.reshape(-1, width).sum(axis=1)
        columns = (
            times,
            minutes.open[::width],
            minutes.high.reshape(-1, width).max(axis=1),
            minutes.low.reshape(-1, width).min(axis=1),
            minutes.close[width - 1 :: width],
            lots / 10**listing.qty_digits,
        )
        return list(zip(*(column[first:last].tolist() for column in columns), strict=True))

    def _forming(self, listing: Listing, open_ms: int, now_ms: int) -> CandleRow:
        """The candle that is open at `now_ms`: what its seconds so far make of it."""
        prices, lots = paths.seconds(self._seed, listing, open_ms // DAY_MS)
        so_far = slice(open_ms // 1000 % DAY_S, now_ms // 1000 % DAY_S + 1)
        price = prices[so_far]
        volume = int(lots[so_far].sum()) / 10**listing.qty_digits
        ohlc = (price[0], price.max(), price.min(), price[-1])
        open_, high, low, close = (float(value) for value in ohlc)
        return (open_ms, open_, high, low, close, volume)

    def _ticker(self, listing: Listing, second: int) -> TickerRow:
        last = self._last(listing, second)
        day_ago, volume = self._last_24h(listing, second)
        bid, ask = self._best(listing, second)
        scale = 10**listing.price_digits
        return TickerRow(
            symbol=listing.name,
            last=last,
            bid=bid / scale,
            ask=ask / scale,
            bid_qty=self._size(listing, second, 1),
            ask_qty=self._size(listing, second, 2),
            change_24h=last / day_ago - 1,
            volume_24h=volume,
            at_ms=second * 1000,
        )

    def _last(self, listing: Listing, second: int) -> float:
        prices, _ = paths.seconds(self._seed, listing, second // DAY_S)
        return float(prices[second % DAY_S])

    def _last_24h(self, listing: Listing, second: int) -> tuple[float, float]:
        """The price a day ago and the volume since, to the minute."""
        day, minute = second // DAY_S, second % DAY_S // 60
        today = paths.minutes(self._seed, listing, day)
        lots = int(today.lots[:minute].sum())
        if day == FIRST_DAY:
            return float(today.open[0]), lots / 10**listing.qty_digits
        yesterday = paths.minutes(self._seed, listing, day - 1)
        lots += int(yesterday.lots[minute:].sum())
        return float(yesterday.open[minute]), lots / 10**listing.qty_digits

    def _best(self, listing: Listing, second: int) -> tuple[int, int]:
        """Best bid and ask in ticks; the last trade hit one of them. Wild minutes widen them."""
        prices, _ = paths.seconds(self._seed, listing, second // DAY_S)
        at = second % DAY_S
        recent = prices[max(0, at - 60) : at + 1]
        wild_bps = float(recent.max() / recent.min() - 1) * 1e4
        ticks = round(float(prices[at]) * 10**listing.price_digits)
        width = max(1, ceil(ticks * 2 * (listing.half_spread_bps + 0.03 * wild_bps) / 1e4))
        if paths.chance(self._seed, listing, second, 0) < 0.5:
            return ticks, ticks + width
        return ticks - width, ticks

    def _size(self, listing: Listing, second: int, draw: int) -> float:
        """A resting quantity: some seconds' worth of trading."""
        luck = paths.chance(self._seed, listing, second, draw)
        qty = listing.day_volume / DAY_S * (0.5 + 8 * luck**2)
        return round(max(qty, 10.0**-listing.qty_digits), listing.qty_digits)

    def _levels(
        self, listing: Listing, second: int, best: int, side: int, depth: int
    ) -> list[Level]:
        scale = 10**listing.price_digits
        gap = max(1, round(best * 0.5 / 1e4))
        draw = 1 if side < 0 else 2
        return [
            Level((best + side * step * gap) / scale, self._size(listing, second, draw + 2 * step))
            for step in range(depth)
        ]

    def _prints(self, listing: Listing, second: int) -> list[TradePrint]:
        """The trades of one second: its quantity in up to three parts, all at its price."""
        prices, all_lots = paths.seconds(self._seed, listing, second // DAY_S)
        lots = int(all_lots[second % DAY_S])
        parts = min(lots, 1 + int(3 * paths.chance(self._seed, listing, second, 60)))
        cuts = [lots * part // max(1, parts) for part in range(parts + 1)]
        return [
            TradePrint(
                id=f"{second * 4 + part}",
                price=float(prices[second % DAY_S]),
                qty=(cuts[part + 1] - cuts[part]) / 10**listing.qty_digits,
                buy=paths.chance(self._seed, listing, second, 61 + part) < 0.5,
                at_ms=second * 1000,
            )
            for part in range(parts)
        ]


def _listing(symbol: str) -> Listing:
    try:
        return LISTINGS[symbol]
    except KeyError:
        raise SymbolUnknown(f"The simulated exchange has no {symbol}.") from None
