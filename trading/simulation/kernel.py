"""The compiled walk over the candles. Import lazily: it loads numba.

At each close: fills, protective exits, marks, then decisions, as a bot on stored candles does
it. Stretches in which nothing can happen are scanned in tight loops that only mark; they must
give what the full steps give (`scan=False` proves it).
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from numba import njit

from trading.simulation.kernel_orders import (
    BUY,
    CASH,
    CLOSED_MS,
    DAY_START,
    DECISIONS,
    ENTRY,
    EXITED_MS,
    HELD,
    HIGH,
    KIND,
    LAST,
    LEFT,
    LIMIT,
    MARKET,
    NEXT_DAY_MS,
    NONE,
    PEAK,
    REJECTED,
    STOP,
    Books,
    Candle,
    Filters,
    Terms,
    affordable_lots,
    ceil_snapped,
    floor_snapped,
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
    NO_CASH,
) = range(8)
DENIAL_COUNT = 8
ALLOWED = -1
DAY_MS = 86_400_000
BAND = 0.05  # trading.decisions.REBALANCE_BAND
_SLACK = 1e-12  # of a limit: what rounding alone may exceed


class Tape(NamedTuple):
    """Bars of all lanes one after the other; lane l has rows first[l] to last[l]."""

    first: Any  # int64[lanes]
    last: Any
    open_ms: Any  # int64[rows]
    open: Any  # float64[rows]
    high: Any
    low: Any
    close: Any
    volume: Any
    targets: Any  # NaN where a target doesn't count


class Curve(NamedTuple):
    """Books at each close."""

    at_ms: Any  # int64[closes]
    equity: Any  # float64[closes]
    held: Any  # value of the positions


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _value(lane: int, allowed: Filters, books: Books) -> float:
    return books.lots[lane, HELD] * allowed.step[lane] * books.marks[lane, LAST]


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _positions(allowed: Filters, books: Books) -> float:
    total = 0.0
    for lane in range(len(books.lots)):
        if books.lots[lane, HELD] > 0:
            total += _value(lane, allowed, books)
    return total


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _reserved(lane: int, allowed: Filters, books: Books, terms: Terms) -> float:
    """Most that the working buy of a lane may still cost."""
    own = books.lots[lane]
    if own[KIND] == NONE or own[BUY] == 0:
        return 0.0
    tick = allowed.tick[lane]
    ticks = taker_ticks(True, books.marks[lane, LAST], tick, terms)
    return float(own[LEFT] * allowed.step[lane] * ticks * tick * (1 + terms.taker))


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _pause(close_ms: int, lane: int, equity: float, books: Books, terms: Terms) -> int:
    """Loss limits and cooldown: they stop entries."""
    if reached(equity, books.worth[DAY_START] * terms.daily_floor):
        return DAILY_LOSS
    if reached(equity, books.worth[PEAK] * terms.drawdown_floor):
        return DRAWDOWN
    closed = books.lots[lane, CLOSED_MS]
    if closed > 0 and terms.cooldown > 0:
        frame = terms.timeframe_ms
        since = max((close_ms - closed // frame * frame) // frame - 1, 0)
        if since < terms.cooldown:
            return COOLDOWN
    return ALLOWED


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _too_small(lane: int, lots: int, allowed: Filters, books: Books) -> int:
    if lots <= 0 or lots < allowed.min_lots[lane]:
        return MIN_QTY
    notional = lots * allowed.step[lane] * books.marks[lane, LAST]
    if notional < allowed.min_notional[lane] * (1 - _SLACK):
        return MIN_NOTIONAL
    return ALLOWED


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _over(
    notional: float, equity: float, exposure: float, position: float, cash: float, terms: Terms
) -> int:
    if passed(exposure + notional, terms.max_exposure * equity * (1 + _SLACK)):
        return EXPOSURE
    if passed(position + notional, terms.max_position * equity * (1 + _SLACK)):
        return POSITION
    return NO_CASH if passed(notional, cash * (1 + _SLACK)) else ALLOWED


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _buy(
    lane: int, wanted: float, why: int, close_ms: int, allowed: Filters, books: Books, terms: Terms
) -> None:
    """trading.risk and trading.sizing for an entry of `wanted` quote value."""
    cash = books.account[CASH] * terms.unit
    exposure = _positions(allowed, books)
    equity = cash + exposure
    denial = _pause(close_ms, lane, equity, books, terms)
    if denial != ALLOWED:
        books.denied[denial] += 1
        return
    reserved = 0.0
    for other in range(len(books.lots)):
        reserved += _reserved(other, allowed, books, terms)
    exposure += reserved
    position = _value(lane, allowed, books) + _reserved(lane, allowed, books, terms)
    room, bound_by = terms.max_exposure * equity - exposure, EXPOSURE
    if terms.max_position * equity - position < room:
        room, bound_by = terms.max_position * equity - position, POSITION
    if cash - reserved < room:
        room, bound_by = cash - reserved, NO_CASH
    value = max(min(wanted, room), 0.0)
    ticks = taker_ticks(True, books.marks[lane, LAST], allowed.tick[lane], terms)
    lots = affordable_lots(value / terms.unit, ticks, allowed.value[lane], False, terms)
    denial = _too_small(lane, lots, allowed, books)
    if denial != ALLOWED:
        books.denied[bound_by if room < wanted else denial] += 1
        return
    notional = lots * allowed.step[lane] * books.marks[lane, LAST]
    denial = _over(notional, equity, exposure, position, cash - reserved, terms)
    if denial != ALLOWED:
        books.denied[denial] += 1
        return
    send(lane, True, MARKET, lots, 0, why, books)


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _sell(lane: int, value: float, why: int, allowed: Filters, books: Books) -> None:
    """Sell `value` in the quote asset, or all where it is negative."""
    lots = books.lots[lane, HELD]
    if value >= 0:
        lots = min(lots, floor_snapped(value / books.marks[lane, LAST] / allowed.step[lane]))
    denial = _too_small(lane, lots, allowed, books)
    if denial != ALLOWED:
        books.denied[denial] += 1
        return
    send(lane, False, MARKET, lots, 0, why, books)


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _hit(lane: int, low: float, high: float, books: Books, terms: Terms) -> tuple[int, float]:
    """(reason, level) of the first protective level that the bar reached, or (-1, 0)."""
    entry = books.marks[lane, ENTRY]
    level, why = 0.0, -1
    if terms.stop_loss > 0:
        level, why = entry * (1 - terms.stop_loss), STOP_LOSS
    if terms.trailing > 0:
        trailing = books.marks[lane, HIGH] * (1 - terms.trailing)
        if why < 0 or passed(trailing, level):
            level, why = trailing, TRAILING_STOP
    if why >= 0 and reached(low, level):
        return why, level
    if terms.take_profit > 0:
        level = entry * (1 + terms.take_profit)
        if passed(high, level):
            return TAKE_PROFIT, level
    return -1, 0.0


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _protect(lane: int, candle: Candle, allowed: Filters, books: Books, terms: Terms) -> None:
    """Leave a position whose protective level was reached, in the very bar that reached it."""
    own = books.lots[lane]
    selling = own[KIND] != NONE and own[BUY] == 0
    if own[HELD] < 1 or (selling and own[KIND] != LIMIT):
        return
    why, level = _hit(lane, candle.low, candle.high, books, terms)
    if why < 0 or (why == TAKE_PROFIT and selling):
        return
    if own[KIND] != NONE:
        withdraw(lane, books)
    lots = own[HELD]
    if _too_small(lane, lots, allowed, books) != ALLOWED:
        return
    own[EXITED_MS] = candle.at_ms + terms.timeframe_ms
    books.account[DECISIONS] += 1
    tick = allowed.tick[lane]
    profit = why == TAKE_PROFIT
    ticks = max(ceil_snapped(level / tick) if profit else floor_snapped(level / tick), 1)
    send(lane, False, LIMIT if profit else STOP, lots, ticks, why, books)
    if lots * allowed.step[lane] * ticks * tick < allowed.min_notional[lane] * (1 - _SLACK):
        own[KIND] = NONE
        books.account[REJECTED] += 1
        return
    match(lane, candle, allowed, books, terms, NO_CASH)


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _decide(
    lane: int, target: float, close_ms: int, allowed: Filters, books: Books, terms: Terms
) -> None:
    """trading.decisions at one close."""
    own = books.lots[lane]
    if own[EXITED_MS] == close_ms:
        return
    if target <= 0 and own[KIND] != NONE and (own[BUY] == 1 or own[KIND] == LIMIT):
        withdraw(lane, books)
    books.account[DECISIONS] += 1
    if own[KIND] != NONE or math.isnan(target):
        return
    if own[HELD] < 1:
        if target > 0:
            equity = books.account[CASH] * terms.unit + _positions(allowed, books)
            wanted = target * terms.share * equity
            _buy(lane, wanted, SIGNAL_ENTER, close_ms, allowed, books, terms)
        return
    if target <= 0:
        _sell(lane, -1.0, SIGNAL_EXIT, allowed, books)
    elif terms.rebalance:
        _rebalance(lane, target, close_ms, allowed, books, terms)


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _rebalance(
    lane: int, target: float, close_ms: int, allowed: Filters, books: Books, terms: Terms
) -> None:
    equity = books.account[CASH] * terms.unit + _positions(allowed, books)
    difference = target * terms.share * equity - _value(lane, allowed, books)
    if abs(difference) < BAND * equity:
        return
    if difference > 0:
        _buy(lane, difference, REBALANCE, close_ms, allowed, books, terms)
    else:
        _sell(lane, -difference, REBALANCE, allowed, books)


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _meet(
    lane: int, row: int, tape: Tape, allowed: Filters, books: Books, terms: Terms, guarded: bool
) -> None:
    """One bar of one lane up to its close."""
    own, marks = books.lots[lane], books.marks[lane]
    if own[KIND] != NONE or own[HELD] > 0:
        candle = Candle(
            tape.open_ms[row], tape.open[row], tape.high[row], tape.low[row], tape.volume[row]
        )
        match(lane, candle, allowed, books, terms, NO_CASH)
        if guarded:
            _protect(lane, candle, allowed, books, terms)
        marks[HIGH] = max(marks[HIGH], tape.high[row])
    marks[LAST] = tape.close[row]


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _mark(close_ms: int, equity: float, books: Books) -> None:
    books.worth[PEAK] = max(books.worth[PEAK], equity)
    if close_ms >= books.account[NEXT_DAY_MS]:
        books.account[NEXT_DAY_MS] = close_ms // DAY_MS * DAY_MS + DAY_MS
        books.worth[DAY_START] = equity


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _settle(
    lane: int, row: int, tape: Tape, allowed: Filters, books: Books, terms: Terms, at_close: bool
) -> None:
    """The decision at a close; with `at_close` its order fills there, if you believe in that."""
    close_ms = tape.open_ms[row] + terms.timeframe_ms
    before = books.lots[lane, KIND]
    _decide(lane, tape.targets[row], close_ms, allowed, books, terms)
    if at_close and before == NONE and books.lots[lane, KIND] == MARKET:
        close = tape.close[row]
        candle = Candle(close_ms, close, close, close, tape.volume[row])
        match(lane, candle, allowed, books, terms, NO_CASH)
