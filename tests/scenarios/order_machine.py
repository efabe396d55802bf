"""The order path against an exchange that misbehaves: a machine that invents its life.

Every step calls the real services on the real tables; the only thing that isn't real is the
exchange. After each step the invariants are checked, and at the end that all has come to rest.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from contextlib import suppress
from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial
from types import SimpleNamespace
from typing import Any, ClassVar

import pytest
from django.db import connection, transaction
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from config import bus, clock
from tests.exchange import orders as theirs
from tests.scenarios.live_bot import Desk
from tests.scenarios.model_exchange import Asking, Died, ModelExchange, Placing, half
from tests.scenarios.order_invariants import Books, problems, problems_at_the_end
from tests.trading.factories import NOW
from trading import services
from trading.errors import AccountUnreachable, OrderNotOpen, SystemHalted
from trading.models import (
    AuditEvent,
    Bot,
    ExchangeAccount,
    Fill,
    HaltRequest,
    Order,
    OrderIntent,
    OrderTransition,
    Position,
    SystemState,
    Trade,
    accounts,
)
from trading.order_state import LIVE
from trading.services import _orders, _resolve
from trading.services._orders import open_order
from trading.services.accounts import _brokers

EMPTIED = (Fill, Trade, Position, OrderTransition, Order, OrderIntent, HaltRequest)
PLACING = st.sampled_from([Placing.FINE, Placing.FINE, Placing.LATE, Placing.LATE, *Placing])
ASKING = st.sampled_from([Asking.FINE, Asking.FINE, Asking.LAGS, Asking.SILENT, *Asking])
CANCELING = st.sampled_from(
    [
        Asking.FINE,
        Asking.PART_WINS,
        Asking.PART_WINS,
        Asking.FILL_WINS,
        Asking.CANCEL_RESET,
        Asking.SILENT,
        Asking.LAGS,
        Asking.DIES,
    ]
)
# On the way through a poll, a lease, the settle window, and its end.
SECONDS = st.sampled_from([2, 1, 1, 3, 6, 16, 21])
PACE_S = 2
# None, the usual sweeps, or the first ones after longer than an order may take to turn up.
PAUSES = st.sampled_from([(), (1, PACE_S), (21, PACE_S)])
REST = (3, 13, 6, 6, 6, 6, 6, 6)
ENDS = ("cancel", "expire", "reject")
MEANWHILE = ("half_a_stop", "half_a_stop", "stop", "submit", "sweep", "cancel_all", "fill", "end")
AGAIN = st.sampled_from([None, None, None, 0, 1])
Again = int | None
Wish = tuple[str, str, str | None]
WISHES: tuple[Wish, ...] = (
    ("BUY", "LIMIT", "40000"),
    ("BUY", "MARKET", None),
    ("SELL", "LIMIT", "44000"),
)


class Broke(BaseException):
    """A sweep met an error that it isn't made for."""


