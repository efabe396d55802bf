"""One decision path: a closed candle goes in, a decision record and maybe an order come out.

A replay walks stored candles; a live bot takes the newest closed one and lets quotes fill
what works. Both go through the same steps.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from decimal import Decimal

import structlog
from django.conf import settings
from django.contrib.auth.models import User

from config import clock
from marketdata.quotes import Quote, get_quote
from marketdata.timeframes import Timeframe
from trading import events
from trading.decisions import Wanted, decide
from trading.errors import BotBusy, LeaseLost, SystemHalted
from trading.exits import check_exits
from trading.models import Bot, DecisionRecord, SystemState
from trading.models.orders import Order
from trading.order_state import OrderStatus
from trading.paper_market import Market
from trading.reasons import Reason
from trading.services import _jobs, _tape
from trading.services._audit import record
from trading.services._books import Books, Lane, claim_bot, release_bot
from trading.services._bots import finish_replay, get_bot, place_cursors
from trading.services._execution import (
    account_of,
    match_orders,
    protect,
    send_intent,
    size,
    withdraw_overtaken,
)
from trading.services._orders import cancel_all_orders, resume_order
from trading.services._tape import Step, exact

log = structlog.get_logger(__name__)

BUDGET_S = 3.0  # one task's share of a replay; the next one goes on
COMMIT_EVERY = 250  # decisions in one group commit of a replay
SNAPSHOT_MS = 900_000  # market time between snapshots of a replay
RETRY_AFTER = timedelta(seconds=30)

QuoteFor = Callable[[int], Quote | None]
Action = DecisionRecord.Action


def run_bot(
    *, bot_id: int, now: datetime, quote_for: QuoteFor = get_quote, budget_s: float = BUDGET_S
) -> bool:
    """Do all that is due for one bot under its lease; whether more is waiting right now.

    A stopped bot decides nothing, but quotes still fill its working orders. Nothing is done
    when the system isn't running or another worker has the bot.
    """
    bot = claim_bot(bot_id=bot_id, now=now)
    if bot is None:
        return False
    due_at: datetime | None = now + timedelta(seconds=settings.ENV.bot_loop_interval_seconds)
    more = False
    try:
        if not _system_runs():
            pass
        elif bot.is_running:
            more, due_at = _advance(bot, now, quote_for, budget_s)
        elif not bot.is_replay:
            _serve_orders(Books.open(bot), now, quote_for)
    except LeaseLost:
        log.info("bot.lease_lost", bot_id=bot_id)
    except Exception as error:
        due_at = now + RETRY_AFTER
        _note_error(bot, error, now)
        raise
    finally:
        release_bot(bot=bot, due_at=due_at)
    return more


def run_cycle(
    *, bot_id: int, by: User | None, now: datetime, quote_for: QuoteFor = get_quote
) -> list[DecisionRecord]:
    """One paper cycle now, by hand; the bot may be stopped. Gives the newest decisions."""
    bot = get_bot(bot_id)
    if not _system_runs():
        raise SystemHalted("The system isn't running.")
    claimed = claim_bot(bot_id=bot.pk, now=now)
    if claimed is None:
        raise BotBusy("The bot is in the middle of a cycle; try again in a moment.")
    try:
        if not claimed.is_running:
            place_cursors(claimed, now)  # what went by while it was stopped wasn't missed
        record(action="bot.cycle_run", subject=f"bot:{bot.pk}", by=by, now=now)
        if claimed.is_replay:
            _replay(Books.open(claimed), now, budget_s=0)
        else:
            _follow(Books.open(claimed), now, quote_for)
    except LeaseLost:
        raise BotBusy("The bot was started, stopped or changed meanwhile.") from None
    finally:
        release_bot(bot=claimed, due_at=now)
    newest = DecisionRecord.objects.filter(bot=bot).select_related("symbol")
    return list(newest.order_by("-candle_close_ms")[: bot.symbols.count()])


def _advance(
    bot: Bot, now: datetime, quote_for: QuoteFor, budget_s: float
) -> tuple[bool, datetime | None]:
    _jobs.begin_bot_job(bot=bot, now=now)
    books = Books.open(bot)
    if not bot.is_replay:
        _follow(books, now, quote_for)
        wait = 1.0 if _needs_quotes(books) else settings.ENV.bot_loop_interval_seconds
        return False, now + timedelta(seconds=wait)
    more = _replay(books, now, budget_s=budget_s)
    if not more and (bot.replay_speed == 0 or _replayed_all(books)):
        # Nothing will ever fill them.
        cancel_all_orders(by=None, now=now, cause="replay_finished", bot_id=bot.pk)
        finish_replay(bot=bot, now=now)
        return False, None
    return more, now + timedelta(seconds=1)


# A live bot


def _serve_orders(books: Books, now: datetime, quote_for: QuoteFor) -> None:
    """What is left of a stopped bot: its working orders, until they fill or are canceled."""
    _resume(books, now)
    filled = False
    for lane in books.lanes:
        quote = quote_for(lane.symbol.pk)
        _mark(lane, quote, None)
        before = lane.holding
        if lane.orders and quote is not None:
            _fill_on_quote(books, lane, quote, now)
        filled = filled or lane.holding != before
    if filled:
        _close_tick(books, at_ms=clock.to_ms(now), every_ms=1)
    books.commit(now=now)


def _follow(books: Books, now: datetime, quote_for: QuoteFor) -> None:
    now_ms = clock.to_ms(now)
    _resume(books, now)
    quotes = {lane.symbol.pk: quote_for(lane.symbol.pk) for lane in books.lanes}
    steps = {lane.symbol.pk: _newest_step(books, lane, now) for lane in books.lanes}
    # All prices first: what one lane decides depends on the equity in all.
    for lane in books.lanes:
        _mark(lane, quotes[lane.symbol.pk], steps[lane.symbol.pk])
    books.mark(at_ms=now_ms)
    for lane in books.lanes:
        quote, step = quotes[lane.symbol.pk], steps[lane.symbol.pk]
        if quote is not None:
            _trade_quote(books, lane, quote, now)
        if step is not None and lane.row.decided_ms < step.close_ms:
            age_s = (now_ms - (quote.at_ms if quote else step.close_ms)) / 1000
            _decide(books, step, now, price_age_s=max(age_s, 0.0))
            if quote is not None:
                _trade_quote(books, lane, quote, now)
    _close_tick(books, at_ms=now_ms, every_ms=int(settings.ENV.bot_loop_interval_seconds * 1000))
    books.commit(now=now)


def _mark(lane: Lane, quote: Quote | None, step: Step | None) -> None:
    if step is not None:
        lane.last_price = exact(step.bars.close[step.index])
    if quote is not None:
        lane.last_price = exact(quote.last)


def _newest_step(books: Books, lane: Lane, now: datetime) -> Step | None:
    """The newest closed candle without a decision; older ones are recorded as missed."""
    timeframe = Timeframe(books.bot.timeframe)
    tape = _tape.live(books, lane, now_ms=clock.to_ms(now))
    fresh = [index for index in range(len(tape.bars)) if tape.close_ms(index) > lane.row.decided_ms]
    if not fresh:
        if len(tape.bars):
            lane.last_price = exact(tape.bars.close[-1])
        return None
    too_old = clock.to_ms(now) - timeframe.ms
    for index in fresh[:-1]:
        books.decide(lane, _record(books, tape.step(index), Wanted(None, Reason.MISSED), now))
    newest = tape.step(fresh[-1])
    if newest.close_ms < too_old:
        books.decide(lane, _record(books, newest, Wanted(None, Reason.MISSED), now))
        return None
    return newest


def _trade_quote(books: Books, lane: Lane, quote: Quote, now: datetime) -> None:
    """Fills and protective exits on a live quote that is fresh enough."""
    market = _fill_on_quote(books, lane, quote, now)
    if market is None:
        return
    timeframe = Timeframe(books.bot.timeframe)
    close_ms = timeframe.floor(quote.at_ms) + timeframe.ms
    if lane.row.decided_ms < close_ms:
        _protect(books, lane, market, close_ms, now)
    lane.high_since_entry = max(lane.high_since_entry, market.high)
    lane.moved = lane.moved or bool(lane.holding.qty)


def _fill_on_quote(books: Books, lane: Lane, quote: Quote, now: datetime) -> Market | None:
    """Fill what works and was there before the quote; None if there is nothing to look at."""
    if (clock.to_ms(now) - quote.at_ms) / 1000 > books.limits.max_price_age_s:
        return None
    if not lane.orders and not lane.holding.qty:
        return None
    market = _quote_market(quote, _tape.last_volume(lane.symbol.pk, books.bot.timeframe))
    known = [order for order in lane.orders if _decided_ms(order) <= quote.at_ms]
    match_orders(books=books, lane=lane, market=market, now=now, orders=known)
    return market


def _decided_ms(order: Order) -> int:
    """When it was known what this order knew: an older quote would be a look back in time."""
    placed_ms = clock.to_ms(order.created_at)
    decision = order.intent.decision
    return placed_ms if decision is None else min(decision.candle_close_ms, placed_ms)


def _quote_market(quote: Quote, volume: float) -> Market:
    last = exact(quote.last)
    bid = None if quote.bid is None else exact(quote.bid)
    ask = None if quote.ask is None else exact(quote.ask)
    sellable = bid or last  # what a protective exit would get
    return Market(
        at_ms=quote.at_ms,
        open=last,
        high=sellable,
        low=sellable,
        close=last,
        volume=exact(volume),
        bid=bid,
        ask=ask,
    )


def _needs_quotes(books: Books) -> bool:
    return any(lane.orders or (lane.holding.qty and books.exits.declared) for lane in books.lanes)


# A replay


def _replay(books: Books, now: datetime, *, budget_s: float) -> bool:
    """Walk stored candles until the budget or the range ends; whether more is left."""
    deadline = clock.mono() + budget_s
    _resume(books, now)
    _tape.mark_at_cursors(books)
    until_ms = _tape.replay_until(books.bot, now)
    while True:
        ticks = _tape.replay(books, until_ms)
        if not ticks:
            books.commit(now=now)
            _jobs.report_replay(books.bot, books.lanes, now=now)
            return False
        for close_ms, steps in ticks:
            _replay_tick(books, close_ms, steps, now)
            if len(books.decisions) >= COMMIT_EVERY:
                books.commit(now=now)
            if clock.mono() >= deadline:
                books.commit(now=now)
                _jobs.report_replay(books.bot, books.lanes, now=now)
                return True


def _replay_tick(books: Books, close_ms: int, steps: list[Step], now: datetime) -> None:
    """Everything that happens up to one close: fills, exits, marks, then decisions."""
    for step in steps:
        _replay_bar(books, step, now)
    # Before the decisions: what they commit is then all that this close has changed.
    every = max(SNAPSHOT_MS, Timeframe(books.bot.timeframe).ms)
    _close_tick(books, at_ms=close_ms, every_ms=every)
    for step in steps:
        if step.lane.row.decided_ms < step.close_ms:
            _decide(books, step, now, price_age_s=0.0)


def _replay_bar(books: Books, step: Step, now: datetime) -> None:
    lane = step.lane
    if lane.orders or lane.holding.qty:
        market = _bar_market(step)
        if lane.orders and match_orders(books=books, lane=lane, market=market, now=now):
            books.bot.next_snapshot_ms = 0  # a fill is worth a point on the curve
        _protect(books, lane, market, step.close_ms, now)
        lane.high_since_entry = max(lane.high_since_entry, market.high)
        lane.moved = True
    lane.last_price = exact(step.bars.close[step.index])


def _bar_market(step: Step) -> Market:
    bars, index = step.bars, step.index
    return Market(
        at_ms=int(bars.open_ms[index]),
        open=exact(bars.open[index]),
        high=exact(bars.high[index]),
        low=exact(bars.low[index]),
        close=exact(bars.close[index]),
        volume=exact(bars.volume[index]),
    )


def _replayed_all(books: Books) -> bool:
    end = _tape.replay_end(books.bot)
    return all(lane.row.decided_ms >= end for lane in books.lanes)


# Both


def _decide(books: Books, step: Step, now: datetime, *, price_age_s: float) -> None:
    """The decision record of one closed candle, and its order if there is one to send."""
    if step.warm and step.target <= 0:
        withdraw_overtaken(books=books, lane=step.lane, now=now, stop=False)
    wanted = _wanted(books, step)
    if wanted.side is None:
        books.decide(step.lane, _record(books, step, wanted, now))
        return
    account = account_of(books, step.lane, price_age_s=price_age_s, at_ms=step.close_ms)
    qty, denial = size(wanted, books, step.lane, account)
    if denial:
        books.decide(step.lane, _record(books, step, wanted, now, denial=denial))
        return
    decision = _record(books, step, wanted, now)
    books.decide(step.lane, decision)
    send_intent(books=books, lane=step.lane, decision=decision, side=wanted.side, qty=qty, now=now)


def _wanted(books: Books, step: Step) -> Wanted:
    if not step.warm:
        return Wanted(None, Reason.WARMUP)
    lane = step.lane
    return decide(
        target=step.target,
        equity=books.equity if step.target > 0 else Decimal(0),
        share=Decimal(1) / len(books.lanes),
        held_value=lane.value if lane.holding.qty >= lane.filters.qty_step else Decimal(0),
        pending=any(_is_own(order) for order in lane.orders),
        mode=books.knobs.position_mode,
    )


def _is_own(order: Order) -> bool:
    """The bot waits for its own orders; those of a person only count in the risk rules."""
    return order.intent.reason != Reason.MANUAL


def _record(
    books: Books, step: Step, wanted: Wanted, now: datetime, *, denial: str | None = None
) -> DecisionRecord:
    action = {"BUY": Action.ENTER, "SELL": Action.EXIT, None: Action.HOLD}[wanted.side]
    return DecisionRecord(
        bot=books.bot,
        symbol=step.lane.symbol,
        timeframe=books.bot.timeframe,
        candle_close_ms=step.close_ms,
        action=Action.DENIED if denial else action,
        reason=denial or wanted.reason,
        detail=f"wanted {wanted.side} ({wanted.reason})" if denial else "",
        target=None if math.isnan(step.target) else step.target,
        price=float(step.bars.close[step.index]),
        decided_at=now,
    )


def _protect(books: Books, lane: Lane, market: Market, close_ms: int, now: datetime) -> None:
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
    if hit is not None and (hit.stop or not any(order.side == "SELL" for order in lane.orders)):
        withdraw_overtaken(books=books, lane=lane, now=now, stop=hit.stop)
        protect(books=books, lane=lane, hit=hit, close_ms=close_ms, market=market, now=now)


def _leaves(order: Order) -> bool:
    """Whether the bot is on its way out already; a resting profit target may wait for ever."""
    return order.side == "SELL" and order.type != "LIMIT"


def _close_tick(books: Books, *, at_ms: int, every_ms: int) -> None:
    books.mark(at_ms=at_ms)
    if at_ms >= books.bot.next_snapshot_ms:
        books.snapshot(at_ms=at_ms, every_ms=every_ms)


def _resume(books: Books, now: datetime) -> None:
    """What a dead worker left: the lease is ours, so its orders may be looked up at once."""
    left = {OrderStatus.NEW, OrderStatus.SUBMITTING, OrderStatus.UNKNOWN}
    orders: Iterator[Order] = (order for lane in books.lanes for order in lane.orders)
    stranded = [order for order in orders if order.status in left]
    for order in stranded:
        resume_order(order, now=now)
    if stranded:
        books.reload()


def _system_runs() -> bool:
    return SystemState.objects.filter(pk=1, state=SystemState.State.RUNNING).exists()


def _note_error(bot: Bot, error: Exception, now: datetime) -> None:
    message = f"{type(error).__name__}: {error}"[:200]
    Bot.objects.filter(pk=bot.pk).update(last_error=message)
    events.system_notice(message, bot_id=bot.pk, now=now, level="danger")
