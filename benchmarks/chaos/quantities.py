"""What to order next: a side, a symbol, and a quantity that no other order of the driver has."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Sequence
from decimal import Decimal

STEP = Decimal("0.00001")
FIRST = {"BTCUSDT": "0.002", "ETHUSDT": "0.03", "BNBUSDT": "0.1"}
MARGIN = Decimal("1.01")  # what is held less fees
BUYS = 0.58  # of all, where both are possible


class Quantities:
    """Remembers which quantities were used, and about what each bot holds."""

    def __init__(self) -> None:
        self._used: dict[str, int] = defaultdict(int)
        self._held: dict[tuple[int, str], Decimal] = defaultdict(Decimal)

    def next(
        self, chance: random.Random, bot: int, symbols: Sequence[str], *, buys: bool
    ) -> tuple[str, str, Decimal]:
        """(side, symbol, quantity); sales of what is held while buys are refused."""
        symbol = chance.choice(list(symbols))
        wanted = [name for name in symbols if self._has(bot, name)]
        if wanted and not (buys and chance.random() < BUYS):
            symbol = chance.choice(wanted)
            return "SELL", symbol, self._take(symbol)
        return "BUY", symbol, self._take(symbol)

    def book(self, bot: int, market: str, side: str, filled: Decimal) -> None:
        self._held[bot, market] += filled if side == "BUY" else -filled

    def forget(self, bot: int, market: str) -> None:
        """The bot sold it by itself."""
        self._held[bot, market] = Decimal(0)

    def _has(self, bot: int, symbol: str) -> bool:
        market = symbol.replace("/", "")
        return self._held[bot, market] > self._size(market) * MARGIN

    def _size(self, market: str) -> Decimal:
        return Decimal(FIRST[market]) + self._used[market] * STEP

    def _take(self, symbol: str) -> Decimal:
        market = symbol.replace("/", "")
        qty = self._size(market)
        self._used[market] += 1
        return qty
