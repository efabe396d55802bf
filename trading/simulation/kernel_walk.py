"""The compiled loops over all candles, and the fold of fills into round trips. Loads numba.

Stretches in which nothing can happen are scanned in tight loops that only mark; they must
give what the full steps give (`scan=False` proves it).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from trading.simulation.kernel import (
    BAND,
    DAY_MS,
    mark,
    meet,
    positions_value,
    protective_hit,
    settle,
)
from trading.simulation.kernel_orders import NONE, Candle, compiled, inlined

TRADE = np.dtype(
    [
        *((name, np.int64) for name in ("lane", "opened_ms", "closed_ms", "why")),
        *((name, np.float64) for name in ("entry_price", "exit_price", "qty")),
        *((name, np.float64) for name in ("pnl", "fees", "slippage")),
    ],
    align=True,
)
NEVER = 2**63 - 1


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


@inlined
def _scan_flat(
    row: int, last: int, tape: Tape, curve: Curve, lanes: Any, book: Any, terms: Any
) -> int:
    """Mark closes until a position is wanted; the row of that close, or `last`."""
    equity = book.cash * terms.unit
    first, start = tape.first[0], row
    while row < last and not tape.targets[row] > 0.0:
        curve.equity[row - first] = equity
        curve.held[row - first] = 0.0
        row += 1
    if row > start:
        book.decisions += row - start
        lanes[0].last = tape.close[row - 1]
        mark(tape.open_ms[row - 1] + terms.timeframe_ms, equity, book)
    return row


@inlined
def _scan_held(
    row: int, last: int, tape: Tape, curve: Curve, lanes: Any, book: Any, terms: Any
) -> int:
    """Mark closes of a position until it is to be left or changed; the row of that bar."""
    cash = book.cash * terms.unit
    qty = lanes[0].held * lanes[0].step
    peak, day_start = book.peak, book.day_start
    frame, share = terms.timeframe_ms, terms.share
    rebalance = terms.rebalance == 1
    next_day = book.next_day_ms - frame
    first, start = tape.first[0], row
    while row < last:
        target = tape.targets[row]
        if target <= 0.0:
            break
        held = qty * tape.close[row]
        equity = cash + held
        if rebalance and abs(target * share * equity - held) >= BAND * equity:
            break
        curve.equity[row - first] = equity
        curve.held[row - first] = held
        peak = max(peak, equity)
        if tape.open_ms[row] >= next_day:
            next_day = (tape.open_ms[row] + frame) // DAY_MS * DAY_MS + DAY_MS - frame
            day_start = equity
        row += 1
    if row > start:
        book.decisions += row - start
        book.next_day_ms = next_day + frame
        book.peak, book.day_start = peak, day_start
        lanes[0].last = tape.close[row - 1]
    return row


@inlined
def _safe_until(row: int, last: int, tape: Tape, own: Any, terms: Any) -> int:
    """The first row from `row` on at which a protective level may be reached; marks the highs."""
    while row < last and not tape.targets[row] <= 0.0:
        why, _ = protective_hit(own, tape.low[row], tape.high[row], terms)
        if why >= 0:
            break
        own.high = max(own.high, tape.high[row])
        row += 1
    return row


@inlined
def _scan(row: int, last: int, tape: Tape, curve: Curve, lanes: Any, book: Any, terms: Any) -> int:
    """Past what needs no full step; the row of the next one, or `last`."""
    if lanes[0].held == 0:
        return _scan_flat(row, last, tape, curve, lanes, book, terms)
    guarded = terms.stop_loss > 0 or terms.trailing > 0 or terms.take_profit > 0
    if guarded and terms.rebalance == 1:
        return row  # the highs would run ahead of a change of size
    if guarded:
        last = _safe_until(row, last, tape, lanes[0], terms)
    return _scan_held(row, last, tape, curve, lanes, book, terms)


@compiled
def walk_one(
    tape: Tape, curve: Curve, lanes: Any, book: Any, terms: Any, fills: Any, scan: bool
) -> int:
    """One lane; the number of closes."""
    first, last = tape.first[0], tape.last[0]
    row = first
    while row < last:
        if scan and lanes[0].kind == NONE:
            row = _scan(row, last, tape, curve, lanes, book, terms)
            if row >= last:
                break
        opened, close, volume = tape.open_ms[row], tape.close[row], tape.volume[row]
        candle = Candle(opened, tape.open[row], tape.high[row], tape.low[row], volume)
        meet(0, lanes, candle, close, book, terms, fills)
        held = positions_value(lanes)
        equity = book.cash * terms.unit + held
        mark(opened + terms.timeframe_ms, equity, book)
        curve.equity[row - first] = equity
        curve.held[row - first] = held
        settle(0, lanes, tape.targets[row], opened, close, volume, book, terms, fills)
        row += 1
    return int(last - first)


@inlined
def _next_open(rows: Any, tape: Tape) -> int:
    opened = NEVER
    for lane in range(len(rows)):
        if rows[lane] < tape.last[lane]:
            opened = min(opened, int(tape.open_ms[rows[lane]]))
    return opened


@compiled
def walk_many(
    tape: Tape, rows: Any, curve: Curve, lanes: Any, book: Any, terms: Any, fills: Any
) -> int:
    """Lanes that share cash, merged by time, in their order; the number of closes.

    `rows`, int64[lanes], holds the first rows and is used up.
    """
    closes = 0
    opened = _next_open(rows, tape)
    while opened != NEVER:
        for lane in range(len(rows)):
            row = rows[lane]
            if row < tape.last[lane] and tape.open_ms[row] == opened:
                candle = Candle(
                    opened, tape.open[row], tape.high[row], tape.low[row], tape.volume[row]
                )
                meet(lane, lanes, candle, tape.close[row], book, terms, fills)
        held = positions_value(lanes)
        equity = book.cash * terms.unit + held
        mark(opened + terms.timeframe_ms, equity, book)
        curve.at_ms[closes] = opened + terms.timeframe_ms
        curve.equity[closes] = equity
        curve.held[closes] = held
        closes += 1
        _settle_all(rows, opened, tape, lanes, book, terms, fills)
        opened = _next_open(rows, tape)
    return closes


@inlined
def _settle_all(
    rows: Any, opened: int, tape: Tape, lanes: Any, book: Any, terms: Any, fills: Any
) -> None:
    for lane in range(len(rows)):
        row = rows[lane]
        if row < tape.last[lane] and tape.open_ms[row] == opened:
            target, close, volume = tape.targets[row], tape.close[row], tape.volume[row]
            settle(lane, lanes, target, opened, close, volume, book, terms, fills)
            rows[lane] = row + 1


@compiled
def fold_trades(fills: Any, lanes: Any, held: Any, running: Any, trades: Any) -> int:
    """Closed round trips into `trades`; how many there are.

    `held` int64[lanes] and `running` TRADE[lanes] come as zeros.
    """
    n = 0
    for index in range(len(fills)):
        fill = fills[index]
        lane = fill.lane
        own = running[lane]
        qty, price = fill.qty * lanes[lane].step, fill.price * lanes[lane].tick
        if held[lane] == 0:
            own.opened_ms = fill.at_ms
            own.fees = own.qty = own.entry_price = own.exit_price = own.slippage = 0.0
        own.fees += fill.fee * 1e-8
        if fill.buy == 1:
            held[lane] += fill.qty
            own.qty += qty
            own.entry_price += qty * price
            own.slippage += qty * (price - fill.reference)
            continue
        held[lane] -= fill.qty
        own.exit_price += qty * price
        own.slippage += qty * (fill.reference - price)
        if held[lane] == 0:
            _close_trade(trades[n], own, fill)
            n += 1
    return n


@inlined
def _close_trade(trade: Any, own: Any, fill: Any) -> None:
    trade.lane, trade.why = fill.lane, fill.why
    trade.opened_ms, trade.closed_ms = own.opened_ms, fill.at_ms
    trade.qty, trade.fees, trade.slippage = own.qty, own.fees, own.slippage
    trade.pnl = own.exit_price - own.entry_price - own.fees
    trade.entry_price = own.entry_price / own.qty
    trade.exit_price = own.exit_price / own.qty
