"""From what a bot wants to an order, and from the paper market to fills."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

from django.contrib.auth.models import User
from django.db import transaction

from config import clock
from config.fields import plain
from marketdata.timeframes import Timeframe
from trading import costs
from trading.exits import ExitHit
from trading.models import Bot, DecisionRecord, Fill, Order, OrderIntent
from trading.order_state import WORKING
from trading.paper_market import Execution, Market, Resting, execute
from trading.reasons import Reason
from trading.risk import Denial
from trading.services._audit import record
from trading.services._books import Books, Lane
from trading.services._fills import FillReport, apply_fills
from trading.services._orders import open_order, submit_order, withdraw_order
from trading.services._sizing import account_of, size_sell

ZERO = Decimal(0)
MOST_ATTEMPTS = 5  # to leave within one candle


def send_intent(
    *,
    books: Books,
    lane: Lane,
    decision: DecisionRecord,
    side: str,
    qty: Decimal,
    now: datetime,
    kind: str = "MARKET",
    price: Decimal | None = None,
    attempt: int = 0,
) -> Order | None:
    """Decide, order and cursor in one transaction; then the claim, then the broker.

    None when a person's order came in between and took what this one needs.
    """
    key = _key(books, lane, decision, attempt)
    with transaction.atomic():
        books.commit(now=now)
        denial = books.taken_meanwhile(lane, side, qty, price)
        intent, fresh = OrderIntent.objects.get_or_create(
            idempotency_key=key,
            defaults={
                "bot": books.bot,
                "decision": _stored(decision),
                "symbol": lane.symbol,
                "side": side,
                "type": kind,
                "qty": qty,
                "price": price,
                "reason": decision.reason,
                "denial": denial or "",
                "epoch": books.epoch,
                "decided_at": now,
            },
        )
        if fresh:
            audit_intent(intent, now=now)
            if not denial:
                open_order(intent, now=now)
    order = Order.objects.filter(intent=intent).first()
    if order is not None:
        order = submit_order(order_id=order.pk, now=now)
        books.reload()
    return order


def _key(books: Books, lane: Lane, decision: DecisionRecord, attempt: int) -> str:
    """One decision, one key; only a protective exit that came to nothing has more."""
    key = (
        f"{books.bot.pk}:{lane.symbol.pk}:{books.bot.timeframe}"
        f":{decision.candle_close_ms}:{decision.reason}"
    )
    return f"{key}:{attempt}" if attempt else key


def audit_intent(intent: OrderIntent, *, now: datetime, by: User | None = None) -> None:
    """One event per intent, allowed or denied."""
    record(
        action="order.denied" if intent.denial else "order.intended",
        subject=f"intent:{intent.pk}",
        by=by,
        now=now,
        reason=intent.denial or intent.reason,
        after={
            "bot": intent.bot_id,
            "symbol": str(intent.symbol),
            "side": str(intent.side),
            "type": str(intent.type),
            "qty": f"{intent.qty:f}",
            "price": None if intent.price is None else f"{intent.price:f}",
            "key": intent.idempotency_key,
        },
    )


def match_orders(
    *,
    books: Books,
    lane: Lane,
    market: Market,
    now: datetime,
    orders: Sequence[Order] | None = None,
) -> bool:
    """Let the paper market fill what works in this lane (or of it `orders`); whether any moved.

    What works at an exchange is filled there; the sweep asks for it.
    """
    if books.is_live:
        return False
    moved = False
    looked_at = lane.orders if orders is None else orders
    for order in [order for order in looked_at if order.status in WORKING]:
        if _match(order, books, lane, market, now):
            books.reload()  # the next order meets the cash and the position that are left
            moved = True
    return moved


def withdraw_overtaken(*, books: Books, lane: Lane, now: datetime, stop: bool) -> None:
    """Cancel what a decision to leave overtakes: entries under way, resting profit targets.

    A person's own orders stay, except that a stop needs what their sales hold back.
    """
    overtaken = [order for order in lane.orders if _is_overtaken(order, stop=stop)]
    if not overtaken:
        return
    books.commit(now=now)
    for order in overtaken:
        withdraw_order(order=order, cause="overtaken", now=now)
    books.reload()


def _is_overtaken(order: Order, *, stop: bool) -> bool:
    if order.status not in WORKING:
        return False
    manual = order.intent.reason == Reason.MANUAL
    if order.side == "BUY":
        return not manual
    return order.type == "LIMIT" and (stop or not manual)


def may_leave(books: Books, lane: Lane, hit: ExitHit, market: Market) -> bool:
    """Whether the risk rules would let this lane be sold now."""
    account = account_of(books, lane, price_age_s=0, at_ms=market.at_ms)
    return size_sell(books, lane, account)[1] is None


def protect(
    *, books: Books, lane: Lane, hit: ExitHit, close_ms: int, market: Market, now: datetime
) -> bool:
    """Leave a position whose protective level was reached, in the very bar that reached it.

    The exit is that candle's decision, so no other follows at its close. A live one that came
    to nothing is tried again.
    """
    account = account_of(books, lane, price_age_s=0, at_ms=market.at_ms)
    qty, denial = size_sell(books, lane, account)
    if denial:
        return False
    decision = protective_exit(books, lane, hit, close_ms, now)
    attempt = _attempts(books, lane, decision) if books.is_live else 0
    if attempt == MOST_ATTEMPTS:
        return False
    books.exit_within(lane, decision)
    tick = lane.filters.price_tick
    price = costs.floor_to(hit.level, tick) if hit.stop else costs.ceil_to(hit.level, tick)
    send_intent(
        books=books,
        lane=lane,
        decision=decision,
        side="SELL",
        qty=qty,
        now=now,
        kind=_exit_kind(books, hit),
        price=None if books.is_live and hit.stop else max(price, tick),
        attempt=attempt,
    )
    match_orders(books=books, lane=lane, market=market, now=now)
    return True


def _exit_kind(books: Books, hit: ExitHit) -> str:
    """The level is reached already: an exchange would not wait for it any more."""
    if not hit.stop:
        return "LIMIT"
    return "MARKET" if books.is_live else "STOP_MARKET"


def _attempts(books: Books, lane: Lane, decision: DecisionRecord) -> int:
    """Exits of this candle that were tried before, and of which nothing works any more."""
    return OrderIntent.objects.filter(
        bot=books.bot,
        symbol=lane.symbol,
        side="SELL",
        decision__candle_close_ms=decision.candle_close_ms,
        reason=decision.reason,
    ).count()


def protective_exit(
    books: Books, lane: Lane, hit: ExitHit, close_ms: int, now: datetime
) -> DecisionRecord:
    return DecisionRecord(
        bot=books.bot,
        symbol=lane.symbol,
        timeframe=books.bot.timeframe,
        candle_close_ms=close_ms,
        version=books.bot.version,
        action=DecisionRecord.Action.EXIT,
        reason=hit.reason,
        detail=f"level {plain(hit.level):f}"[:200],  # its zeros depend on what was stored
        target=0.0,
        price=float(hit.level),
        decided_at=now,
    )


def _match(order: Order, books: Books, lane: Lane, market: Market, now: datetime) -> bool:
    """One look of the market at one order; whether the order moved."""
    taken = _taken_since(order, Timeframe(books.bot.timeframe).floor(market.at_ms))
    execution = _execution(order, books, lane, market, taken)
    if execution is None:
        _note_rested(order)
        # What took its share of this bar had its look: a restart may look again.
        return False if taken else _give_up(order, books, lane, market, now)
    report = FillReport(
        exchange_fill_id=f"{order.client_order_id}:{market.at_ms}",
        qty=execution.qty,
        price=execution.price,
        fee=execution.fee,
        fee_asset=lane.symbol.quote,
        maker=execution.maker,
        at=clock.from_ms(market.at_ms),
    )
    with transaction.atomic():
        # With the cursor, so that a restart doesn't live again through what was before the
        # fill, and under the fence, so that a worker that lost the bot fills nothing.
        books.bot.next_snapshot_ms = 0  # a fill is worth a point on the curve
        books.commit(now=now)
        row = Order.objects.select_for_update().get(pk=order.pk)
        if row.status not in WORKING:
            return True  # canceled meanwhile
        _note_rested(order)
        return bool(apply_fills(order=order, reports=[report], now=now))


def _note_rested(order: Order) -> None:
    """The market has seen it on the book; with its first fill, if it has one, or without."""
    if not order.rested:
        Order.objects.filter(pk=order.pk).update(rested=True)
        order.rested = True


def _execution(
    order: Order, books: Books, lane: Lane, market: Market, taken: Decimal
) -> Execution | None:
    remaining = order.qty - order.filled_qty
    if order.side == "SELL":
        remaining = min(remaining, costs.floor_to(lane.holding.qty, lane.filters.qty_step))
    resting = Resting(
        buy=order.side == "BUY",
        kind=str(order.type),
        remaining=remaining,
        price=order.price,
        rested=order.rested,
        triggered=order.rested,  # a stop is only made in the bar that reached it
    )
    return execute(
        order=resting,
        market=market,
        terms=books.terms,
        filters=lane.filters,
        buying_power=books.bot.cash,
        already=taken,
    )


def _give_up(order: Order, books: Books, lane: Lane, market: Market, now: datetime) -> bool:
    """Cancel what would wait for ever: the exchange would have refused it."""
    denial = _hopeless(order, books, lane, market)
    if denial is None:
        return False
    books.commit(now=now)
    return withdraw_order(order=order, cause=denial, now=now)


def _hopeless(order: Order, books: Books, lane: Lane, market: Market) -> Denial | None:
    step = lane.filters.qty_step
    if order.side == "SELL":
        return Denial.POSITION_INSUFFICIENT if lane.holding.qty < step else None
    if order.type != "MARKET":
        return None
    affordable = costs.affordable_qty(
        cash=books.bot.cash,
        price=costs.assumed_price(market.ask or market.open, books.terms, lane.filters.price_tick),
        fee_bps=books.terms.fee_taker_bps,
        step=step,
    )
    return None if affordable else Denial.CASH_INSUFFICIENT


def _taken_since(order: Order, since_ms: int) -> Decimal:
    """What this order took of the candle that runs since `since_ms`."""
    if not order.filled_qty:
        return ZERO
    taken = Fill.objects.filter(order=order, at__gte=clock.from_ms(since_ms))
    return sum(taken.values_list("qty", flat=True), ZERO)


def _stored(decision: DecisionRecord) -> DecisionRecord:
    """The row as inserted, or the one that was there before."""
    return DecisionRecord.objects.get(
        bot_id=decision.bot_id,
        symbol_id=decision.symbol_id,
        timeframe=decision.timeframe,
        candle_close_ms=decision.candle_close_ms,
    )


def manual_key(bot: Bot, idempotency_key: str) -> str:
    """Key of an intent that a person asked for."""
    return f"manual:{bot.pk}:{idempotency_key}"
