"""From lanes and rules to a run: arrays in, kernel, arrays out. Deterministic."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from operator import is_
from typing import Any

import numpy as np

from marketdata.bars import Bars, Floats
from trading.costs import BPS, FEE_STEP, ONE, Filters, Terms
from trading.simulation.run import (
    DENIALS,
    Counts,
    Fills,
    Lane,
    Rules,
    Run,
    Trades,
    cash_digits,
)

MOST_UNITS = 9 * 10**17  # of cash: a tenfold gain still fits an int64


class NotSimulable(ValueError):
    """What can't be simulated as asked; the text says why."""


class Room:
    """Memory that the runs of one thread use one after the other.

    What a run in it gave is overwritten by the next one. Symbols whose bars are the very same
    objects are laid out once.
    """

    def __init__(self) -> None:
        self._bars: list[Bars] = []
        self._tape: Any = None
        self._equity = np.empty(0)
        self._fills: Any = None

    def tape(self, lanes: Sequence[Lane]) -> Any:
        """The tape of these lanes, with their targets."""
        bars = [lane.bars for lane in lanes]
        known = len(bars) == len(self._bars) and all(map(is_, bars, self._bars))
        if not known:
            self._bars, self._tape = bars, _tape(lanes)
            return self._tape
        starts = self._tape.last - [len(each) for each in bars]
        first = starts + np.array([min(lane.start, len(lane.bars)) for lane in lanes], np.int64)
        return self._tape._replace(first=first, targets=_targets(lanes))

    def equity(self, closes: int) -> Floats:
        """Room for `closes` closes."""
        if len(self._equity) < closes:
            self._equity = np.empty(closes)
        return self._equity[:closes]

    def fills(self, capacity: int) -> Any:
        """Room for at least `capacity` fills."""
        if self._fills is None or len(self._fills) < capacity:
            self._fills = _room(capacity)
        return self._fills


def run(lanes: Sequence[Lane], rules: Rules, *, scan: bool = True, room: Room | None = None) -> Run:
    """Simulate `lanes` that share the cash of `rules`, in this order at each close.

    Raises NotSimulable without lanes, or for cash too large for the symbols' tick and lot.
    `scan=False` takes every candle in full steps: slower, with the same result. The equity of
    a run in a `room` holds until the next run there.
    """
    from trading.simulation.kernel_walk import walk

    if not lanes:
        raise NotSimulable("there is no symbol to simulate")
    room = room or Room()
    digits = cash_digits([lane.filters for lane in lanes])
    tape, terms = room.tape(lanes), _terms(lanes, rules, digits)
    closes = int((tape.last - tape.first).sum())
    capacity = closes // 16 + 1024
    while True:
        states, book, fills = _states(lanes, digits), _book(rules, digits), room.fills(capacity)
        curve = _curve(tape, closes, room)
        rows, until = tape.first.copy(), tape.first.copy()
        n = walk(tape, rows, until, curve, states, book, terms, fills, scan)
        if book["fills"] <= len(fills):
            times = tape.open_ms[tape.first[0] :] if len(lanes) == 1 else curve.open_ms[:n]
            done = Curve(times, curve.equity[:n])
            return _result(lanes, rules, digits, states, book, fills, done)
        capacity = int(book["fills"])


@dataclass(frozen=True, slots=True)
class Curve:
    """What the kernel wrote."""

    open_ms: Any
    equity: Any


def _tape(lanes: Sequence[Lane]) -> Any:
    from trading.simulation.kernel_walk import Tape

    sizes = np.array([len(lane.bars) for lane in lanes], np.int64)
    ends = np.cumsum(sizes)
    starts = ends - sizes
    first = starts + np.array([min(lane.start, len(lane.bars)) for lane in lanes], np.int64)
    return Tape(first, ends, *_joined([(*lane.bars.columns(), _counting(lane)) for lane in lanes]))


def _targets(lanes: Sequence[Lane]) -> Any:
    return _joined([(_counting(lane),) for lane in lanes])[0]


def _joined(lanes: list[tuple[Any, ...]]) -> list[Any]:
    """Each column of all lanes, one lane after the other."""
    if len(lanes) == 1:  # a copy of a column costs as much as a run
        joined = [np.ascontiguousarray(column).view() for column in lanes[0]]
    else:
        # In one piece, because the system gives a large one in large pages, and sooner.
        rows = np.empty((len(lanes[0]), sum(len(lane[0]) for lane in lanes)))
        columns = list(zip(*lanes, strict=True))
        joined = [row.view(parts[0].dtype) for row, parts in zip(rows, columns, strict=True)]
        for row, parts in zip(joined, columns, strict=True):
            np.concatenate(parts, out=row)
    for column in joined:
        column.flags.writeable = False  # it is part of a type, and each type is compiled apart
    return joined


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


def _states(lanes: Sequence[Lane], digits: int) -> Any:
    from trading.simulation.kernel_orders import LANE

    states = np.zeros(len(lanes), LANE)
    for state, lane in zip(states, lanes, strict=True):
        for name, value in _filters(lane.filters, digits).items():
            state[name] = value
    return states


