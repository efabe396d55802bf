"""What the loopback exchange knows: pairs, candles, quotes. Numbers are strings, as on the wire."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

MINUTE = 60_000
KEPT_PRINTS = 5_000

Kline = list[str]  # open time in ms, open, high, low, close, volume


@dataclass(frozen=True, slots=True)
class Print:
    """A public trade; ids of a pair go up one by one."""

    id: int
    price: float
    qty: float
    buy: bool
    at_ms: int


@dataclass(slots=True)
class Pair:
    """A spot pair with its rules as the exchange prints them."""

    base: str
    quote: str = "USDT"
    tick: str = "0.01"
    step: str = "0.00001"
    min_qty: str = "0.00001"
    min_notional: str = "5"
    trading: bool = True
    last: str = "42000.50"
    bid: str = "42000.50"
    ask: str = "42000.51"
    bid_size: str = "0.50000"
    ask_size: str = "0.75000"
    max_qty: str = "9000"
    max_price: str = "1000000"
    band_up: str = "5"
    band_down: str = "0.2"
    market_stops: bool = True  # else a stop needs a limit
    max_stops: int = 5  # that wait, of one account
    last_id: int = 0  # of its newest trade
    scale: float = 1.0  # of the made-up candles, which are about 42,000

    @property
    def id(self) -> str:
        return self.base + self.quote


@dataclass(slots=True)
class Market:
    """The state of the exchange; a test may change all of it while the server runs."""

    pairs: list[Pair]
    now_ms: int
    holes: set[int] = field(default_factory=set)  # minutes (open time) without a candle
    listed_ms: int = 0  # no candle before it
    tape: dict[str, dict[int, list[Print]]] = field(default_factory=dict)  # by minute
    prints: dict[str, deque[Print]] = field(default_factory=dict)
    listeners: list[Callable[[Pair, Print], None]] = field(default_factory=list)

    def pair(self, market_id: str) -> Pair | None:
        return next((pair for pair in self.pairs if pair.id == market_id), None)

    def note(
        self, market_id: str, price: float, at_ms: int, *, qty: float = 1.0, buy: bool = True
    ) -> Print:
        """A public trade: it is in the candle of its minute, and whoever listens hears of it."""
        printed = self.prints.setdefault(market_id, deque(maxlen=KEPT_PRINTS))
        made = Print(printed[-1].id + 1 if printed else 1000, price, qty, buy, at_ms)
        printed.append(made)
        minutes = self.tape.setdefault(market_id, {})
        minutes.setdefault(at_ms // MINUTE * MINUTE, []).append(made)
        if pair := self.pair(market_id):
            pair.last_id = made.id
            for listener in self.listeners:
                listener(pair, made)
        return made

    def klines(
        self, pair: Pair, step_ms: int, start: int | None, end: int | None, limit: int
    ) -> list[Kline]:
        """Candles that open in [start, end], oldest first, the newest one still open."""
        first = -(-max(start or 0, self.listed_ms) // step_ms) * step_ms
        last = min(self.now_ms if end is None else end, self.now_ms)
        if start is None:
            first = max(first, last // step_ms * step_ms - (limit - 1) * step_ms)
        times = [at for at in range(first, last + 1, step_ms) if at not in self.holes]
        return [self._kline(pair, at, step_ms) for at in times[:limit]]

    def _kline(self, pair: Pair, at: int, step_ms: int) -> Kline:
        """Of the prices there were, if there were any."""
        minutes = self.tape.get(pair.id, {})
        seen = [
            one
            for minute in (range(at, at + step_ms, MINUTE) if minutes else ())
            for one in minutes.get(minute, ())
        ]
        if not seen:
            return kline(at, pair.scale)
        prices = [one.price for one in seen]
        shown = [prices[0], max(prices), min(prices), prices[-1]]
        volume = sum(one.qty for one in seen)
        return [str(at), *(f"{price:.2f}" for price in shown), f"{volume:.5f}"]


def kline(at: int, scale: float = 1.0) -> Kline:
    """A candle that depends on its time only."""
    middle = 42_000 + 500 * math.sin(at / (90 * MINUTE))
    open_, close = middle, middle + 20 * math.cos(at / (7 * MINUTE))
    high, low = max(open_, close) + 7, min(open_, close) - 7
    volume = 3 + 2 * math.sin(at / (11 * MINUTE))
    prices = [f"{price * scale:.2f}" for price in (open_, high, low, close)]
    return [str(at), *prices, f"{volume:.5f}"]


def make_market(now_ms: int, *bases: str) -> Market:
    """BTC/USDT and ETH/USDT unless other bases are named."""
    return Market(pairs=[Pair(base) for base in bases or ("BTC", "ETH")], now_ms=now_ms)
