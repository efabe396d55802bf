"""Several workers and people at once, with connections of their own."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection, connections, transaction

from config.refusals import Refusal
from tests.trading.factories import (
    NOW,
    QUICK,
    QUICK_WARMUP,
    bars,
    make_account,
    make_bot,
    make_candles,
    make_order,
    make_position,
    make_replay,
    make_symbol,
    make_user,
    no_quotes,
    quote,
    quotes,
    run,
)
from tests.trading.fake_broker import FakeBroker
from trading import services
from trading.errors import OrderNotOpen
from trading.models import (
    AuditEvent,
    Bot,
    DecisionRecord,
    Fill,
    Job,
    Order,
    OrderIntent,
    OrderTransition,
    Position,
)
from trading.order_state import OrderStatus
from trading.services._books import Books, claim_bot
from trading.services._bots import get_bot
from trading.services._execution import send_intent
from trading.services._gate import grant_denial

pytestmark = pytest.mark.django_db(transaction=True)

S = OrderStatus
WAVES = [100.0] * QUICK_WARMUP + [101.0, 103, 105, 104, 102, 100, 101, 103, 105, 103, 101, 99]


def at_once(*works: Callable[[], object]) -> list[Exception]:
    """Run these in threads that begin together; refusals and errors that came out."""
    raised: list[Exception] = []
    barrier = threading.Barrier(len(works))

    def one(work: Callable[[], object]) -> None:
        try:
            barrier.wait(10)
            work()
        except Exception as error:
            raised.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=one, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return raised


def history(bot: Bot) -> list[Any]:
    fills = Fill.objects.filter(bot=bot).order_by("id")
    decided = DecisionRecord.objects.filter(bot=bot).order_by("candle_close_ms")
    return [
        *fills.values_list("at", "side", "qty", "price", "fee"),
        *decided.values_list("candle_close_ms", "action", "reason"),
    ]


def test_workers_that_fight_for_a_bot_leave_what_one_would_have_left() -> None:
    rows = bars(WAVES * 2, volume=40)
    given: dict[str, Any] = {"rows": rows, "strategy": "sma_cross", "params": QUICK}
    expected = run(make_replay(**given))
    bot = make_replay(**given)

    def work() -> None:
        for _ in range(400):
            services.run_bot(bot_id=bot.pk, now=NOW, quote_for=no_quotes, budget_s=0.01)

    assert at_once(work, work, work) == []

    run(bot)
    assert bot.status == Bot.Status.FINISHED
    assert history(bot) == history(expected)
    assert not AuditEvent.objects.filter(action="verdict.contradicted").exists()


def test_an_order_that_many_submit_is_placed_once() -> None:
    order, broker = make_order(make_bot()), FakeBroker()

    def submit() -> None:
        services.submit_order(order_id=order.pk, now=NOW, broker_for=broker)

    assert at_once(*[submit] * 4) == []

    assert len(broker.placed) == 1
    assert OrderTransition.objects.filter(to_status=S.SUBMITTING).count() == 1


def test_an_intent_with_one_key_is_made_once_however_many_ask() -> None:
    bot, user = make_bot(), make_user()
    asked: dict[str, Any] = {
        "bot_id": bot.pk,
        "symbol": bot.symbols.get(),
        "side": "BUY",
        "qty": Decimal(1),
        "by": user,
        "now": NOW,
        "idempotency_key": "k",
        "quote_for": quotes({bot.symbols.get(): quote(100)}),
    }

    def ask() -> None:
        intent = services.create_intent(**asked)
        services.place_order(intent_id=intent.pk, by=user, now=NOW, quote_for=asked["quote_for"])

    assert at_once(*[ask] * 4) == []

    assert OrderIntent.objects.count() == Order.objects.count() == 1
    assert OrderTransition.objects.filter(to_status=S.SUBMITTING).count() == 1


def test_two_operators_who_click_at_once_start_one_job() -> None:
    symbol = make_symbol()
    end = make_candles(symbol, bars([100.0] * 3))
    bot = make_bot(symbol, replay=services.Replay(end - 900_000, end))

    raised = at_once(*[lambda: services.start_bot(bot_id=bot.pk, by=None, now=NOW)] * 3)

    assert len(raised) == 2
    assert all(isinstance(error, Refusal) for error in raised)
    assert Job.objects.filter(bot=bot).count() == 1


def test_nothing_is_claimed_after_a_stop_however_many_try() -> None:
    bot = make_bot()
    orders = [make_order(bot).pk for _ in range(40)]
    proofs: list[services.StopProof] = []
    begun = threading.Event()

    def claim(mine: Sequence[int]) -> Callable[[], None]:
        def work() -> None:
            for order_id in mine:
                services.submit_order(order_id=order_id, now=NOW, broker_for=FakeBroker())
                begun.set()

        return work

    def stop() -> None:
        begun.wait(10)
        proofs.append(services.emergency_stop(reason="fire", by=None, now=NOW))

    assert at_once(claim(orders[::2]), claim(orders[1::2]), stop) == []

    last = OrderTransition.objects.filter(to_status=S.SUBMITTING).latest("pk")
    stopped = AuditEvent.objects.get(action="system.emergency_stopped")
    claims = AuditEvent.objects.filter(action="order.claimed", seq__gt=stopped.seq)
    assert (proofs[0].claims_after_stop, claims.count()) == (0, 0)
    assert last.pk
    services.sweep_orders(now=NOW, broker_for=FakeBroker())
    assert not Order.objects.filter(status__in={S.NEW, S.OPEN, S.PARTIAL}).exists()
    assert services.verify_audit(now=NOW).ok


def test_a_cancel_and_a_fill_at_once_leave_the_books_whole() -> None:
    bot = make_replay(rows=bars([100.0] * 60, volume=2))
    services.run_bot(bot_id=bot.pk, now=NOW, quote_for=no_quotes, budget_s=0)
    order = Order.objects.get(bot=bot)
    refused: list[Exception] = []

    def cycle() -> None:
        for _ in range(12):
            services.run_bot(bot_id=bot.pk, now=NOW, quote_for=no_quotes, budget_s=0)

    def cancel() -> None:
        for _ in range(30):
            try:
                services.cancel_order(order_id=order.pk, by=None, now=NOW)
            except OrderNotOpen as error:
                refused.append(error)

    assert at_once(cycle, cancel) == []

    order.refresh_from_db()
    assert order.status == S.CANCELED
    for each in Order.objects.filter(bot=bot):
        assert each.filled_qty == sum(each.fills.values_list("qty", flat=True), Decimal(0))
    bought = sum(Fill.objects.filter(bot=bot).values_list("qty", flat=True), Decimal(0))
    assert Position.objects.get(bot=bot).qty == bought
    assert not AuditEvent.objects.filter(action="verdict.contradicted").exists()


def test_a_stop_of_the_bot_in_the_middle_of_its_cycle_stays() -> None:
    bot = make_replay([100.0] * 400)

    def cycle() -> None:
        while services.run_bot(bot_id=bot.pk, now=NOW, quote_for=no_quotes, budget_s=0.005):
            pass

    def stop() -> None:
        services.stop_bot(bot_id=bot.pk, by=None, now=NOW)

    assert at_once(cycle, stop) == []

    bot.refresh_from_db()
    decided = DecisionRecord.objects.filter(bot=bot).count()
    assert (bot.status, bot.lease_until, bot.due_at) == (Bot.Status.STOPPED, None, None)
    assert not services.run_bot(bot_id=bot.pk, now=NOW, quote_for=no_quotes)
    assert DecisionRecord.objects.filter(bot=bot).count() == decided


@pytest.mark.parametrize(
    ("side", "qty", "denial"),
    [("SELL", "1", "position_insufficient"), ("BUY", "60", "cash_insufficient")],
)
def test_a_bot_trades_nothing_that_a_person_took_while_it_decided(
    side: str, qty: str, denial: str
) -> None:
    bot = make_bot(cash="10000")
    make_position(bot, "1", "100")
    claimed = claim_bot(bot_id=bot.pk, now=NOW)
    assert claimed is not None
    books = Books.open(claimed)
    lane = books.lanes[0]
    lane.last_price = Decimal(100)
    make_order(bot, side=side, qty=qty, status=S.OPEN)  # by a person, after the cycle has read
    decision = DecisionRecord(
        bot=bot,
        symbol=lane.symbol,
        timeframe=bot.timeframe,
        candle_close_ms=1_000,
        action="ENTER",
        reason="signal",
        price=100.0,
        decided_at=NOW,
    )
    books.decide(lane, decision)

    sent = send_intent(
        books=books, lane=lane, decision=decision, side=side, qty=Decimal(qty), now=NOW
    )

    assert sent is None
    assert OrderIntent.objects.get(decision__candle_close_ms=1_000).denial == denial
    assert Order.objects.filter(side=side, status=S.OPEN).count() == 1


@pytest.mark.skipif(
    connection.vendor != "postgresql", reason="SQLite has one writer and no locks of rows"
)
def test_what_names_a_locked_bot_or_account_need_not_wait() -> None:
    """An order that is claimed locks both; one that is written down meanwhile must not wait.

    It holds the audit log's lock, which the claim wants next: each would wait for the other.
    """
    bot, account = make_bot(), make_account()
    locked, written = threading.Event(), threading.Event()

    def claim() -> None:
        with transaction.atomic():
            get_bot(bot.pk, lock=True)
            order = Order(bot=bot, account=account, side="SELL")
            assert grant_denial(order, now=NOW) is None
            locked.set()
            assert written.wait(10)

    def write() -> None:
        assert locked.wait(10)
        order = make_order(bot)
        Order.objects.filter(pk=order.pk).update(account=account)
        written.set()

    assert at_once(claim, write) == []
