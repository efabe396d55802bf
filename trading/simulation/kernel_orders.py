"""Compiled rules of one order: prices, quantities, fees, fills. Import lazily: it loads numba.

They repeat `trading.costs`, `trading.paper_market` and `trading.positions` for one lane. Cash
is an integer in the book's unit, quantities are lots, prices of fills are ticks: what
accumulates is exact. Quotients are floats, snapped to the grid before they are rounded,
because decimals lie either on the grid or far (1e-3) from it.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numba import njit

# Columns of Books.lots: integers of a lane.
HELD, KIND, BUY, LEFT, LIMIT_TICKS, RESTED, REASON, CLOSED_MS, EXITED_MS, TOOK = range(10)
INTEGERS = 10
# Columns of Books.marks: floats of a lane.
LAST, HIGH, ENTRY = range(3)
FLOATS = 3
# Kinds of orders.
NONE, MARKET, LIMIT, STOP = range(4)
# Indexes of Books.account (integers) and Books.worth (floats).
CASH, NEXT_DAY_MS, FILLS, DECISIONS, ORDERS, FILLED, PARTIAL, REJECTED, CANCELED = range(9)
ACCOUNTS = 9
PEAK, DAY_START = range(2)
WORTHS = 2
# Columns of Books.fills.
AT_MS, LANE, SIDE, QTY, PRICE, FEE, MAKER, WHY = range(8)
FILL_COLUMNS = 8

_EXACT = 4.6e18  # integers beyond half of int64 are computed in floats instead


class Books(NamedTuple):
    """Everything a run changes."""

    account: Any  # int64[ACCOUNTS]
    worth: Any  # float64[WORTHS]
    lots: Any  # int64[lanes, INTEGERS]
    marks: Any  # float64[lanes, FLOATS]
    fills: Any  # int64[capacity, FILL_COLUMNS]
    references: Any  # float64[capacity]: the price a fill would have had without costs
    denied: Any  # int64[denials]


class Terms(NamedTuple):
    """Costs and limits, the same for all lanes; bps are floats, fees also exact fractions."""

    unit: float  # of cash, in the quote asset
    fee_step: int  # 1e-8 of the quote asset in units of cash
    fee_scale: int  # fee = notional * fee_num / fee_scale
    maker_num: int
    taker_num: int
    maker: float  # fraction of the notional
    taker: float
    buy_factor: float  # 1 + half spread + slippage
    sell_factor: float
    volume_cap: float
    max_exposure: float
    max_position: float
    daily_floor: float  # 1 - max_daily_loss
    drawdown_floor: float
    cooldown: int
    stop_loss: float  # 0 is off
    take_profit: float
    trailing: float
    rebalance: bool
    share: float
    timeframe_ms: int


class Filters(NamedTuple):
    """The exchange's rules per lane."""

    tick: Any  # float64[lanes]
    step: Any  # float64[lanes]
    value: Any  # int64[lanes]: one lot at one tick, in units of cash
    min_lots: Any  # int64[lanes]
    min_notional: Any  # float64[lanes]


