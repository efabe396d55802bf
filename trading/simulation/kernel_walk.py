"""The compiled loops over all candles, and the fold of fills into round trips. Loads numba."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from trading.simulation.kernel import (
    BAND,
    DAY_MS,
    Curve,
    Tape,
    _hit,
    _mark,
    _meet,
    _positions,
    _settle,
)
from trading.simulation.kernel_orders import (
    AT_MS,
    CASH,
    DAY_START,
    DECISIONS,
    FEE,
    HELD,
    HIGH,
    KIND,
    LANE,
    LAST,
    NEXT_DAY_MS,
    NONE,
    PEAK,
    PRICE,
    QTY,
    SIDE,
    WHY,
    Books,
    Filters,
    Terms,
)

# Columns of a folded trade.
OPENED, CLOSED, ENTRY_PRICE, EXIT_PRICE, BOUGHT, PNL, FEES, SLIPPAGE = range(8)
TRADE_COLUMNS = 8


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _scan_flat(row: int, last: int, tape: Tape, curve: Curve, books: Books, terms: Terms) -> int:
    """Mark closes until a position is wanted; the row of that close, or `last`."""
    equity = books.account[CASH] * terms.unit
    targets, first = tape.targets, tape.first[0]
    start = row
    while row < last and not targets[row] > 0.0:
        curve.equity[row - first] = equity
        curve.held[row - first] = 0.0
        row += 1
    if row > start:
        books.account[DECISIONS] += row - start
        books.marks[0, LAST] = tape.close[row - 1]
        _mark(tape.open_ms[row - 1] + terms.timeframe_ms, equity, books)
    return row


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _scan_held(
    row: int, last: int, tape: Tape, curve: Curve, allowed: Filters, books: Books, terms: Terms
) -> int:
    """Mark closes of a position until it is to be left or changed; the row of that bar."""
    cash = books.account[CASH] * terms.unit
    qty = books.lots[0, HELD] * allowed.step[0]
    peak, day_start = books.worth[PEAK], books.worth[DAY_START]
    next_day = books.account[NEXT_DAY_MS] - terms.timeframe_ms
    first, start = tape.first[0], row
    while row < last:
        target = tape.targets[row]
        if target <= 0.0:
            break
        held = qty * tape.close[row]
        equity = cash + held
        if terms.rebalance and abs(target * terms.share * equity - held) >= BAND * equity:
            break
        curve.equity[row - first] = equity
        curve.held[row - first] = held
        if equity > peak:
            peak = equity
        opened = tape.open_ms[row]
        if opened >= next_day:
            next_day = (opened + terms.timeframe_ms) // DAY_MS * DAY_MS + DAY_MS
            next_day -= terms.timeframe_ms
            day_start = equity
        row += 1
    if row > start:
        books.account[DECISIONS] += row - start
        books.account[NEXT_DAY_MS] = next_day + terms.timeframe_ms
        books.worth[PEAK], books.worth[DAY_START] = peak, day_start
        books.marks[0, LAST] = tape.close[row - 1]
    return row


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _safe_until(row: int, last: int, tape: Tape, books: Books, terms: Terms) -> int:
    """The first row from `row` on at which a protective level may be reached; marks the highs."""
    marks = books.marks[0]
    while row < last and not tape.targets[row] <= 0.0:
        why, _ = _hit(0, tape.low[row], tape.high[row], books, terms)
        if why >= 0:
            break
        marks[HIGH] = max(marks[HIGH], tape.high[row])
        row += 1
    return row


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def walk_one(
    tape: Tape,
    curve: Curve,
    allowed: Filters,
    books: Books,
    terms: Terms,
    scan: bool,
    at_close: bool,
) -> int:
    """One lane; the number of closes."""
    first, last = tape.first[0], tape.last[0]
    guarded = terms.stop_loss > 0 or terms.trailing > 0 or terms.take_profit > 0
    own = books.lots[0]
    row = first
    while row < last:
        if scan and own[KIND] == NONE:
            if own[HELD] == 0:
                row = _scan_flat(row, last, tape, curve, books, terms)
            else:
                # A scan of rebalancing may end before the row that the highs are known to.
                until = last
                if guarded and not terms.rebalance:
                    until = _safe_until(row, last, tape, books, terms)
                if not guarded or not terms.rebalance:
                    row = _scan_held(row, until, tape, curve, allowed, books, terms)
            if row >= last:
                break
        _meet(0, row, tape, allowed, books, terms, guarded)
        held = own[HELD] * allowed.step[0] * books.marks[0, LAST]
        equity = books.account[CASH] * terms.unit + held
        _mark(tape.open_ms[row] + terms.timeframe_ms, equity, books)
        curve.equity[row - first] = equity
        curve.held[row - first] = held
        _settle(0, row, tape, allowed, books, terms, at_close)
        row += 1
    return int(last - first)


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def walk_many(
    tape: Tape, curve: Curve, allowed: Filters, books: Books, terms: Terms, at_close: bool
) -> int:
    """Lanes that share cash, merged by time, in their order; the number of closes."""
    lanes = len(tape.first)
    guarded = terms.stop_loss > 0 or terms.trailing > 0 or terms.take_profit > 0
    rows = tape.first.copy()
    closes = 0
    never = np.iinfo(np.int64).max
    while True:
        opened = never
        for lane in range(lanes):
            if rows[lane] < tape.last[lane] and tape.open_ms[rows[lane]] < opened:
                opened = tape.open_ms[rows[lane]]
        if opened == never:
            return closes
        for lane in range(lanes):
            row = rows[lane]
            if row < tape.last[lane] and tape.open_ms[row] == opened:
                _meet(lane, row, tape, allowed, books, terms, guarded)
        held = _positions(allowed, books)
        equity = books.account[CASH] * terms.unit + held
        _mark(opened + terms.timeframe_ms, equity, books)
        curve.at_ms[closes] = opened + terms.timeframe_ms
        curve.equity[closes] = equity
        curve.held[closes] = held
        closes += 1
        for lane in range(lanes):
            row = rows[lane]
            if row < tape.last[lane] and tape.open_ms[row] == opened:
                _settle(lane, row, tape, allowed, books, terms, at_close)
                rows[lane] = row + 1


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def fold_trades(
    fills: Any, references: Any, lanes: int, tick: Any, step: Any
) -> tuple[Any, Any, int]:
    """(float64[n, TRADE_COLUMNS], int64[n, 2] of lane and exit reason, n) of closed round trips."""
    trades = np.empty((len(fills), TRADE_COLUMNS))
    labels = np.empty((len(fills), 2), np.int64)
    held = np.zeros(lanes, np.int64)
    sums = np.zeros((lanes, TRADE_COLUMNS))
    n = 0
    for index in range(len(fills)):
        row = fills[index]
        lane, own = row[LANE], sums[row[LANE]]
        qty = row[QTY] * step[lane]
        price = row[PRICE] * tick[lane]
        if held[lane] == 0:
            own[:] = 0.0
            own[OPENED] = row[AT_MS]
        own[FEES] += row[FEE] * 1e-8
        if row[SIDE] == 1:
            held[lane] += row[QTY]
            own[BOUGHT] += qty
            own[ENTRY_PRICE] += qty * price
            own[SLIPPAGE] += qty * (price - references[index])
            continue
        held[lane] -= row[QTY]
        own[EXIT_PRICE] += qty * price
        own[SLIPPAGE] += qty * (references[index] - price)
        if held[lane] == 0:
            trades[n] = own
            trades[n, CLOSED] = row[AT_MS]
            trades[n, PNL] = own[EXIT_PRICE] - own[ENTRY_PRICE] - own[FEES]
            trades[n, ENTRY_PRICE] /= own[BOUGHT]
            trades[n, EXIT_PRICE] /= own[BOUGHT]
            labels[n, 0], labels[n, 1] = lane, row[WHY]
            n += 1
    return trades[:n], labels[:n], n
