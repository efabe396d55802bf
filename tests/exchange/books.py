"""The order book of one pair: levels that a test sets, and our orders that rest beside them."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal

from tests.exchange.market import Pair
from tests.exchange.orders import ZERO, Kind, Order, Side, Status, floor_to, text
from tests.exchange.rules import Rules

DEEP = Decimal(1_000_000)  # more than anybody buys: the size of a level unless one is given


@dataclass(slots=True)
class Level:
    price: Decimal
    size: Decimal = DEEP


@dataclass(frozen=True, slots=True)
class Take:
    """A piece of a level that an order gets."""

    level: Level
    qty: Decimal
    price: Decimal


@dataclass(slots=True)
class Book:
    """Best price first. Our own orders never meet each other, only the levels."""

    pair: Pair
    rules: Rules
    last: Decimal
    bids: list[Level]
    asks: list[Level]
    resting: dict[str, Order] = field(default_factory=dict)

    @classmethod
    def of(cls, pair: Pair) -> Book:
        bids, asks = [Level(Decimal(pair.bid))], [Level(Decimal(pair.ask))]
        book = cls(pair, Rules.of(pair), Decimal(pair.last), bids, asks)
        book.publish()
        return book

    def publish(self) -> None:
        """Let the public answers say what the book says."""
        self.pair.last = text(self.last)
        if self.bids:
            self.pair.bid, self.pair.bid_size = text(self.bids[0].price), text(self.bids[0].size)
        if self.asks:
            self.pair.ask, self.pair.ask_size = text(self.asks[0].price), text(self.asks[0].size)

    def takes(self, order: Order, *, maker: bool = False) -> list[Take]:
        """What `order` can get now. A taker gets the level's price, a maker its own."""
        wanted = order.wanted
        left, money = order.remaining, wanted.cost - order.cost if wanted.cost else ZERO
        found = []
        for level in self.asks if wanted.side is Side.BUY else self.bids:
            if wanted.kind is Kind.LIMIT and not _reaches(wanted.side, wanted.price, level.price):
                break
            price = wanted.price if maker else level.price
            qty = floor_to(self.rules.step, money / price) if wanted.cost else left
            qty = min(qty, level.size)
            if qty <= 0:
                break
            found.append(Take(level, qty, price))
            left, money = left - qty, money - qty * price
        return found

    def crosses(self, order: Order) -> bool:
        """Whether a limit order would take from the book at once."""
        levels = self.asks if order.wanted.side is Side.BUY else self.bids
        return bool(levels) and _reaches(order.wanted.side, order.wanted.price, levels[0].price)

    def consume(self, take: Take) -> None:
        take.level.size -= take.qty
        if not take.level.size:
            self.bids = [level for level in self.bids if level.size]
            self.asks = [level for level in self.asks if level.size]

    def triggered(self, order: Order) -> bool:
        wanted = order.wanted
        if wanted.trigger_rising:
            return self.last >= wanted.trigger
        return self.last <= wanted.trigger

    def due(self) -> list[Order]:
        """The resting orders in the order in which they have a claim: price, then age."""
        open_ = [order for order in self.resting.values() if order.status is not Status.UNTRIGGERED]
        return sorted(open_, key=_claim)


def _claim(order: Order) -> tuple[Decimal, int]:
    wanted = order.wanted
    return -wanted.price if wanted.side is Side.BUY else wanted.price, order.created_ms


def _reaches(side: Side, limit: Decimal, price: Decimal) -> bool:
    return price <= limit if side is Side.BUY else price >= limit
