"""The compiled rules of a close. Import lazily: it loads numba.

At each close: fills, protective exits, marks, then decisions, as a bot on stored candles does
it: `trading.decisions`, `trading.risk`, `trading.sizing` and `trading.exits` in numbers.
"""

from __future__ import annotations

import math
from typing import Any

from trading.simulation.kernel_orders import (
    LIMIT,
    MARKET,
    NO_CASH,
    NONE,
    STOP,
    Candle,
    affordable_lots,
    ceil_snapped,
    compiled,
    floor_snapped,
    inlined,
    match,
    passed,
    reached,
    send,
    taker_ticks,
    withdraw,
)

# Indexes into trading.simulation.REASONS and DENIALS.
SIGNAL_ENTER, SIGNAL_EXIT, REBALANCE, STOP_LOSS, TRAILING_STOP, TAKE_PROFIT = range(6)
(
    COOLDOWN,
    DAILY_LOSS,
    DRAWDOWN,
    MIN_QTY,
    MIN_NOTIONAL,
    EXPOSURE,
    POSITION,
) = range(7)
ALLOWED = -1
DAY_MS = 86_400_000
BAND = 0.05  # trading.decisions.REBALANCE_BAND
_SLACK = 1e-12  # of a limit: what rounding alone may exceed


@inlined
def value_of(own: Any) -> float:
    """Of a lane's position at its last price, in the quote asset."""
    return float(own.held * own.step * own.last)


@inlined
def _positions_value(lanes: Any) -> float:
    """Of all lanes at their last prices, in the quote asset."""
    total = 0.0
    for lane in range(len(lanes)):
        total += value_of(lanes[lane])
    return total


@inlined
def _reserved(own: Any, terms: Any) -> float:
    """Most that the working buy of a lane may still cost."""
    if own.kind == NONE or own.buying == 0:
        return 0.0
    ticks = taker_ticks(True, own.last, own.tick, terms)
    return float(own.left * own.step * ticks * own.tick * (1 + terms.taker))


