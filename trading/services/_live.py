"""A bot on the live feed: the newest closed candle, and quotes that fill what works."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from django.conf import settings

from config import clock
from marketdata.quotes import Quote
from marketdata.timeframes import Timeframe
from trading.decisions import Wanted
from trading.exits import ExitHit
from trading.models import Bot, Fill, OrderIntent
from trading.models.orders import STOPS, Order
from trading.paper_market import Market
from trading.protection import Step as GuardStep
from trading.reasons import Reason
from trading.services import _tape
from trading.services._books import Books, Lane
from trading.services._execution import match_orders, protective_exit
from trading.services._guards import keep_guard
from trading.services._steps import (
    close_tick,
    decide_step,
    decision_of,
    leave_lane,
    protect_lane,
    resume_orders,
)
from trading.services._tape import Step, exact

QuoteFor = Callable[[int], Quote | None]


def serve_orders(books: Books, now: datetime, quote_for: QuoteFor) -> None:
    """What is left of a stopped bot: its working orders, until they fill or are canceled.

    A live one keeps its stops at the exchange: what it holds is held on purpose.
    """
    resume_orders(books, now)
    filled = False
    for lane in books.lanes:
        quote = quote_for(lane.symbol.pk)
        _mark(lane, quote, None)
        before = lane.holding
        if lane.orders and quote is not None:
            _fill_on_quote(books, lane, quote, now)
        filled = filled or lane.holding != before
        keep_guard(books, lane, now)
    if filled:
        close_tick(books, at_ms=clock.to_ms(now), every_ms=1)
    books.commit(now=now)


def follow(books: Books, now: datetime, quote_for: QuoteFor) -> None:
    now_ms = clock.to_ms(now)
    resume_orders(books, now)
    take_up_exits(books, now)
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
            decide_step(books, step, now, price_age_s=max(age_s, 0.0))
            if quote is not None:
                _trade_quote(books, lane, quote, now)
        if keep_guard(books, lane, now) is GuardStep.FLATTEN and quote is not None:
            _flatten(books, lane, quote, now)
    close_tick(books, at_ms=now_ms, every_ms=int(settings.ENV.bot_loop_interval_seconds * 1000))
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
        books.decide(lane, decision_of(books, tape.step(index), Wanted(None, Reason.MISSED), now))
    newest = tape.step(fresh[-1])
    if newest.close_ms < too_old:
        books.decide(lane, decision_of(books, newest, Wanted(None, Reason.MISSED), now))
        return None
    return newest


def take_up_exits(books: Books, now: datetime) -> None:
    """What a stop at the exchange sold is the decision of its candle, as a software stop is."""
    if not books.is_live:
        return
    timeframe = Timeframe(books.bot.timeframe)
    for lane in books.lanes:
        sold = (
            Fill.objects.filter(bot=books.bot, symbol=lane.symbol, order__type__in=STOPS)
            .filter(at__gte=clock.from_ms(lane.row.decided_ms))
            .select_related("order__intent")
            .order_by("-at")
            .first()
        )
        if sold is None:
            continue
        close_ms = timeframe.floor(clock.to_ms(sold.at)) + timeframe.ms
        if max(lane.row.decided_ms, lane.exited_ms) < close_ms:
            hit = ExitHit(Reason(sold.order.intent.reason), sold.price, stop=True)
            books.exit_within(lane, protective_exit(books, lane, hit, close_ms, now))


def _flatten(books: Books, lane: Lane, quote: Quote, now: datetime) -> None:
    """Sell what can't be protected, and let a person look before anything is bought again."""
    if (clock.to_ms(now) - quote.at_ms) / 1000 > books.limits.max_price_age_s:
        return
    timeframe = Timeframe(books.bot.timeframe)
    close_ms = timeframe.floor(quote.at_ms) + timeframe.ms
    market = _quote_market(quote, 0)
    hit = ExitHit(Reason.PROTECTION_FAILED, exact(quote.last), stop=True)
    leave_lane(books, lane, hit, market, close_ms, now)
    Bot.objects.running().filter(pk=books.bot.pk).update(stop_requested=True)


def has_to_stop(books: Books) -> bool:
    """Whether a bot was asked to stop, and isn't still selling what it couldn't protect."""
    if not Bot.objects.running().filter(pk=books.bot.pk, stop_requested=True).exists():
        return False
    newest = OrderIntent.objects.filter(bot=books.bot, side="SELL").order_by("-pk").first()
    if newest is None or newest.reason != Reason.PROTECTION_FAILED:
        return True
    lane = next(each for each in books.lanes if each.symbol.pk == newest.symbol_id)
    return lane.holding.qty < lane.filters.qty_step and not lane.selling


def _trade_quote(books: Books, lane: Lane, quote: Quote, now: datetime) -> None:
    """Fills and protective exits on a live quote that is fresh enough."""
    market = _fill_on_quote(books, lane, quote, now)
    if market is None:
        return
    timeframe = Timeframe(books.bot.timeframe)
    close_ms = timeframe.floor(quote.at_ms) + timeframe.ms
    # An exit that an exchange did not take is tried again within the same candle.
    decided_ms = lane.row.decided_ms if books.is_live else max(lane.row.decided_ms, lane.exited_ms)
    if decided_ms < close_ms:
        protect_lane(books, lane, market, close_ms, now)
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


def needs_quotes(books: Books) -> bool:
    return any(lane.orders or (lane.holding.qty and books.exits.declared) for lane in books.lanes)
