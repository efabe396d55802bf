"""From what a bot wants to an order, and from the paper market to fills."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from django.contrib.auth.models import User
from django.db import transaction

from config import clock
from marketdata.timeframes import Timeframe
from trading import costs, risk, sizing
from trading.decisions import Wanted
from trading.exits import ExitHit
from trading.models import Bot, DecisionRecord, Fill, Order, OrderIntent, SystemState
from trading.order_state import WORKING, OrderStatus
from trading.paper_market import Market, Resting, execute
from trading.risk import Account, Denial
from trading.services._audit import record
from trading.services._books import Books, Lane
from trading.services._fills import FillReport, apply_fills
from trading.services._orders import move, open_order, submit_order

ZERO = Decimal(0)


def account_of(books: Books, lane: Lane, *, price_age_s: float, at_ms: int) -> Account:
    """The books as the risk rules see them."""
    state = SystemState.objects.get(pk=1)
    equity = books.equity
    pending = books.pending_buys(lane)
    exposure = sum((each.value for each in books.lanes), ZERO) + books.reserved
    selling = sum(
        (order.qty - order.filled_qty for order in lane.orders if order.side == "SELL"), ZERO
    )
    since = None
    if lane.closed_ms:
        since = (at_ms - lane.closed_ms) // Timeframe(books.bot.timeframe).ms
    return Account(
        halted=state.state != SystemState.State.RUNNING,
        symbol_trading=lane.symbol.status == lane.symbol.Status.TRADING,
        price=lane.last_price,
        price_age_s=price_age_s,
        free_cash=books.bot.cash - books.reserved,
        equity=equity,
        peak_equity=books.bot.peak_equity,
        day_start_equity=books.bot.day_start_equity,
        exposure=exposure,
        position_value=lane.value + pending,
        sellable_qty=lane.holding.qty - selling,
        unresolved_order=lane.unresolved,
        candles_since_exit=since,
    )


def size(
    wanted: Wanted, books: Books, lane: Lane, account: Account
) -> tuple[Decimal, Denial | None]:
    """(quantity on the lot size, denial or None) for what is wanted."""
    step = lane.filters.qty_step
    if wanted.side == "SELL":
        qty = account.sellable_qty
        if wanted.value is not None:
            qty = min(qty, wanted.value / account.price)
        qty = costs.floor_to(qty, step)
        return qty, risk.check_sell(
            qty=qty, account=account, limits=books.limits, filters=lane.filters
        )
    paused = risk.check_market(account, books.limits) or risk.check_entry_pause(
        account, books.limits
    )
    if paused:
        return ZERO, paused
    sized = sizing.size_entry(
        wanted=wanted.value or ZERO,
        account=account,
        limits=books.limits,
        filters=lane.filters,
        terms=books.terms,
    )
    denial = risk.check_buy(
        qty=sized.qty, account=account, limits=books.limits, filters=lane.filters
    )
    too_small = denial in {Denial.BELOW_MIN_QTY, Denial.BELOW_MIN_NOTIONAL}
    return sized.qty, sized.bound_by if too_small and sized.bound_by else denial


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
) -> Order:
    """Decide, order and cursor in one transaction; then the claim, then the broker."""
    key = (
        f"{books.bot.pk}:{lane.symbol.pk}:{books.bot.timeframe}"
        f":{decision.candle_close_ms}:{decision.reason}"
    )
    with transaction.atomic():
        books.commit(now=now)
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
                "epoch": SystemState.objects.values_list("epoch", flat=True).get(pk=1),
                "decided_at": now,
            },
        )
        order = open_order(intent, now=now) if fresh else intent.order
        if fresh:
            audit_intent(intent, now=now)
    submit_order(order_id=order.pk, now=now)
    books.reload()
    return order


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


def match_orders(*, books: Books, lane: Lane, market: Market, now: datetime) -> bool:
    """Let the paper market fill what works in this lane; whether anything did."""
    filled = False
    for order in lane.orders:
        if order.status in WORKING:
            filled = _match(order, books, lane, market, now) or filled
    if filled:
        books.reload()
    return filled


def protect(
    *, books: Books, lane: Lane, hit: ExitHit, close_ms: int, market: Market, now: datetime
) -> bool:
    """Leave a position whose protective level was reached, in the very bar that reached it.

    The exit is that candle's decision, so no other follows at its close.
    """
    account = account_of(books, lane, price_age_s=0, at_ms=market.at_ms)
    qty, denial = size(Wanted("SELL", hit.reason), books, lane, account)
    if denial:
        return False
    decision = DecisionRecord(
        bot=books.bot,
        symbol=lane.symbol,
        timeframe=books.bot.timeframe,
        candle_close_ms=close_ms,
        action=DecisionRecord.Action.EXIT,
        reason=hit.reason,
        detail=f"level {hit.level:f}"[:200],
        target=0.0,
        price=float(hit.level),
        decided_at=now,
    )
    books.decide(lane, decision)
    tick = lane.filters.price_tick
    price = costs.floor_to(hit.level, tick) if hit.stop else costs.ceil_to(hit.level, tick)
    send_intent(
        books=books,
        lane=lane,
        decision=decision,
        side="SELL",
        qty=qty,
        now=now,
        kind="STOP_MARKET" if hit.stop else "LIMIT",
        price=max(price, tick),
    )
    match_orders(books=books, lane=lane, market=market, now=now)
    return True


def _match(order: Order, books: Books, lane: Lane, market: Market, now: datetime) -> bool:
    bar_ms = Timeframe(books.bot.timeframe).ms
    bar_open = market.at_ms - market.at_ms % bar_ms
    resting = Resting(
        buy=order.side == "BUY",
        kind=str(order.type),
        remaining=order.qty - order.filled_qty,
        price=order.price,
        rested=order.rested,
        triggered=order.filled_qty > 0,
    )
    execution = execute(
        order=resting,
        market=market,
        terms=books.terms,
        filters=lane.filters,
        buying_power=books.bot.cash,
        already=_taken_since(order, bar_open),
    )
    if not order.rested:
        Order.objects.filter(pk=order.pk).update(rested=True)
        order.rested = True
    if execution is None:
        return _give_up_without_cash(order, books, lane, market, now)
    report = FillReport(
        exchange_fill_id=f"{order.client_order_id}:{market.at_ms}",
        qty=execution.qty,
        price=execution.price,
        fee=execution.fee,
        fee_asset=lane.symbol.quote,
        maker=execution.maker,
        at=clock.from_ms(market.at_ms),
    )
    return bool(apply_fills(order=order, reports=[report], now=now))


def _give_up_without_cash(
    order: Order, books: Books, lane: Lane, market: Market, now: datetime
) -> bool:
    """What the cash can't buy would wait for ever: the exchange would have refused it."""
    least = max(lane.filters.qty_step, lane.filters.min_qty) * market.open
    if order.side != "BUY" or order.type != "MARKET" or books.bot.cash > least:
        return False
    canceled = move(order, OrderStatus.CANCELED, cause=Denial.CASH_INSUFFICIENT, now=now)
    if canceled:
        books.reload()
    return canceled


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
