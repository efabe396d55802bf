"""Compiled rules of one order: prices, quantities, fees, fills. Import lazily: it loads numba.

They repeat `trading.costs`, `trading.paper_market` and `trading.positions` for one lane. Cash
is an integer in the book's unit, quantities are lots, prices of fills are ticks: what
accumulates is exact. Quotients are floats, snapped to the grid before they are rounded,
because decimals lie either on the grid or far (1e-3) from it.

State is in numpy records: compiled code hands them over as one pointer.
"""

from __future__ import annotations

import hashlib
import math
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple, TypeVar, cast

import numba
import numpy as np
from numba import njit
from numba.core import config as numba_config

# Kinds of orders.
NONE, MARKET, LIMIT, STOP = range(4)
DENIAL_COUNT = 8
NO_CASH = 7  # index into trading.simulation.DENIALS

LANE = np.dtype(
    [
        # The exchange's rules; one lot at one tick is `value` units of cash.
        *((name, np.float64) for name in ("tick", "step", "min_notional")),
        *((name, np.int64) for name in ("value", "min_lots")),
        # The position: lots, time of the last exit, prices.
        *((name, np.int64) for name in ("held", "closed_ms", "exited_ms")),
        *((name, np.float64) for name in ("last", "high", "entry")),
        # The working order: lots that are left, how many fills it had.
        *((name, np.int64) for name in ("kind", "buying", "left", "limit_ticks")),
        *((name, np.int64) for name in ("rested", "why", "took")),
    ],
    align=True,
)
BOOK = np.dtype(
    [
        *((name, np.int64) for name in ("cash", "next_day_ms", "fills", "decisions", "orders")),
        *((name, np.int64) for name in ("filled", "partial", "rejected", "canceled")),
        *((name, np.float64) for name in ("peak", "day_start")),
        ("denied", np.int64, (DENIAL_COUNT,)),
    ],
    align=True,
)
TERMS = np.dtype(
    [
        # Cash: its unit in the quote asset; 1e-8 of that in units; fee = notional * num / scale.
        *((name, np.float64) for name in ("unit", "maker", "taker")),
        *((name, np.int64) for name in ("fee_step", "fee_scale", "maker_num", "taker_num")),
        # 1 + and 1 - half spread and slippage; a share of the bar's volume.
        *((name, np.float64) for name in ("buy_factor", "sell_factor", "volume_cap")),
        # Limits as fractions of equity; the floors are 1 - the allowed loss.
        *((name, np.float64) for name in ("max_exposure", "max_position")),
        *((name, np.float64) for name in ("daily_floor", "drawdown_floor")),
        ("cooldown", np.int64),
        # Protective exits as fractions, 0 is off; manners.
        *((name, np.float64) for name in ("stop_loss", "take_profit", "trailing", "share")),
        *((name, np.int64) for name in ("rebalance", "at_close", "timeframe_ms")),
    ],
    align=True,
)
FILL = np.dtype(
    [
        *((name, np.int64) for name in ("at_ms", "lane", "buy", "qty", "price", "fee")),
        *((name, np.int64) for name in ("maker", "why")),
        ("reference", np.float64),
    ],
    align=True,
)

_F = TypeVar("_F", bound=Callable[..., Any])


def compiled(function: _F) -> _F:
    """Machine code, kept on disk. Nothing is allocated in here, so no references are counted."""
    return _kept(function)


def inlined(function: _F) -> _F:
    """The same, put into its callers."""
    return _kept(function, forceinline=True)


def _kept(function: _F, **options: Any) -> _F:
    """numba looks at one file only to tell whether what it kept is stale; these are several.

    So each state of all kernel files has a directory of its own.
    """
    config: Any = numba_config
    before, config.CACHE_DIR = config.CACHE_DIR, _CACHE
    try:
        made = njit(cache=True, nogil=True, error_model="numpy", _nrt=False, **options)  # type: ignore[call-overload]
        return cast(_F, made(function))
    finally:
        config.CACHE_DIR = before


def _cache_dir() -> str:
    """Beside the sources, or in the person's own cache where those can't be written."""
    here = Path(__file__).parent
    hashed = hashlib.sha256(numba.__version__.encode())
    for source in sorted(here.glob("kernel*.py")):
        hashed.update(source.read_bytes())
    name = f"kernel-{hashed.hexdigest()[:16]}"
    for base in (here / "__pycache__", Path.home() / ".cache" / "countersign"):
        try:
            (base / name).mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError:
            continue
        for old in base.glob("kernel-*"):
            if old.name != name:
                shutil.rmtree(old, ignore_errors=True)
        return str(base / name)
    return ""  # numba finds a place, or compiles each time


_CACHE = _cache_dir()
_EXACT = 4.6e18  # integers beyond half of int64 are computed in floats instead


class Candle(NamedTuple):
    """What the market did, as an order sees it.

    The cache on disk knows this class by its name: without it old caches fail to load.
    """

    at_ms: int
    open: float
    high: float
    low: float
    volume: float


@inlined
def floor_snapped(x: float) -> int:
    """floor(x), where a value a rounding error below an integer counts as that integer."""
    return math.floor(x + 1e-9 + abs(x) * 1e-15)


@inlined
def ceil_snapped(x: float) -> int:
    """ceil(x), where a value a rounding error above an integer counts as that integer."""
    return math.ceil(x - 1e-9 - abs(x) * 1e-15)


@inlined
def reached(price: float, level: float) -> bool:
    """price <= level, where a difference of a rounding error is none."""
    return price <= level + abs(level) * 1e-13


@inlined
def passed(price: float, level: float) -> bool:
    """price > level, where a difference of a rounding error is none."""
    return price > level + abs(level) * 1e-13