@inlined
def _pause(close_ms: int, own: Any, equity: float, book: Any, terms: Any) -> int:
    """Loss limits and cooldown: they stop entries."""
    if reached(equity, book.day_start * terms.daily_floor):
        return DAILY_LOSS
    if reached(equity, book.peak * terms.drawdown_floor):
        return DRAWDOWN
    if own.closed_ms > 0 and terms.cooldown > 0:
        frame = terms.timeframe_ms
        since = max((close_ms - own.closed_ms // frame * frame) // frame - 1, 0)
        if since < terms.cooldown:
            return COOLDOWN
    return ALLOWED


@inlined
def _too_small(own: Any, lots: int) -> int:
    if lots <= 0 or lots < own.min_lots:
        return MIN_QTY
    if lots * own.step * own.last < own.min_notional * (1 - _SLACK):
        return MIN_NOTIONAL
    return ALLOWED


@inlined
def _over(
    notional: float, equity: float, exposure: float, position: float, cash: float, terms: Any
) -> int:
    if passed(exposure + notional, terms.max_exposure * equity * (1 + _SLACK)):
        return EXPOSURE
    if passed(position + notional, terms.max_position * equity * (1 + _SLACK)):
        return POSITION
    return NO_CASH if passed(notional, cash * (1 + _SLACK)) else ALLOWED


@inlined
def _size(
    wanted: float, equity: float, exposure: float, position: float, cash: float, terms: Any
) -> tuple[float, int]:
    """(quote value, limit that made it no larger or ALLOWED); all in the quote asset."""
    room, bound_by = terms.max_exposure * equity - exposure, EXPOSURE
    slack = equity * _SLACK  # rooms that differ by rounding alone are the same
    if terms.max_position * equity - position < room - slack:
        room, bound_by = terms.max_position * equity - position, POSITION
    if cash < room - slack:
        room, bound_by = cash, NO_CASH
    return max(min(wanted, room), 0.0), (bound_by if room < wanted - slack else ALLOWED)


@compiled
def _buy(
    lane: int, lanes: Any, wanted: float, why: int, close_ms: int, book: Any, terms: Any
) -> None:
    """An entry of `wanted` quote value, if the limits let it."""
    own = lanes[lane]
    cash = book.cash * terms.unit
    exposure = _positions_value(lanes)
    equity = cash + exposure
    denial = _pause(close_ms, own, equity, book, terms)
    if denial != ALLOWED:
        book.denied[denial] += 1
        return
    reserved = 0.0
    for other in range(len(lanes)):
        reserved += _reserved(lanes[other], terms)
    exposure, cash = exposure + reserved, cash - reserved
    position = value_of(own) + _reserved(own, terms)
    value, bound_by = _size(wanted, equity, exposure, position, cash, terms)
    ticks = taker_ticks(True, own.last, own.tick, terms)
    lots = affordable_lots(value / terms.unit, ticks, own.value, False, terms)
    denial = _too_small(own, lots)
    if denial != ALLOWED and bound_by != ALLOWED:
        denial = bound_by
    if denial == ALLOWED:
        denial = _over(lots * own.step * own.last, equity, exposure, position, cash, terms)
    if denial == ALLOWED:
        send(own, True, MARKET, lots, 0, why, book)
    else:
        book.denied[denial] += 1


@inlined
def _sell(own: Any, value: float, why: int, book: Any) -> None:
    """Sell `value` in the quote asset, or all where it is negative."""
    lots = own.held
    if value >= 0:
        lots = min(lots, floor_snapped(value / own.last / own.step))
    denial = _too_small(own, lots)
    if denial != ALLOWED:
        book.denied[denial] += 1
        return
    send(own, False, MARKET, lots, 0, why, book)


@inlined
def protective_hit(own: Any, low: float, high: float, terms: Any) -> tuple[int, float]:
    """(reason, level) of the first protective level that the bar reached, or (-1, 0)."""
    level, why = 0.0, -1
    if terms.stop_loss > 0:
        level, why = own.entry * (1 - terms.stop_loss), STOP_LOSS
    if terms.trailing > 0:
        trailing = own.high * (1 - terms.trailing)
        if why < 0 or passed(trailing, level):
            level, why = trailing, TRAILING_STOP
    if why >= 0 and reached(low, level):
        return why, level
    if terms.take_profit > 0:
        level = own.entry * (1 + terms.take_profit)
        if passed(high, level):
            return TAKE_PROFIT, level
    return -1, 0.0


@compiled
def _protect(lane: int, lanes: Any, candle: Candle, book: Any, terms: Any, fills: Any) -> None:
    """Leave a position whose protective level was reached, in the very bar that reached it."""
    own = lanes[lane]
    selling = own.kind != NONE and own.buying == 0
    if own.held < 1 or (selling and own.kind != LIMIT):
        return
    why, level = protective_hit(own, candle.low, candle.high, terms)
    if why < 0 or (why == TAKE_PROFIT and selling):
        return
    if own.kind != NONE:
        withdraw(own, book)
    if _too_small(own, own.held) != ALLOWED:
        return
    own.exited_ms = candle.at_ms + terms.timeframe_ms
    book.decisions += 1
    profit = why == TAKE_PROFIT
    ticks = ceil_snapped(level / own.tick) if profit else floor_snapped(level / own.tick)
    ticks = max(ticks, 1)
    send(own, False, LIMIT if profit else STOP, own.held, ticks, why, book)
    if own.held * own.step * ticks * own.tick < own.min_notional * (1 - _SLACK):
        own.kind = NONE
        book.rejected += 1
        return
    match(lane, lanes, candle, book, terms, fills)


@inlined
def _decide(lane: int, lanes: Any, target: float, close_ms: int, book: Any, terms: Any) -> None:
    own = lanes[lane]
    if own.exited_ms == close_ms:
        return
    if target <= 0 and own.kind != NONE and (own.buying == 1 or own.kind == LIMIT):
        withdraw(own, book)
    book.decisions += 1
    if own.kind != NONE or math.isnan(target):
        return
    if target > 0:
        _follow(lane, lanes, target, close_ms, book, terms)
    elif own.held >= 1:
        _sell(own, -1.0, SIGNAL_EXIT, book)


@inlined
def _follow(lane: int, lanes: Any, target: float, close_ms: int, book: Any, terms: Any) -> None:
    """Towards a positive target: enter, or change the size where that is the manner."""
    own = lanes[lane]
    if own.held >= 1 and terms.rebalance == 0:
        return
    equity = book.cash * terms.unit + _positions_value(lanes)
    wanted = target * terms.share * equity
    if own.held < 1:
        _buy(lane, lanes, wanted, SIGNAL_ENTER, close_ms, book, terms)
        return
    difference = wanted - value_of(own)
    if difference >= BAND * equity:
        _buy(lane, lanes, difference, REBALANCE, close_ms, book, terms)
    elif -difference >= BAND * equity:
        _sell(own, -difference, REBALANCE, book)


@inlined
def meet(
    lane: int, lanes: Any, candle: Candle, close: float, book: Any, terms: Any, fills: Any
) -> None:
    """One bar of one lane up to its close."""
    own = lanes[lane]
    if own.kind != NONE:
        match(lane, lanes, candle, book, terms, fills)
    if own.held > 0:
        if terms.stop_loss > 0 or terms.trailing > 0 or terms.take_profit > 0:
            _protect(lane, lanes, candle, book, terms, fills)
        own.high = max(own.high, candle.high)
    own.last = close


@inlined
def mark(close_ms: int, equity: float, book: Any) -> None:
    """Peak and the day's start."""
    book.peak = max(book.peak, equity)
    if close_ms >= book.next_day_ms:
        book.next_day_ms = close_ms // DAY_MS * DAY_MS + DAY_MS
        book.day_start = equity


@inlined
def settle(
    lane: int,
    lanes: Any,
    target: float,
    opened_ms: int,
    close: float,
    volume: float,
    book: Any,
    terms: Any,
    fills: Any,
) -> None:
    """The decision at a close; with `at_close` its order fills there, if you believe in that."""
    close_ms = opened_ms + terms.timeframe_ms
    idle = lanes[lane].kind == NONE
    _decide(lane, lanes, target, close_ms, book, terms)
    if terms.at_close == 1 and idle and lanes[lane].kind == MARKET:
        candle = Candle(close_ms, close, close, close, volume)
        match(lane, lanes, candle, book, terms, fills)