class OrderMachine(RuleBasedStateMachine):
    """Subclassed with a `desk`; the rest is what mutants change."""

    desk: ClassVar[Desk]
    exchange_made: ClassVar[dict[str, Any]] = {}
    mutate: ClassVar[Callable[[pytest.MonkeyPatch], None]] = staticmethod(lambda patch: None)

    def __init__(self) -> None:
        super().__init__()
        _empty()
        Bot.objects.filter(pk=self.desk.bot.pk).update(cash=Decimal(10**6), status="STOPPED")
        ExchangeAccount.objects.update(polled_at=None)
        SystemState.objects.update(state=SystemState.State.RUNNING)
        self.since = AuditEvent.objects.order_by("-seq").values_list("seq", flat=True).first() or 0
        self.first_epoch = self.epoch
        self.halted = False
        self.decisions: dict[int, str] = {}
        self.numbers = 0
        self.exchange = ModelExchange(now_ms=clock.to_ms(NOW), **self.exchange_made)
        self.exchange.others = self._go_on
        self.patch = pytest.MonkeyPatch()
        self.patch.setattr(_brokers, "broker_of", self._broker_of)
        self.patch.setattr(accounts, "CLOCK_WITHIN", timedelta(days=1))
        self.patch.setattr(bus, "publish", lambda *message: None)
        self.books = Books.read(self.exchange, self.decisions, self.since)
        self.writes = -1
        self.patch.setattr(_resolve, "log", SimpleNamespace(exception=_fail, warning=_ignore))
        type(self).mutate(self.patch)

    @property
    def now(self) -> datetime:
        return clock.from_ms(self.exchange.now_ms)

    @property
    def epoch(self) -> int:
        return SystemState.objects.get(pk=1).epoch

    # What our processes do.

    @rule(
        again=AGAIN,
        wish=st.sampled_from(WISHES),
        fate=PLACING,
        dies=st.sampled_from([False, False, False, True]),
        old=st.sampled_from([False, False, False, True]),
    )
    def decide(self, again: Again, wish: Wish, fate: Placing, dies: bool, old: bool) -> None:
        """A decision, perhaps for the second time, perhaps by a worker that missed a stop."""
        order = self._decided(
            self._number(again), wish, self.epoch - (old and self.epoch > self.first_epoch)
        )
        if not dies:
            self.exchange.placing = fate
            self._process(lambda: self._submit(order.pk))
            self.exchange.placing = Placing.FINE

    @rule(
        again=AGAIN,
        wish=st.sampled_from(WISHES),
        fate=PLACING,
        asking=ASKING,
        pauses=PAUSES,
    )
    def decide_calmly(
        self, again: Again, wish: Wish, fate: Placing, asking: Asking, pauses: tuple[int, ...]
    ) -> None:
        """More of what all is about; then the others go on, at their pace or after a silence."""
        self.decide(again, wish, fate, False, False)
        for pause in pauses:
            self.exchange.tick(pause * 1000)
            self._asking(asking, self._sweep)

    @rule(
        again=AGAIN,
        wish=st.sampled_from(WISHES),
        fate=PLACING,
        what=st.sampled_from(MEANWHILE),
        early=st.booleans(),
    )
    def decide_in_a_hurry(
        self, again: Again, wish: Wish, fate: Placing, what: str, early: bool
    ) -> None:
        """Something happens just before the claim, or while the order is placed."""
        self.meanwhile(what, early)
        self.decide(again, wish, fate, False, False)

    @rule(asking=ASKING, seconds=SECONDS, more=st.sampled_from([0, 1, 1, 2]))
    def sweep(self, asking: Asking, seconds: int, more: int) -> None:
        """After a while, and some more at their usual pace."""
        for pause in (seconds, *[PACE_S] * more):
            self.exchange.tick(pause * 1000)
            self._asking(asking, self._sweep)

    @rule(asking=CANCELING, n=st.integers(0, 5))
    def cancel(self, asking: Asking, n: int) -> None:
        orders = list(Order.objects.filter(status__in=LIVE).values_list("pk", flat=True))
        if orders:
            self._asking(asking, partial(self._cancel, orders[n % len(orders)]))

    @rule(asking=CANCELING, all_of_it=st.sampled_from([False, False, True]))
    def stop(self, asking: Asking, all_of_it: bool) -> None:
        self._asking(asking, self._stop if all_of_it else self._cancel_all)

    @precondition(lambda self: self.halted)
    @rule()
    def resume(self) -> None:
        self.halted = False
        with suppress(SystemHalted):
            services.resume_system(reason="looked", by=self.desk.admin, now=self.now)

    @rule(what=st.sampled_from(MEANWHILE), early=st.booleans())
    def meanwhile(self, what: str, early: bool) -> None:
        """While the next process waits for its exchange, or before it claims, this happens."""
        acts: dict[str, Callable[[], None]] = {
            "stop": self._stop,
            "half_a_stop": self._die_in_a_stop,
            "submit": self._submit_all,
            "sweep": self._sweep,
            "cancel_all": self._cancel_all,
            "fill": lambda: self._exchange_fills(0, whole=False),
            "end": lambda: self._exchange_ends(0, "cancel"),
        }
        self.exchange.early = early
        self.exchange.meanwhile = lambda: self._process(acts[what])

    # What the exchange and time do.

    @rule(seconds=SECONDS)
    def pass_time(self, seconds: int) -> None:
        self.exchange.tick(seconds * 1000)

    @precondition(lambda self: self.exchange.orders)
    @rule(n=st.integers(0, 5), what=st.sampled_from(["half", "whole", "lag", *ENDS]))
    def exchange_acts(self, n: int, what: str) -> None:
        if what in ENDS:
            self._exchange_ends(n, what)
        elif what == "lag":
            self.exchange.blind(self.exchange.orders[n % len(self.exchange.orders)])
        else:
            self._exchange_fills(n, whole=what == "whole")

    # What must be true.

    @invariant()
    def books_are_true(self) -> None:
        _complain(problems(self._books()))

    def teardown(self) -> None:
        """Time passes, nothing fails any more, sweeps run: all comes to rest."""
        try:
            self.exchange.meanwhile = None
            for seconds in REST:
                self.exchange.tick(seconds * 1000)
                self._sweep()
                if self._at_rest():
                    break
            _complain(problems_at_the_end(self._books(), self.epoch))
        finally:
            self.patch.undo()

    def _at_rest(self) -> bool:
        """Nothing more can come: no request is under way, and nothing is left to find out."""
        return not (self.exchange.late or any(problems_at_the_end(self._books(), self.epoch)))

    def _books(self) -> Books:
        """Read again only what has changed: most of the time is spent here."""
        writes = getattr(connection.connection, "total_changes", self.writes + 1)
        if writes != self.writes:
            self.books = Books.read(self.exchange, self.decisions, self.since)
            self.writes = writes
        return self.books

    def _broker_of(self, account: ExchangeAccount) -> ModelExchange:
        if self.exchange.early:
            self.exchange.interrupt()
        return self.exchange

    def _process(self, work: Callable[[], object]) -> None:
        """One process of ours; it may die."""
        with suppress(Died):
            work()

    def _asking(self, asking: Asking, work: Callable[[], object]) -> None:
        self.exchange.asking = asking
        self._process(work)
        self.exchange.asking = Asking.FINE

    @staticmethod
    def key_of(n: int, attempt: int) -> str:
        """The same for each attempt at one decision."""
        return f"machine:{n}"

    def _number(self, again: Again) -> int:
        """Of a new decision, or of one of the last that comes a second time."""
        if again is None or not self.numbers:
            self.numbers += 1
            return self.numbers
        return max(self.numbers - again, 1)

    def _decided(self, n: int, wish: Wish, epoch: int) -> Order:
        """The order of a decision, new or known, as `send_intent` makes it."""
        side, kind, price = wish if wish[0] == "BUY" or self._can_sell() else WISHES[0]
        with transaction.atomic():
            intent, fresh = OrderIntent.objects.get_or_create(
                idempotency_key=self.key_of(n, len(self.decisions)),
                defaults={
                    "bot": self.desk.bot,
                    "symbol": self.desk.symbol,
                    "side": side,
                    "type": kind,
                    "qty": Decimal("0.004" if side == "SELL" else "0.01"),
                    "price": price and Decimal(price),
                    "reason": "manual",
                    "epoch": epoch,
                    "decided_at": self.now,
                },
            )
            order = open_order(intent, now=self.now) if fresh else intent.order
        self.decisions[intent.pk] = str(n)
        return order

    def _can_sell(self) -> bool:
        held = Position.objects.values_list("qty", flat=True).first() or Decimal(0)
        selling = Order.objects.filter(status__in=LIVE, side="SELL").count()
        return held >= Decimal("0.004") * (selling + 1)

    def _submit(self, pk: int) -> None:
        services.submit_order(order_id=pk, now=self.now)

    def _submit_all(self) -> None:
        for pk in Order.objects.filter(status__in=LIVE).values_list("pk", flat=True):
            self._submit(pk)

    def _sweep(self) -> None:
        services.sweep_orders(now=self.now)

    def _go_on(self) -> None:
        """What other processes do while one of ours stands still."""
        for _ in range(2):
            self._sweep()
            self.exchange.tick(PACE_S * 1000)

    def _cancel(self, pk: int) -> None:
        with suppress(OrderNotOpen):
            services.cancel_order(order_id=pk, by=self.desk.admin, now=self.now)

    def _cancel_all(self) -> None:
        services.cancel_all_orders(by=self.desk.admin, now=self.now, cause="machine")

    def _stop(self) -> None:
        self.halted = True
        proof = services.emergency_stop(
            reason="machine", by=self.desk.admin, now=self.now, read_clock=lambda: self.now
        )
        assert proof.claims_after_stop == 0, "I4 a claim came after the stop"

    def _die_in_a_stop(self) -> None:
        """Its state is on disk, nothing is canceled yet."""
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(_orders, "cancel_all_orders", _die)
            self._stop()

    def _open(self, n: int) -> Iterable[theirs.Order]:
        rows = [one for one in self.exchange.orders if one.is_open]
        return rows[n % len(rows) :][:1] if rows else []

    def _exchange_fills(self, n: int, *, whole: bool) -> None:
        for one in self._open(n):
            self.exchange.engine.fill(one, None if whole else half(one) or None)

    def _exchange_ends(self, n: int, how: str) -> None:
        for one in self._open(n):
            getattr(self.exchange.engine, how)(one)


def _fail(event: str, **said: Any) -> None:
    """What a sweep would only log."""
    error = sys.exc_info()[1]
    if not isinstance(error, AccountUnreachable):
        raise Broke(f"I0 {event} {said}: {error!r}") from error


def _die(**given: Any) -> None:
    raise Died


def _ignore(event: str, **said: Any) -> None:
    """An account that doesn't answer is no news here."""


def _complain(found: Iterable[str]) -> None:
    sentences = list(found)
    assert not sentences, "; ".join(sentences)


def _empty() -> None:
    """The tables that an example fills; the audit log and what is shared stay."""
    with connection.cursor() as cursor:
        for model in EMPTIED:
            cursor.execute(f"DELETE FROM {model._meta.db_table}")  # noqa: S608
