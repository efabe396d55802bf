"""What a closed candle leads to, live and in a replay alike."""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal

import structlog
from django.db import DatabaseError

from strategies import services as strategy_services
from trading.decisions import Wanted, decide
from trading.exits import ExitHit, check_exits
from trading.models import DecisionRecord
from trading.models.orders import Order
from trading.order_state import OrderStatus
from trading.paper_market import Market
from trading.reasons import Reason
from trading.risk import Denial
from trading.services._books import Books, Lane
from trading.services._execution import (
    may_leave,
    protect,
    send_intent,
    withdraw_overtaken,
)
from trading.services._guards import stand_down
from trading.services._resolve import resume_order
from trading.services._sizing import account_of, size_buy, size_sell
from trading.services._tape import Step

log = structlog.get_logger(__name__)

Action = DecisionRecord.Action


def decide_step(books: Books, step: Step, now: datetime, *, price_age_s: float) -> None:
    """The decision record of one closed candle, and its order if there is one to send."""
    if step.lane.exited_ms == step.close_ms:
        books.pass_by(step.lane, step.close_ms)  # decided already, within the candle
        return
    if step.warm and step.target <= 0:
        withdraw_overtaken(books=books, lane=step.lane, now=now, stop=False)
    wanted = wanted_of(books, step)
    if wanted.side is None:
        books.decide(step.lane, decision_of(books, step, wanted, now))
        return
    qty, denial = sized_of(books, step, wanted, price_age_s, now)
    if wanted.side == "SELL" and not denial and step.lane.guards:
        if not _made_way(books, step.lane, now):
            return  # decided in the next cycle, on the same candle
        qty, denial = sized_of(books, step, wanted, price_age_s, now)
    if denial:
        books.decide(step.lane, decision_of(books, step, wanted, now, denial=denial))
        return
    decision = decision_of(books, step, wanted, now)
    books.decide(step.lane, decision)
    order = send_intent(
        books=books, lane=step.lane, decision=decision, side=wanted.side, qty=qty, now=now
    )
    if order is not None and not books.bot.is_replay:
        _mark_signal(books, decision, now)


def _mark_signal(books: Books, decision: DecisionRecord, now: datetime) -> None:
    """The signal that this order follows from. A note about it never stops an order."""
    if decision.reason not in {Reason.SIGNAL_ENTER, Reason.SIGNAL_EXIT}:
        return
    version = books.bot.version
    try:
        strategy_services.mark_signal_executed(
            symbol_id=decision.symbol_id,
            timeframe=decision.timeframe,
            candle_close_ms=decision.candle_close_ms,
            strategy=version.strategy.name,
            kind=str(decision.action),
            price=decision.price,
            details={"target": decision.target, "version": version.number},
            now=now,
        )
    except DatabaseError as error:
        log.warning("signal.not_marked", error=str(error))


def sized_of(
    books: Books, step: Step, wanted: Wanted, price_age_s: float, now: datetime
) -> tuple[Decimal, Denial | None]:
    """(quantity on the lot size, denial or None) of what is wanted; reads only."""
    account = account_of(books, step.lane, price_age_s=price_age_s, at_ms=step.close_ms)
    if wanted.side == "SELL":
        return size_sell(books, step.lane, account, value=wanted.value)
    value = wanted.value or Decimal(0)
    return size_buy(books, step.lane, account, value=value, now=now)


def _made_way(books: Books, lane: Lane, now: datetime) -> bool:
    """Whether nothing of ours at the exchange can sell what this lane is about to sell."""
    lane.leaving = True
    return stand_down(books=books, lane=lane, now=now)


def wanted_of(books: Books, step: Step) -> Wanted:
    """What the bot wants at this close; reads only."""
    if not step.warm:
        return Wanted(None, Reason.WARMUP)
    lane = step.lane
    if lane.exited_ms > step.close_ms:
        return Wanted(None, Reason.MISSED)  # it came after an exit in the candle after it
    return decide(
        target=step.target,
        equity=books.equity if step.target > 0 else Decimal(0),
        lanes=len(books.lanes),
        held_value=lane.value if lane.holding.qty >= lane.filters.qty_step else Decimal(0),
        pending=any(_is_own(order) for order in lane.orders),
        mode=books.knobs.position_mode,
    )


def _is_own(order: Order) -> bool:
    """The bot waits for its own orders; those of a person only count in the risk rules.

    A protective order waits for something that may never come.
    """
    return order.intent.reason != Reason.MANUAL and not order.is_guard


def decision_of(
    books: Books, step: Step, wanted: Wanted, now: datetime, *, denial: str | None = None
) -> DecisionRecord:
    action = {"BUY": Action.ENTER, "SELL": Action.EXIT, None: Action.HOLD}[wanted.side]
    return DecisionRecord(
        bot=books.bot,
        symbol=step.lane.symbol,
        timeframe=books.bot.timeframe,
        candle_close_ms=step.close_ms,
        version=books.bot.version,
        action=Action.DENIED if denial else action,
        reason=denial or wanted.reason,
        detail=f"wanted {wanted.side} ({wanted.reason})" if denial else "",
        target=None if math.isnan(step.target) else step.target,
        price=float(step.bars.close[step.index]),
        decided_at=now,
    )


def protect_lane(books: Books, lane: Lane, market: Market, close_ms: int, now: datetime) -> None:
    if not books.exits.declared or lane.holding.qty < lane.filters.qty_step:
        return
    if any(_leaves(order) for order in lane.orders):
        return
    hit = check_exits(
        exits=books.exits,
        entry_price=lane.holding.entry_price,
        high_since_entry=lane.high_since_entry,
        market=market,
    )
    if hit is not None and (hit.stop or not lane.selling):
        leave_lane(books, lane, hit, market, close_ms, now)


def leave_lane(
    books: Books, lane: Lane, hit: ExitHit, market: Market, close_ms: int, now: datetime
) -> None:
    """Sell what a lane holds, once nothing at the exchange can sell it any more."""
    if lane.guards and not (may_leave(books, lane, hit, market) and _made_way(books, lane, now)):
        return
    withdraw_overtaken(books=books, lane=lane, now=now, stop=hit.stop)
    protect(books=books, lane=lane, hit=hit, close_ms=close_ms, market=market, now=now)


def _leaves(order: Order) -> bool:
    """Whether the bot is on its way out already; a resting profit target may wait for ever."""
    return order.side == "SELL" and order.type != "LIMIT" and not order.is_guard


def close_tick(books: Books, *, at_ms: int, every_ms: int) -> None:
    books.mark(at_ms=at_ms)
    if at_ms >= books.bot.next_snapshot_ms:
        books.snapshot(at_ms=at_ms, every_ms=every_ms)


def resume_orders(books: Books, now: datetime) -> None:
    """What a dead worker left: the lease is ours, so its orders may be looked up at once."""
    left = {OrderStatus.NEW, OrderStatus.SUBMITTING, OrderStatus.UNKNOWN}
    orders: Iterator[Order] = (order for lane in books.lanes for order in lane.orders)
    stranded = [order for order in orders if order.status in left]
    for order in stranded:
        resume_order(order, now=now)
    if stranded:
        books.reload()
