"""A seeded random walk of all prices, moved by hand: the same seed gives the same prices."""

from __future__ import annotations

import random
from decimal import Decimal

from tests.exchange.matching import Engine
from tests.exchange.orders import floor_to


class Walk:
    def __init__(self, engine: Engine, seed: int, *, step: float = 0.0005) -> None:
        """`step` is the standard deviation of one step's return, a fraction."""
        self._engine = engine
        self._random = random.Random(seed)
        self._step = step

    def advance(self, steps: int = 1) -> None:
        """Move every pair; stops trigger and orders fill as on any price."""
        for _ in range(steps):
            for pair in self._engine.market.pairs:
                book = self._engine.book(pair.id)
                moved = book.last * Decimal(1 + self._random.gauss(0, self._step))
                tick = book.rules.tick
                self._engine.set_price(pair.id, max(floor_to(tick, moved), tick))
