"""From lanes and rules to a run: arrays in, kernel, arrays out. Deterministic."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import numpy as np

from trading.costs import BPS, FEE_STEP, ONE
from trading.simulation.run import DENIALS, Counts, Fills, Lane, Rules, Run, Trades

if TYPE_CHECKING:
    from trading.simulation.kernel_orders import Books

MOST_UNITS = 9 * 10**17  # of cash: a tenfold gain still fits an int64


class NotSimulable(ValueError):
    """What can't be simulated as asked; the text says why."""


def run(lanes: Sequence[Lane], rules: Rules, *, scan: bool = True) -> Run:
    """Simulate `lanes` that share the cash of `rules`, in this order at each close.

    Raises NotSimulable without lanes, or for cash too large for the symbols' tick and lot.
    `scan=False` takes every candle in full steps: slower, with the same result.
    """
    from trading.simulation.kernel_walk import walk_many, walk_one

    if not lanes:
        raise NotSimulable("there is no symbol to simulate")
    digits = _digits(lanes)
    tape, allowed, terms = _tape(lanes), _filters(lanes, digits), _terms(lanes, rules, digits)
    rows = int((tape.last - tape.first).sum())
    at_close = rules.fill_at == "same_close"
    capacity = rows // 16 + 1024
    while True:
        books = _books(len(lanes), capacity, rules, digits)
        curve = _curve(tape, rows, rules)
        if len(lanes) == 1:
            closes = walk_one(tape, curve, allowed, books, terms, scan, at_close)
        else:
            closes = walk_many(tape, curve, allowed, books, terms, at_close)
        filled = int(books.account[2])
        if filled <= capacity:
            return _result(lanes, rules, digits, allowed, books, curve, closes)
        capacity = filled


def _digits(lanes: Sequence[Lane]) -> int:
    """Decimals of the cash unit: enough for a lot at a tick and for a fee."""
    units = [lane.filters.price_tick * lane.filters.qty_step for lane in lanes]
    return max(8, *(-int(unit.normalize().as_tuple().exponent) for unit in units))


def _tape(lanes: Sequence[Lane]) -> Any:
    from trading.simulation.kernel import Tape

    sizes = np.array([len(lane.bars) for lane in lanes], np.int64)
    ends = np.cumsum(sizes)
    starts = ends - sizes
    first = starts + np.array([min(lane.start, len(lane.bars)) for lane in lanes], np.int64)
    columns = [_joined([lane.bars.columns()[index] for lane in lanes]) for index in range(6)]
    return Tape(first, ends, *columns, _joined([_counting(lane) for lane in lanes]))


def _joined(parts: list[Any]) -> Any:
    # A copy of a column costs as much as a run.
    return np.ascontiguousarray(parts[0]) if len(parts) == 1 else np.concatenate(parts)


def _counting(lane: Lane) -> Any:
    """Targets with NaN where the warm-up isn't over."""
    targets = np.ascontiguousarray(lane.targets, dtype=np.float64)
    if len(targets) != len(lane.bars):
        raise NotSimulable(f"{lane.symbol}: {len(targets)} targets for {len(lane.bars)} bars")
    early = min(max(lane.warmup - 1, 0), len(targets))
    if not np.isnan(targets[:early]).all():
        targets = targets.copy()
        targets[:early] = np.nan
    return targets


