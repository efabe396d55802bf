"""An exchange without sockets for the order machine: the emulator's engine behind a broker's face.

It does what real ones do: it loses answers, comes late, hides what it has, tells fills late, twice
and in any order, and lets things happen while a process of ours waits for it. Its own promises hold
always: nothing is accepted later than its window after the claim, nothing accepted stays hidden for
ten seconds, and each order is told to be absent by mistake for less than two seconds, once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum

from django.db import connection

from tests.exchange import orders as theirs
from tests.exchange.emulator import Emulator
from tests.exchange.orders import Kind, Reason, Refusal, Side, Wanted
from trading.brokers import (
    Ack,
    Lookup,
    OrderReport,
    Outcome,
    Patience,
    Placement,
    Presence,
    Reference,
    ReportedFill,
)
from trading.errors import AccountUnreachable
from trading.order_state import OrderStatus

WINDOW_MS = 5_000
HIDDEN_MS = 9_000
BLIND_MS = 1_500
PATIENCE = Patience(settle_s=20, again_s=2, give_up_s=120)  # a live broker's

_S = theirs.Status
_STATUSES = {
    _S.NEW: OrderStatus.OPEN,
    _S.PARTIALLY_FILLED: OrderStatus.PARTIAL,
    _S.FILLED: OrderStatus.FILLED,
    _S.CANCELED: OrderStatus.CANCELED,
    _S.EXPIRED: OrderStatus.EXPIRED,
    _S.REJECTED: OrderStatus.REJECTED,
}


class Died(BaseException):
    """The process is gone: nothing after this line of it runs. Other processes go on."""


class Placing(StrEnum):
    """What becomes of one order on its way."""

    FINE = "fine"
    LOST = "the answer is lost"
    HIDDEN = "the answer is lost, look-ups don't know it for a while"
    SHY = "the answer comes, look-ups don't know it for a while"
    RESET = "it never arrives, which nobody can know"
    AWAY = "turned away before the engine, with a proof"
    LATE = "the answer is lost, accepted seconds later"
    TOO_LATE = "the answer is lost, arrives after its window"
    FROZEN = "our process stands still before it sends, shortly"
    FROZEN_LONG = "our process stands still before it sends, too long"
    DIES_BEFORE = "our process dies before it sends"
    DIES_AFTER = "our process dies before it hears"


class Asking(StrEnum):
    """What becomes of queries and cancels."""

    FINE = "fine"
    SILENT = "no answer to any"
    LAGS = "from a replica that lags behind"
    FILLS_SILENT = "no answer about fills"
    FILLS_LATE = "fills of the last seconds are missing"
    FILLS_TWICE = "every fill is told twice"
    FILLS_BACKWARDS = "newest fills first"
    CANCEL_RESET = "a cancel never arrives"
    FILL_WINS = "an order fills before its cancel"
    PART_WINS = "half of what is left fills before the cancel"
    DIES = "our process dies while it asks for orders"
    DIES_AT_FILLS = "our process dies with fills read and not booked"


_LATE_MS = {Placing.LATE: 4_500, Placing.TOO_LATE: 25_000}
_FROZEN_MS = {Placing.FROZEN: 500, Placing.FROZEN_LONG: 24_000}


@dataclass
class ModelExchange:
    """One account. Implements `trading.brokers.Broker`; `now_ms` is the only clock there is."""

    now_ms: int
    window_ms: int = WINDOW_MS
    patience: Patience = PATIENCE
    placing: Placing = Placing.FINE
    asking: Asking = Asking.FINE
    meanwhile: Callable[[], None] | None = None  # what others do while we wait for it, once
    early: bool = False  # they do it just before a claim instead
    others: Callable[[], None] = lambda: None  # what others do while a process stands still
    sent: list[str] = field(default_factory=list)  # client ids of what left us
    late: list[tuple[int, Placement]] = field(default_factory=list)
    blind_until: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.emulator = Emulator("binance", clock=lambda: self.now_ms)
        self.engine = self.emulator.engine

    @property
    def orders(self) -> list[theirs.Order]:
        return self.emulator.ledger.orders

    def tick(self, ms: int) -> None:
        """Time passes; what is late arrives on its way."""
        end = self.now_ms + ms
        for due in sorted(self.late, key=lambda late: late[0]):
            if due[0] <= end:
                self.late.remove(due)
                self.now_ms = max(self.now_ms, due[0])
                self._arrives(due[1])
        self.now_ms = end

    def blind(self, order: theirs.Order) -> None:
        """A replica that lags: it doesn't know an order, for less than two answers take."""
        self.blind_until.setdefault(order.wanted.client_id, self.now_ms + BLIND_MS)

    def _blind_to(self, order: Reference) -> None:
        for one in self.orders:
            if one.wanted.client_id == order.client_order_id:
                self.blind(one)

    # What a broker does.

    def place(self, placement: Placement) -> Ack:
        fate, self.placing = self.placing, Placing.FINE
        with self._on_the_wire():
            if fate is Placing.DIES_BEFORE:
                raise Died
            if fate in _FROZEN_MS:
                self.tick(_FROZEN_MS[fate])
                self.others()
            self.sent.append(placement.client_order_id)
            if fate is Placing.AWAY:
                return Ack(Outcome.NOT_SENT, code="http_429")
            if fate is Placing.RESET:
                return Ack(Outcome.UNKNOWN, code="no_answer")
            if fate in _LATE_MS:
                self.late.append((self.now_ms + _LATE_MS[fate], placement))
                return Ack(Outcome.UNKNOWN, code="no_answer")
            return self._answered(placement, fate)

    def find(self, order: Reference) -> Lookup:
        with self._on_the_wire():
            if self.asking is Asking.DIES:
                raise Died
            if self.asking is Asking.SILENT:
                return Lookup(Presence.UNANSWERED, code="no_answer")
            if self.asking is Asking.LAGS:
                self._blind_to(order)
            for one in reversed(self.orders):
                if one.wanted.client_id == order.client_order_id and self._visible(one):
                    return Lookup(Presence.FOUND, _report(one, order.symbol))
            return Lookup(Presence.ABSENT)

    def cancel(self, order: Reference) -> Ack:
        with self._on_the_wire():
            found = [one for one in self.orders if one.wanted.client_id == order.client_order_id]
            if self.asking not in (Asking.CANCEL_RESET, Asking.SILENT):
                for one in filter(self._visible, found):
                    self._cancel(one)
            if self.asking is Asking.DIES:
                raise Died
            return Ack(Outcome.UNKNOWN, code="asked")

    def open_orders(self, symbols: Mapping[str, str]) -> list[OrderReport]:
        with self._on_the_wire():
            if self.asking is Asking.SILENT:
                raise AccountUnreachable("no answer")
            return [
                _report(one, symbols.get(one.wanted.symbol, one.wanted.symbol))
                for one in self.orders
                if one.is_open and self._visible(one)
            ]

    def open_orders_of(self, symbols: Mapping[str, str]) -> list[OrderReport]:
        return self.open_orders(symbols)

    def fills(self, symbol: str, since_ms: int) -> list[ReportedFill]:
        with self._on_the_wire():
            if self.asking is Asking.DIES_AT_FILLS:
                raise Died
            if self.asking in (Asking.SILENT, Asking.FILLS_SILENT):
                raise AccountUnreachable("no answer")
            rows = [
                _fill(fill, symbol)
                for fill in self.emulator.ledger.fills
                if fill.symbol == symbol.replace("/", "") and fill.at_ms >= since_ms
            ]
            return self._muddled(rows)

    def _muddled(self, rows: list[ReportedFill]) -> list[ReportedFill]:
        if self.asking is Asking.FILLS_LATE:
            return [row for row in rows if row.at_ms < self.now_ms - 10_000]
        if self.asking is Asking.FILLS_TWICE:
            return [*rows, *rows]
        return rows[::-1] if self.asking is Asking.FILLS_BACKWARDS else rows

    @contextmanager
    def _on_the_wire(self) -> Iterator[None]:
        """No transaction may be open while we wait; others do something meanwhile."""
        assert not connection.in_atomic_block, "a transaction is open while an exchange is asked"
        if not self.early:
            self.interrupt()
        yield

    def interrupt(self) -> None:
        """Let the others do what they wanted to do, once."""
        act, self.meanwhile = self.meanwhile, None
        if act is not None:
            act()

    def _answered(self, placement: Placement, fate: Placing) -> Ack:
        if self.now_ms - placement.sent_ms > self.window_ms:
            return Ack(Outcome.NOT_SENT, code="-1021")
        try:
            order = self._take(placement)
        except Refusal as refusal:
            known = refusal.reason is Reason.CLIENT_ID_TAKEN
            return Ack(Outcome.UNKNOWN if known else Outcome.REJECTED, code=refusal.reason)
        if fate in (Placing.HIDDEN, Placing.SHY):
            order.hidden_until_ms = self.now_ms + HIDDEN_MS
        if fate is Placing.DIES_AFTER:
            raise Died
        if fate in (Placing.LOST, Placing.HIDDEN):
            return Ack(Outcome.UNKNOWN, code="no_answer")
        return Ack(Outcome.ACKED, exchange_order_id=order.id)

    def _take(self, placement: Placement) -> theirs.Order:
        wanted = Wanted(
            account=self.emulator.key.account,
            symbol=placement.symbol.replace("/", ""),
            side=Side.BUY if placement.buy else Side.SELL,
            kind=Kind(placement.kind),
            qty=placement.qty,
            price=placement.price or Decimal(0),
            client_id=placement.client_order_id,
            words=dict(self.emulator.venue.by_hand),
        )
        return self.engine.place(wanted)

    def _arrives(self, placement: Placement) -> None:
        if self.now_ms - placement.sent_ms <= self.window_ms:
            with suppress(Refusal):
                self._take(placement)

    def _cancel(self, order: theirs.Order) -> None:
        if not order.is_open:
            return
        if self.asking is Asking.FILL_WINS:
            self.engine.fill(order)
        elif self.asking is Asking.PART_WINS:
            self.engine.fill(order, half(order))
        if order.is_open:
            self.engine.cancel(order)

    def _visible(self, order: theirs.Order) -> bool:
        blind = self.blind_until.get(order.wanted.client_id, 0) > self.now_ms
        return not blind and order.hidden_until_ms <= self.now_ms


def half(order: theirs.Order) -> Decimal:
    """Half of what is left of an order, in whole steps."""
    return theirs.floor_to(Decimal("0.00001"), order.remaining / 2)


def _report(order: theirs.Order, symbol: str) -> OrderReport:
    return OrderReport(
        client_order_id=order.wanted.client_id,
        exchange_order_id=order.id,
        symbol=symbol,
        buy=order.wanted.side is Side.BUY,
        qty=order.wanted.qty,
        price=order.wanted.price or None,
        filled_qty=order.filled,
        status=_STATUSES[order.status],
        updated_ms=order.updated_ms,
    )


def _fill(fill: theirs.Fill, symbol: str) -> ReportedFill:
    return ReportedFill(
        exchange_fill_id=str(fill.trade_id),
        exchange_order_id=fill.order_id,
        client_order_id=fill.client_id,
        symbol=symbol,
        buy=fill.side is Side.BUY,
        qty=fill.qty,
        price=fill.price,
        fee=fill.fee,
        fee_asset=fill.fee_asset,
        maker=fill.maker,
        at_ms=fill.at_ms,
    )
