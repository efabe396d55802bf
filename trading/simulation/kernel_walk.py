"""The compiled loop over all candles, and the fold of fills into round trips. Loads numba.

Stretches in which nothing can happen to any lane are marked in bulk; that must give what the
full steps give (`scan=False` proves it). What the loop needs no full step for, it looks up
once per lane: the row until which a lane only follows the market.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from trading.simulation.kernel import (
    DAY_MS,
    mark,
    meet,
    protective_hit,
    settle,
    value_of,
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
BULK = 2_048  # closes that are marked at once: they stay in the processor's cache


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
    """Books at each close, named by the open of its candle."""

    open_ms: Any  # int64[closes]; empty for one lane, whose candles have them
    equity: Any  # float64[closes]


@inlined
def _first_wanted(targets: Any) -> int:
    """Index of the first target above zero."""
    for index in range(len(targets)):
        if targets[index] > 0.0:
            return index
    return len(targets)


@inlined
def _first_unwanted(targets: Any) -> int:
    """Index of the first target that is zero."""
    for index in range(len(targets)):
        if targets[index] <= 0.0:
            return index
    return len(targets)


@inlined
def _first_hit(own: Any, lows: Any, highs: Any, terms: Any) -> int:
    """Index of the first bar that may reach a protective level; marks the highs before it."""
    for index in range(len(lows)):
        why, _ = protective_hit(own, lows[index], highs[index], terms)
        if why >= 0:
            return index
        own.high = max(own.high, highs[index])
    return len(lows)


@inlined
def _quiet_until(row: int, last: int, tape: Tape, own: Any, terms: Any) -> int:
    """The first row from `row` on at which a lane without an order needs a full step."""
    if own.held == 0:
        return row + _first_wanted(tape.targets[row:last])
    if terms.rebalance == 1:
        return row
    until = row + _first_unwanted(tape.targets[row:last])
    if terms.stop_loss > 0 or terms.trailing > 0 or terms.take_profit > 0:
        until = row + _first_hit(own, tape.low[row:until], tape.high[row:until], terms)
    return until


@inlined
def _quiet(opened: int, rows: Any, until: Any, tape: Tape, lanes: Any, terms: Any) -> int:
    """How many closes from `opened` on need no full step of any lane; at most BULK."""
    closes = BULK
    for lane in range(len(lanes)):
        row, last = rows[lane], tape.last[lane]
        if row >= last:
            continue
        ahead = tape.open_ms[row] - opened
        if ahead > 0:  # it is missing until then
            closes = min(closes, ahead // terms.timeframe_ms)
            continue
        if row >= until[lane] and lanes[lane].kind == NONE:
            until[lane] = _quiet_until(row, last, tape, lanes[lane], terms)
        closes = min(closes, until[lane] - row)
    return max(closes, 0)


@inlined
def _even(closes: int, opened: int, rows: Any, tape: Tape, terms: Any) -> int:
    """At most `closes`, in which no lane misses a candle: what happens together lies together."""
    for lane in range(len(rows)):
        row = rows[lane]
        if row < tape.last[lane] and tape.open_ms[row] == opened:
            while tape.open_ms[row + closes - 1] - opened != (closes - 1) * terms.timeframe_ms:
                closes = closes // 2
    return closes


@inlined
def _add(equity: Any, closes: Any, qty: float, before: float, fresh: bool) -> None:
    """The value of a position at each close; onto `before` where nothing is written yet."""
    if fresh:
        for index in range(len(equity)):
            equity[index] = before + qty * closes[index]
        return
    for index in range(len(equity)):
        equity[index] += qty * closes[index]


@inlined
def _add_constant(equity: Any, value: float, before: float, fresh: bool) -> None:
    if fresh:
        equity[:] = before + value
        return
    for index in range(len(equity)):
        equity[index] += value


@inlined
def _highest(equity: Any) -> float:
    """The maximum, in four lanes of its own: one would wait for itself at each step."""
    a = b = c = d = equity[0]
    even = len(equity) // 4 * 4
    for index in range(0, even, 4):
        a, b = max(a, equity[index]), max(b, equity[index + 1])
        c, d = max(c, equity[index + 2]), max(d, equity[index + 3])
    for index in range(even, len(equity)):
        a = max(a, equity[index])
    return float(max(max(a, b), max(c, d)))


@inlined
def _mark_all(open_ms: Any, equity: Any, book: Any, terms: Any) -> None:
    """What `mark` would do at each of these closes."""
    book.peak = max(book.peak, _highest(equity))
    newest = open_ms[len(open_ms) - 1] + terms.timeframe_ms
    if newest < book.next_day_ms:
        return
    day = newest // DAY_MS * DAY_MS
    index = len(open_ms) - 1
    while index > 0 and open_ms[index - 1] + terms.timeframe_ms >= day:
        index -= 1
    book.next_day_ms = day + DAY_MS
    book.day_start = equity[index]


@inlined
def _pass(
    closes: int, opened: int, rows: Any, tape: Tape, equity: Any, lanes: Any, book: Any, terms: Any
) -> int:
    """Mark closes in which all lanes only follow the market; a row that has their times."""
    timed, fresh, cash = 0, True, book.cash * terms.unit
    for lane in range(len(lanes)):
        own, row = lanes[lane], rows[lane]
        present = row < tape.last[lane] and tape.open_ms[row] == opened
        if own.held != 0:
            qty = own.held * own.step
            if present:
                _add(equity, tape.close[row : row + closes], qty, cash, fresh)
            else:
                _add_constant(equity, qty * own.last, cash, fresh)
            fresh = False
        if present:
            own.last = tape.close[row + closes - 1]
            book.decisions += closes
            rows[lane] = row + closes
            timed = row
    if fresh:
        equity[:] = cash
    return int(timed)


@inlined
def _next_open(rows: Any, tape: Tape) -> int:
    opened = NEVER
    for lane in range(len(rows)):
        if rows[lane] < tape.last[lane]:
            opened = min(opened, int(tape.open_ms[rows[lane]]))
    return opened


@inlined
def _step(
    opened: int, rows: Any, until: Any, tape: Tape, lanes: Any, book: Any, terms: Any, fills: Any
) -> float:
    """One close in full: equity at it, then the decisions."""
    for lane in range(len(rows)):
        row = rows[lane]
        if row < tape.last[lane] and tape.open_ms[row] == opened:
            if row < until[lane]:
                lanes[lane].last = tape.close[row]
                continue
            candle = Candle(opened, tape.open[row], tape.high[row], tape.low[row], tape.volume[row])
            meet(lane, lanes, candle, tape.close[row], book, terms, fills)
    equity = book.cash * terms.unit
    for lane in range(len(lanes)):
        equity += value_of(lanes[lane])
    mark(opened + terms.timeframe_ms, equity, book)
    for lane in range(len(rows)):
        row = rows[lane]
        if row < tape.last[lane] and tape.open_ms[row] == opened:
            rows[lane] = row + 1
            if row < until[lane]:
                book.decisions += 1
                continue
            target, close, volume = tape.targets[row], tape.close[row], tape.volume[row]
            settle(lane, lanes, target, opened, close, volume, book, terms, fills)
    return float(equity)


@compiled
def walk(
    tape: Tape,
    rows: Any,
    until: Any,
    curve: Curve,
    lanes: Any,
    book: Any,
    terms: Any,
    fills: Any,
    scan: bool,
) -> int:
    """Lanes that share cash, merged by time, in their order; the number of closes.

    `rows` and `until`, int64[lanes], hold the first rows and are used up.
    """
    done, alone = 0, len(rows) == 1
    opened = _next_open(rows, tape)
    while opened != NEVER:
        closes = _quiet(opened, rows, until, tape, lanes, terms) if scan else 0
        if closes > 1 and not alone:
            closes = _even(closes, opened, rows, tape, terms)
            for index in range(closes):
                curve.open_ms[done + index] = opened + index * terms.timeframe_ms
        if closes > 0:
            equity = curve.equity[done : done + closes]
            row = _pass(closes, opened, rows, tape, equity, lanes, book, terms)
            _mark_all(tape.open_ms[row : row + closes], equity, book, terms)
        else:
            closes = 1
            equity_now = _step(opened, rows, until, tape, lanes, book, terms, fills)
            curve.equity[done] = equity_now
        if closes == 1 and not alone:
            curve.open_ms[done] = opened
        done += closes
        opened = _next_open(rows, tape)
    return done


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