@lru_cache(256)
def _filters(filters: Filters, digits: int) -> dict[str, Any]:
    return {
        "tick": float(filters.price_tick),
        "step": float(filters.qty_step),
        "min_notional": float(filters.min_notional),
        "value": int((filters.price_tick * filters.qty_step).scaleb(digits)),
        "min_lots": int(-(-filters.min_qty // filters.qty_step)),
    }


def _terms(lanes: Sequence[Lane], rules: Rules, digits: int) -> Any:
    from trading.simulation.kernel_orders import TERMS

    limits, exits = rules.limits, rules.exits
    values = {
        **_costs(rules.terms),
        "unit": 10.0**-digits,
        "fee_step": int(FEE_STEP.scaleb(digits)),
        "max_exposure": float(limits.max_exposure),
        "max_position": float(limits.max_position),
        "daily_floor": float(ONE - limits.max_daily_loss),
        "drawdown_floor": float(ONE - limits.max_drawdown),
        "cooldown": limits.cooldown_candles,
        "stop_loss": exits.stop_loss or 0.0,
        "take_profit": exits.take_profit or 0.0,
        "trailing": exits.trailing or 0.0,
        "share": 1.0 / len(lanes),
        "rebalance": int(rules.rebalance),
        "at_close": int(rules.fill_at == "same_close"),
        "timeframe_ms": rules.timeframe_ms,
    }
    return _record(TERMS, values)


@lru_cache(64)
def _costs(terms: Terms) -> dict[str, Any]:
    """Rates as floats, and fees as exact fractions too."""
    bps = (terms.fee_maker_bps, terms.fee_taker_bps)
    scale = 10 ** max(0, *(-int(each.normalize().as_tuple().exponent) for each in bps))
    shift = (terms.half_spread_bps + terms.slippage_bps) / BPS
    return {
        "fee_scale": scale * int(BPS),
        "maker_num": int(bps[0] * scale),
        "taker_num": int(bps[1] * scale),
        "maker": float(bps[0] / BPS),
        "taker": float(bps[1] / BPS),
        "buy_factor": float(ONE + shift),
        "sell_factor": float(ONE - shift),
        "volume_cap": float(terms.volume_cap),
    }


def _record(dtype: Any, values: dict[str, Any]) -> Any:
    row = np.zeros(1, dtype)
    for name, value in values.items():
        row[name] = value
    return row[0]


def _book(rules: Rules, digits: int) -> Any:
    from trading.simulation.kernel_orders import BOOK

    units = int(rules.cash.scaleb(digits))
    if units > MOST_UNITS:
        raise NotSimulable(f"cash of {rules.cash} is too much for such small ticks and lots")
    cash = float(rules.cash)
    return _record(BOOK, {"cash": units, "peak": cash, "day_start": cash})


def _room(capacity: int) -> Any:
    from trading.simulation.kernel_orders import FILL

    return np.empty(capacity, FILL)


def _curve(tape: Any, closes: int, room: Room) -> Any:
    from trading.simulation.kernel_walk import Curve as Arrays

    alone = len(tape.first) == 1
    return Arrays(np.empty(0 if alone else closes, np.int64), room.equity(closes))


def _result(
    lanes: Sequence[Lane],
    rules: Rules,
    digits: int,
    states: Any,
    book: Any,
    room: Any,
    curve: Curve,
) -> Run:
    fills = room[: int(book["fills"])]
    return Run(
        open_ms=curve.open_ms,
        equity=curve.equity,
        fills=Fills(*_columns(fills).values()),
        trades=_trades(fills, states),
        counts=_counts(book, states),
        rules=rules,
        symbols=tuple(lane.symbol for lane in lanes),
        filters=tuple(lane.filters for lane in lanes),
        final_cash=Decimal(int(book["cash"])).scaleb(-digits),
    )


def _trades(fills: Any, states: Any) -> Trades:
    from trading.simulation.kernel_walk import TRADE, fold_trades

    trades = np.empty(len(fills) // 2, TRADE)
    running = np.zeros(len(states), TRADE)
    n = fold_trades(fills, states, np.zeros(len(states), np.int64), running, trades)
    columns = _columns(trades[:n])
    return Trades(exit_reason=columns.pop("why"), **columns)


def _columns(rows: Any) -> dict[str, Any]:
    """Records whose fields have 8 bytes each as arrays, copied at once.

    Each operation on many numbers is a point at which threads of a sweep wait for each other.
    """
    names = rows.dtype.names
    flat = np.ascontiguousarray(rows.view(np.int64).reshape(len(rows), len(names)).T)
    return {name: row.view(rows.dtype[name]) for name, row in zip(names, flat, strict=True)}


def _counts(book: Any, states: Any) -> Counts:
    return Counts(
        decisions=int(book["decisions"]),
        orders=int(book["orders"]),
        filled=int(book["filled"]),
        partial=int(book["partial"]),
        rejected=int(book["rejected"]),
        canceled=int(book["canceled"]),
        unfilled=int((states["kind"] != 0).sum()),
        denied={
            denial.value: int(n) for denial, n in zip(DENIALS, book["denied"], strict=True) if n
        },
    )
