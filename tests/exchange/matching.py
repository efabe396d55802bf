"""The matching engine: what happens to an order. Depends on prices and calls, never on a clock."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum

from tests.exchange.accounts import Accounts
from tests.exchange.books import DEEP, Book, Level, Take
from tests.exchange.ledger import Ledger
from tests.exchange.market import Market
from tests.exchange.orders import (
    ZERO,
    Fill,
    Kind,
    Order,
    Reason,
    Refusal,
    Status,
    Tif,
    Wanted,
)
from tests.exchange.rules import check
from tests.exchange.settlement import Settlement


class Happened(StrEnum):
    """What a private stream tells about an order."""

    NEW = "NEW"
    TRADE = "TRADE"
    CANCELED = "CANCELED"
    EXPIRED = "EXPIRED"
    REJECTED = "REJECTED"


@dataclass(frozen=True, slots=True)
class Habits:
    """Where the venues differ in what they do, not in what they call it."""

    client_id_is_free_after_close: bool
    post_only_is_refused: bool  # else it is accepted and cancelled
    first_id: int


Listener = Callable[[Happened, Order, Fill | None], None]


@dataclass(slots=True)
class Engine:
    market: Market
    habits: Habits
    clock: Callable[[], int]
    accounts: Accounts = field(default_factory=Accounts)
    ledger: Ledger = field(default_factory=Ledger)
    settlement: Settlement = field(init=False)
    listeners: list[Listener] = field(default_factory=list)
    orders: dict[str, Order] = field(default_factory=dict)
    books: dict[str, Book] = field(default_factory=dict)
    _by_client_id: dict[tuple[str, str], list[Order]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.settlement = Settlement(self.accounts, self.ledger)

    def book(self, symbol: str) -> Book:
        """The book of a pair. Raises Refusal if there is no such pair."""
        if symbol not in self.books:
            pair = self.market.pair(symbol)
            if pair is None:
                raise Refusal(Reason.SYMBOL_UNKNOWN)
            self.books[symbol] = Book.of(pair)
        return self.books[symbol]

    def place(self, wanted: Wanted) -> Order:
        """Accept and match an order, or raise Refusal and change nothing."""
        order, book = self.judged(wanted)
        takes = [] if wanted.trigger else book.takes(order)
        if wanted.kind is Kind.LIMIT or (wanted.trigger and wanted.locks):
            self.settlement.lock(order)
        elif not wanted.trigger:
            self.settlement.afford(order, takes)
        self._remember(order, book)
        self._tell(Happened.NEW, order)
        if not wanted.trigger:
            self._run(order, book, takes)
        return order

    def judged(self, wanted: Wanted) -> tuple[Order, Book]:
        """The order as it would be accepted, or Refusal. Balances are not looked at."""
        book = self.book(wanted.symbol)
        if not book.pair.trading:
            raise Refusal(Reason.HALTED)
        check(wanted, book.rules, book.last)
        if self._taken(wanted):
            raise Refusal(Reason.CLIENT_ID_TAKEN)
        if wanted.trigger:
            self._check_stop(wanted, book)
        wanted.words |= {"base": book.pair.base, "quote": book.pair.quote}
        now = self.clock()
        order = Order(
            id=str(self.habits.first_id + len(self.ledger.orders)),
            wanted=wanted,
            status=Status.UNTRIGGERED if wanted.trigger else Status.NEW,
            created_ms=now,
            updated_ms=now,
        )
        if wanted.trigger and book.triggered(order):
            raise Refusal(Reason.WOULD_TRIGGER)
        if wanted.post_only and self.habits.post_only_is_refused and book.crosses(order):
            raise Refusal(Reason.WOULD_TAKE)
        return order, book

    def _check_stop(self, wanted: Wanted, book: Book) -> None:
        if wanted.kind is Kind.MARKET and not book.pair.market_stops:
            raise Refusal(Reason.STOP_NOT_TAKEN)
        resting = [one for one in book.resting.values() if one.wanted.account == wanted.account]
        if sum(map(_waits, resting)) >= book.pair.max_stops:
            raise Refusal(Reason.TOO_MANY_STOPS)

    def _taken(self, wanted: Wanted) -> bool:
        before = self._by_client_id.get((wanted.account, wanted.client_id), [])
        if not wanted.client_id or not before:
            return False
        return before[-1].is_open if self.habits.client_id_is_free_after_close else True

    def _remember(self, order: Order, book: Book) -> None:
        self.orders[order.id] = order
        key = (order.wanted.account, order.wanted.client_id)
        self._by_client_id.setdefault(key, []).append(order)
        self.ledger.orders.append(order)
        book.resting[order.id] = order

    def _run(self, order: Order, book: Book, takes: list[Take]) -> None:
        """Take what the book gives; what is left rests or expires."""
        wanted = order.wanted
        if wanted.post_only and takes:
            return self._close(order, Status.CANCELED, "EC_PostOnlyWillTakeLiquidity")
        if wanted.tif is Tif.FOK and sum((take.qty for take in takes), ZERO) < wanted.qty:
            return self._close(order, Status.EXPIRED, "EC_NoImmediateQtyToFill")
        if wanted.cost and self._spends(wanted, takes, book):
            wanted.qty = sum((take.qty for take in takes), ZERO)
        for take in takes:
            self._fill(order, book, take, maker=False)
        if order.is_open and (wanted.kind is Kind.MARKET or wanted.tif is not Tif.GTC):
            self._close(order, Status.EXPIRED, "EC_NoImmediateQtyToFill")
        return None

    @staticmethod
    def _spends(wanted: Wanted, takes: list[Take], book: Book) -> bool:
        """Whether what is left of a cost after `takes` buys no further step."""
        rest = wanted.cost - sum((take.qty * take.price for take in takes), ZERO)
        return bool(takes) and rest < takes[-1].price * book.rules.step

    def _fill(self, order: Order, book: Book, take: Take, *, maker: bool) -> None:
        fill = self.settlement.fill(order, book, take, maker=maker, at_ms=self.clock())
        if order.status is Status.FILLED:
            self.settlement.unlock(order)
            book.resting.pop(order.id, None)
        self._tell(Happened.TRADE, order, fill)

    def _close(self, order: Order, status: Status, why: str = "") -> None:
        self.settlement.unlock(order)
        order.status, order.reject_reason, order.updated_ms = status, why, self.clock()
        self.books[order.wanted.symbol].resting.pop(order.id, None)
        if status is not Status.FILLED:
            self._tell(Happened(status), order)

    def cancel(self, order: Order) -> None:
        """Raises Refusal if there is nothing left to cancel."""
        if not order.is_open:
            raise Refusal(Reason.ORDER_UNKNOWN)
        self._close(order, Status.CANCELED)
        self.ledger.cancels.append(order)

    def fill(self, order: Order, qty: Decimal | None = None, price: Decimal | None = None) -> None:
        """Fill an open order by decree, whatever the book says."""
        price = price or order.wanted.price or self.book(order.wanted.symbol).last
        qty = order.remaining if qty is None else qty
        take = Take(Level(price, DEEP), qty, price)
        self._fill(order, self.books[order.wanted.symbol], take, maker=True)

    def expire(self, order: Order) -> None:
        """End an open order from the exchange's side."""
        self._close(order, Status.EXPIRED)

    def reject(self, order: Order) -> None:
        """Refuse an order after it was acknowledged."""
        self._close(order, Status.REJECTED, "EC_Others")

    def set_price(
        self,
        symbol: str,
        last: Decimal,
        *,
        bid: Decimal | None = None,
        ask: Decimal | None = None,
        size: Decimal = DEEP,
    ) -> None:
        """One level on each side: unless given, the bid is the last price, the ask a tick above."""
        bid = last if bid is None else bid
        ask = bid + self.book(symbol).rules.tick if ask is None else ask
        self.set_book(symbol, [(bid, size)], [(ask, size)], last=last)

    def set_book(
        self,
        symbol: str,
        bids: Iterable[tuple[Decimal, Decimal]],
        asks: Iterable[tuple[Decimal, Decimal]],
        *,
        last: Decimal | None = None,
    ) -> None:
        """New levels, (price, size), best first. Stops trigger and resting orders fill."""
        book = self.book(symbol)
        book.bids = [Level(price, size) for price, size in bids]
        book.asks = [Level(price, size) for price, size in asks]
        book.last = last if last is not None else book.last
        if book.pair.base == "BNB":
            self.settlement.third_price[book.pair.quote] = book.last
        for order in book.due():
            for take in book.takes(order, maker=True):
                self._fill(order, book, take, maker=True)
        for order in [one for one in book.resting.values() if _waits(one)]:
            if book.triggered(order):
                self._trigger(order, book)
        book.publish()
        self.market.note(symbol, float(book.last), self.clock())

    def _trigger(self, order: Order, book: Book) -> None:
        order.status, order.updated_ms = Status.NEW, self.clock()
        if order.wanted.kind is Kind.MARKET or not order.wanted.locks:
            self.settlement.unlock(order)
        takes = book.takes(order)
        try:
            if order.wanted.kind is Kind.MARKET:
                self.settlement.afford(order, takes)
            elif not order.locked:
                self.settlement.lock(order)
        except Refusal:
            return self._close(order, Status.REJECTED, "EC_Others")
        self._tell(Happened.NEW, order)
        return self._run(order, book, takes)

    def find(self, account: str, *, order_id: str = "", client_id: str = "") -> Order:
        """The visible order with this id, the newest of them. Raises Refusal if there is none."""
        found = self.orders.get(order_id)
        if not order_id:
            found = next(reversed(self._by_client_id.get((account, client_id), [])), None)
        if found is None or found.wanted.account != account or not self._visible(found):
            raise Refusal(Reason.ORDER_UNKNOWN)
        return found

    def listed(self, account: str) -> list[Order]:
        """All orders of an account that a query may show, oldest first."""
        now = self.clock()
        return [
            order
            for order in self.ledger.orders
            if order.wanted.account == account
            and not order.hidden_queries
            and order.hidden_until_ms <= now
        ]

    def _visible(self, order: Order) -> bool:
        if order.hidden_queries:
            order.hidden_queries -= 1
            return False
        return order.hidden_until_ms <= self.clock()

    def _tell(self, what: Happened, order: Order, fill: Fill | None = None) -> None:
        for listener in self.listeners:
            listener(what, order, fill)


def _waits(order: Order) -> bool:
    return order.status is Status.UNTRIGGERED