class Candle(NamedTuple):
    """What the market did, as an order sees it."""

    at_ms: int
    open: float
    high: float
    low: float
    volume: float


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def floor_snapped(x: float) -> int:
    """floor(x), where a value a rounding error below an integer counts as that integer."""
    return int(math.floor(x + 1e-9 + abs(x) * 1e-15))


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def ceil_snapped(x: float) -> int:
    """ceil(x), where a value a rounding error above an integer counts as that integer."""
    return int(math.ceil(x - 1e-9 - abs(x) * 1e-15))


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def reached(price: float, level: float) -> bool:
    """price <= level, where a difference of a rounding error is none."""
    return price <= level + abs(level) * 1e-13


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def passed(price: float, level: float) -> bool:
    """price > level, where a difference of a rounding error is none."""
    return price > level + abs(level) * 1e-13


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def taker_ticks(buy: bool, reference: float, tick: float, terms: Terms) -> int:
    """What a taker pays or gets: `reference` with its costs, rounded against it to the tick."""
    if buy:
        return ceil_snapped(reference * terms.buy_factor / tick)
    return max(floor_snapped(reference * terms.sell_factor / tick), 1)


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def fee_units(notional: int, maker: bool, terms: Terms) -> int:
    """Fee of a notional in units of cash, rounded up to 1e-8 of the quote asset."""
    num = terms.maker_num if maker else terms.taker_num
    if num == 0:
        return 0
    whole = terms.fee_scale * terms.fee_step
    if notional < _EXACT / num:
        steps = -((-notional * num) // whole)
    else:
        steps = ceil_snapped(float(notional) * num / whole)
    return steps * terms.fee_step


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def affordable_lots(cash: float, ticks: int, value: int, maker: bool, terms: Terms) -> int:
    """The most that `cash` (units) buys at `ticks` with its fee; the fee's rounding is kept back."""
    if cash <= 0:
        return 0
    rate = terms.maker if maker else terms.taker
    spendable = cash - terms.fee_step if rate > 0 else cash
    return max(floor_snapped(spendable / (float(ticks * value) * (1 + rate))), 0)


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def withdraw(lane: int, books: Books) -> None:
    """Cancel the working order of a lane."""
    books.lots[lane, KIND] = NONE
    books.account[CANCELED] += 1


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def send(lane: int, buy: bool, kind: int, qty: int, ticks: int, why: int, books: Books) -> None:
    """A new working order; a lane has one at most."""
    own = books.lots[lane]
    own[KIND] = kind
    own[BUY] = 1 if buy else 0
    own[LEFT] = qty
    own[LIMIT_TICKS] = ticks
    own[RESTED] = 0
    own[REASON] = why
    own[TOOK] = 0
    books.account[ORDERS] += 1


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _priced(own: Any, candle: Candle, tick: float, terms: Terms) -> tuple[int, bool, float]:
    """(ticks, maker, reference) of a fill; ticks 0 when the market did not get there."""
    buy = own[BUY] == 1
    kind = own[KIND]
    if kind == LIMIT:
        limit = own[LIMIT_TICKS]
        crossed = False
        if own[RESTED] == 0:
            taken = taker_ticks(buy, candle.open, tick, terms)
            if taken >= limit:
                return taken, False, candle.open
            crossed = passed(candle.open, limit * tick)
        through = passed(candle.high, limit * tick)
        return (limit if through else 0), not crossed, limit * tick
    reference = candle.open
    if kind == STOP and own[RESTED] == 0:
        level = own[LIMIT_TICKS] * tick
        if not reached(candle.low, level):
            return 0, False, level
        reference = min(candle.open, level)
    return taker_ticks(buy, reference, tick, terms), False, reference


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _buyable(lots: int, ticks: int, value: int, maker: bool, books: Books, terms: Terms) -> int:
    """At most `lots`, and no more than all the cash pays for."""
    cash = books.account[CASH]
    lots = min(lots, affordable_lots(float(cash), ticks, value, maker, terms))
    while lots > 0:
        notional = lots * ticks * value
        if notional + fee_units(notional, maker, terms) <= cash:
            break
        lots -= 1
    return lots


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def match(
    lane: int, candle: Candle, allowed: Filters, books: Books, terms: Terms, denied_cash: int
) -> None:
    """Let the market look at the working order of a lane."""
    own = books.lots[lane]
    if own[KIND] == NONE:
        return
    tick, value = allowed.tick[lane], allowed.value[lane]
    ticks, maker, reference = _priced(own, candle, tick, terms)
    lots = 0
    if ticks > 0:
        room = floor_snapped(terms.volume_cap * candle.volume / allowed.step[lane])
        lots = min(own[LEFT], max(room, 0))
        if own[BUY] == 1:
            lots = _buyable(lots, ticks, value, maker, books, terms)
        else:
            lots = min(lots, own[HELD])
    own[RESTED] = 1
    if lots > 0:
        _fill(lane, lots, ticks, maker, reference, candle.at_ms, allowed, books, terms)
        return
    if own[BUY] == 1:
        assumed = taker_ticks(True, candle.open, tick, terms)
        if affordable_lots(float(books.account[CASH]), assumed, value, False, terms) == 0:
            withdraw(lane, books)
            books.denied[denied_cash] += 1


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _fill(
    lane: int,
    lots: int,
    ticks: int,
    maker: bool,
    reference: float,
    at_ms: int,
    allowed: Filters,
    books: Books,
    terms: Terms,
) -> None:
    own, marks, account = books.lots[lane], books.marks[lane], books.account
    notional = lots * ticks * allowed.value[lane]
    fee = fee_units(notional, maker, terms)
    price = ticks * allowed.tick[lane]
    if own[BUY] == 1:
        account[CASH] -= notional + fee
        if own[HELD] == 0:
            marks[HIGH] = price
        held = own[HELD] + lots
        marks[ENTRY] = (own[HELD] * marks[ENTRY] + lots * price) / held
        own[HELD] = held
    else:
        account[CASH] += notional - fee
        own[HELD] -= lots
        if own[HELD] == 0:
            own[CLOSED_MS] = at_ms
            marks[ENTRY] = 0.0
    _note_fill(lane, lots, ticks, fee // terms.fee_step, maker, reference, at_ms, books)


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _note_fill(
    lane: int,
    lots: int,
    ticks: int,
    fee: int,
    maker: bool,
    reference: float,
    at_ms: int,
    books: Books,
) -> None:
    own, account = books.lots[lane], books.account
    index = account[FILLS]
    if index < len(books.fills):  # else the run is repeated with more room
        row = books.fills[index]
        row[AT_MS] = at_ms
        row[LANE] = lane
        row[SIDE] = own[BUY]
        row[QTY] = lots
        row[PRICE] = ticks
        row[FEE] = fee
        row[MAKER] = 1 if maker else 0
        row[WHY] = own[REASON]
        books.references[index] = reference
    account[FILLS] = index + 1
    own[LEFT] -= lots
    own[TOOK] += 1
    if own[LEFT] == 0:
        own[KIND] = NONE
        account[FILLED] += 1
        if own[TOOK] > 1:
            account[PARTIAL] += 1


def new_books(lanes: int, capacity: int, denials: int) -> Books:
    """Empty books with room for `capacity` fills."""
    return Books(
        np.zeros(ACCOUNTS, np.int64),
        np.zeros(WORTHS),
        np.zeros((lanes, INTEGERS), np.int64),
        np.zeros((lanes, FLOATS)),
        np.empty((capacity, FILL_COLUMNS), np.int64),
        np.empty(capacity),
        np.zeros(denials, np.int64),
    )
