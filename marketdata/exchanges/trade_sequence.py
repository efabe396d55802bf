"""Are the prints of one symbol whole? Pure: trade by trade, by their ids.

Binance counts a symbol's trades one by one, so that a hole has a size. Bybit's ids only tell
trades apart: there a loss is known from a broken connection alone.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

RECENT = 500  # ids remembered where they can't be counted
MOST_HOLES = 100


@dataclass(slots=True)
class TradeSequence:
    """What has come so far; `holes` are ids that are missing, as (first, last), oldest first."""

    counted: bool
    last: int | None = None
    holes: list[tuple[int, int]] = field(default_factory=list)
    duplicates: int = 0
    _seen: set[str] = field(default_factory=set)
    _order: deque[str] = field(default_factory=deque)

    @property
    def missing(self) -> int:
        """Trades that are known to be missing."""
        return sum(last - first + 1 for first, last in self.holes)

    @property
    def begun(self) -> bool:
        """Whether any trade has come."""
        return self.last is not None or bool(self._order)

    def take(self, trade_id: str) -> bool:
        """Note one trade; False for one that came before."""
        new = self._count(int(trade_id)) if self.counted else self._remember(trade_id)
        self.duplicates += not new
        return new

    def expect(self, number: int) -> None:
        """There is a trade of this number: whatever lies before it and has not come is missing."""
        if self.last is not None and number > self.last:
            self._hole(self.last + 1, number)
            self.last = number

    def knows(self, trade_id: str) -> bool:
        """Whether it came, as far as that is remembered."""
        if not self.counted:
            return trade_id in self._seen
        number = int(trade_id)
        inside = any(first <= number <= last for first, last in self.holes)
        return self.last is not None and number <= self.last and not inside

    def _remember(self, trade_id: str) -> bool:
        if trade_id in self._seen:
            return False
        self._seen.add(trade_id)
        self._order.append(trade_id)
        if len(self._order) > RECENT:
            self._seen.remove(self._order.popleft())
        return True

    def give_up(self) -> int:
        """Forget the holes, because nothing will fill them; how many trades they were."""
        missing, self.holes = self.missing, []
        return missing

    def _count(self, number: int) -> bool:
        if self.last is None or number == self.last + 1:
            self.last = number
            return True
        if number > self.last:
            self._hole(self.last + 1, number - 1)
            self.last = number
            return True
        return self._fill(number)

    def _hole(self, first: int, last: int) -> None:
        if self.holes and self.holes[-1][1] == first - 1:
            first = self.holes.pop()[0]
        self.holes.append((first, last))
        del self.holes[:-MOST_HOLES]

    def _fill(self, number: int) -> bool:
        """A late one is new if it lies in a hole."""
        for place, (first, last) in enumerate(self.holes):
            if first <= number <= last:
                left = [(first, number - 1), (number + 1, last)]
                self.holes[place : place + 1] = [hole for hole in left if hole[0] <= hole[1]]
                return True
        return False