@inlined
def taker_ticks(buy: bool, reference: float, tick: float, terms: Any) -> int:
    """What a taker pays or gets: `reference` with its costs, rounded against it to the tick."""
    if buy:
        return ceil_snapped(reference * terms.buy_factor / tick)
    return max(floor_snapped(reference * terms.sell_factor / tick), 1)


@inlined
def fee_units(notional: int, maker: bool, terms: Any) -> int:
    """Fee of a notional in units of cash, rounded up to 1e-8 of the quote asset."""
    num = terms.maker_num if maker else terms.taker_num
    if num == 0:
        return 0
    whole = terms.fee_scale * terms.fee_step
    if notional < _EXACT / num:
        steps = -((-notional * num) // whole)
    else:
        steps = ceil_snapped(float(notional) * num / whole)
    return int(steps * terms.fee_step)


@inlined
def affordable_lots(cash: float, ticks: int, value: int, maker: bool, terms: Any) -> int:
    """The most that `cash` (units) buys at `ticks` with its fee, whose rounding is kept back."""
    if cash <= 0:
        return 0
    rate = terms.maker if maker else terms.taker
    spendable = cash - terms.fee_step if rate > 0 else cash
    return max(floor_snapped(spendable / (float(ticks * value) * (1 + rate))), 0)


@inlined
def withdraw(own: Any, book: Any) -> None:
    """Cancel the working order of a lane."""
    own.kind = NONE
    book.canceled += 1


@inlined
def send(own: Any, buy: bool, kind: int, qty: int, ticks: int, why: int, book: Any) -> None:
    """A new working order; a lane has one at most."""
    own.kind = kind
    own.buying = 1 if buy else 0
    own.left = qty
    own.limit_ticks = ticks
    own.rested = 0
    own.why = why
    own.took = 0
    book.orders += 1


@inlined
def _limit_price(own: Any, candle: Candle, terms: Any) -> tuple[int, bool, float]:
    """A resting profit target; taken at once where the bar opens beyond it."""
    limit = own.limit_ticks
    level = limit * own.tick
    crossed = False
    if own.rested == 0:
        taken = taker_ticks(False, candle.open, own.tick, terms)
        if taken >= limit:
            return taken, False, candle.open
        crossed = passed(candle.open, level)
    return (limit if passed(candle.high, level) else 0), not crossed, level


@inlined
def _priced(own: Any, candle: Candle, terms: Any) -> tuple[int, bool, float]:
    """(ticks, maker, reference) of a fill; ticks 0 when the market did not get there."""
    if own.kind == LIMIT:
        return _limit_price(own, candle, terms)
    reference = candle.open
    if own.kind == STOP and own.rested == 0:
        level = own.limit_ticks * own.tick
        if not reached(candle.low, level):
            return 0, False, level
        reference = min(candle.open, level)
    return taker_ticks(own.buying == 1, reference, own.tick, terms), False, reference


@inlined
def _buyable(lots: int, ticks: int, value: int, maker: bool, book: Any, terms: Any) -> int:
    """At most `lots`, and no more than all the cash pays for."""
    lots = min(lots, affordable_lots(float(book.cash), ticks, value, maker, terms))
    while lots > 0:
        notional = lots * ticks * value
        if notional + fee_units(notional, maker, terms) <= book.cash:
            break
        lots -= 1
    return lots


@compiled
def match(lane: int, lanes: Any, candle: Candle, book: Any, terms: Any, fills: Any) -> None:
    """Let the market look at the working order of a lane."""
    own = lanes[lane]
    if own.kind == NONE:
        return
    ticks, maker, reference = _priced(own, candle, terms)
    lots = 0
    if ticks > 0:
        room = floor_snapped(terms.volume_cap * candle.volume / own.step)
        lots = min(own.left, max(room, 0))
        if own.buying == 1:
            lots = _buyable(lots, ticks, own.value, maker, book, terms)
        else:
            lots = min(lots, own.held)
    own.rested = 1
    if lots > 0:
        _fill(lane, lanes, lots, ticks, maker, reference, candle.at_ms, book, terms, fills)
        return
    if own.buying == 1:
        assumed = taker_ticks(True, candle.open, own.tick, terms)
        if affordable_lots(float(book.cash), assumed, own.value, False, terms) == 0:
            withdraw(own, book)
            book.denied[NO_CASH] += 1


@inlined
def _fill(
    lane: int,
    lanes: Any,
    lots: int,
    ticks: int,
    maker: bool,
    reference: float,
    at_ms: int,
    book: Any,
    terms: Any,
    fills: Any,
) -> None:
    own = lanes[lane]
    notional = lots * ticks * own.value
    fee = fee_units(notional, maker, terms)
    price = ticks * own.tick
    if own.buying == 1:
        book.cash -= notional + fee
        if own.held == 0:
            own.high = price
        own.entry = (own.held * own.entry + lots * price) / (own.held + lots)
        own.held += lots
    else:
        book.cash += notional - fee
        own.held -= lots
        if own.held == 0:
            own.closed_ms = at_ms
    index = book.fills
    if index < len(fills):  # else the run is repeated with more room
        row = fills[index]
        row.at_ms, row.lane, row.buy, row.why = at_ms, lane, own.buying, own.why
        row.qty, row.price, row.fee = lots, ticks, fee // terms.fee_step
        row.maker, row.reference = (1 if maker else 0), reference
    book.fills = index + 1
    _count_down(own, lots, book)


@inlined
def _count_down(own: Any, lots: int, book: Any) -> None:
    own.left -= lots
    own.took += 1
    if own.left == 0:
        own.kind = NONE
        book.filled += 1
        if own.took > 1:
            book.partial += 1