def _filters(lanes: Sequence[Lane], digits: int) -> Any:
    from trading.simulation.kernel_orders import Filters

    rules = [lane.filters for lane in lanes]
    values = [int((rule.price_tick * rule.qty_step).scaleb(digits)) for rule in rules]
    return Filters(
        np.array([float(rule.price_tick) for rule in rules]),
        np.array([float(rule.qty_step) for rule in rules]),
        np.array(values, np.int64),
        np.array([int(-(-rule.min_qty // rule.qty_step)) for rule in rules], np.int64),
        np.array([float(rule.min_notional) for rule in rules]),
    )


def _terms(lanes: Sequence[Lane], rules: Rules, digits: int) -> Any:
    from trading.simulation.kernel_orders import Terms

    costs, limits, exits = rules.terms, rules.limits, rules.exits
    bps = (costs.fee_maker_bps, costs.fee_taker_bps)
    scale = 10 ** max(0, *(-int(each.normalize().as_tuple().exponent) for each in bps))
    shift = (costs.half_spread_bps + costs.slippage_bps) / BPS
    return Terms(
        unit=10.0**-digits,
        fee_step=int(FEE_STEP.scaleb(digits)),
        fee_scale=scale * int(BPS),
        maker_num=int(bps[0] * scale),
        taker_num=int(bps[1] * scale),
        maker=float(bps[0] / BPS),
        taker=float(bps[1] / BPS),
        buy_factor=float(ONE + shift),
        sell_factor=float(ONE - shift),
        volume_cap=float(costs.volume_cap),
        max_exposure=float(limits.max_exposure),
        max_position=float(limits.max_position),
        daily_floor=float(ONE - limits.max_daily_loss),
        drawdown_floor=float(ONE - limits.max_drawdown),
        cooldown=limits.cooldown_candles,
        stop_loss=float(exits.stop_loss or 0.0),
        take_profit=float(exits.take_profit or 0.0),
        trailing=float(exits.trailing or 0.0),
        rebalance=rules.rebalance,
        share=1.0 / len(lanes),
        timeframe_ms=rules.timeframe_ms,
    )


def _books(lanes: int, capacity: int, rules: Rules, digits: int) -> Books:
    from trading.simulation.kernel_orders import new_books

    units = int(rules.cash.scaleb(digits))
    if units > MOST_UNITS:
        raise NotSimulable(f"cash of {rules.cash} is too much for such small ticks and lots")
    books = new_books(lanes, capacity, len(DENIALS))
    books.account[0] = units
    books.worth[:] = float(rules.cash)
    return books


def _curve(tape: Any, rows: int, rules: Rules) -> Any:
    from trading.simulation.kernel import Curve

    if len(tape.first) == 1:
        at_ms = tape.open_ms[tape.first[0] :] + rules.timeframe_ms
    else:
        at_ms = np.empty(rows, np.int64)
    return Curve(at_ms, np.empty(rows), np.empty(rows))


def _result(
    lanes: Sequence[Lane], rules: Rules, digits: int, allowed: Any, books: Any, curve: Any, n: int
) -> Run:
    count = int(books.account[2])
    raw, references = books.fills[:count], books.references[:count]
    return Run(
        at_ms=curve.at_ms[:n],
        equity=curve.equity[:n],
        positions_value=curve.held[:n],
        fills=Fills(*(np.ascontiguousarray(raw[:, column]) for column in range(8)), references),
        trades=_trades(raw, references, len(lanes), allowed),
        counts=_counts(books),
        rules=rules,
        symbols=tuple(lane.symbol for lane in lanes),
        filters=tuple(lane.filters for lane in lanes),
        final_cash=Decimal(int(books.account[0])).scaleb(-digits),
    )


def _trades(raw: Any, references: Any, lanes: int, allowed: Any) -> Trades:
    from trading.simulation.kernel_walk import fold_trades

    table, labels, _ = fold_trades(raw, references, lanes, allowed.tick, allowed.step)
    opened, closed, entry, exit_price, qty, pnl, fees, slippage = table.T
    return Trades(
        lane=labels[:, 0],
        opened_ms=opened.astype(np.int64),
        closed_ms=closed.astype(np.int64),
        entry_price=entry,
        exit_price=exit_price,
        qty=qty,
        pnl=pnl,
        fees=fees,
        slippage=slippage,
        exit_reason=labels[:, 1],
    )


def _counts(books: Any) -> Counts:
    account = [int(number) for number in books.account]
    denied = {DENIALS[i].value: int(n) for i, n in enumerate(books.denied) if n}
    return Counts(
        decisions=account[3],
        orders=account[4],
        filled=account[5],
        partial=account[6],
        rejected=account[7],
        canceled=account[8],
        unfilled=int((books.lots[:, 1] != 0).sum()),
        denied=denied,
    )
