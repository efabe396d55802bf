"""What goes into a simulation and what comes out of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from marketdata.bars import Bars, Floats, Ints
from strategies.protocol import Exits
from trading.costs import Filters, Terms
from trading.risk import Limits

FillAt = Literal["next_open", "same_close"]
NO_EXITS = Exits()


@dataclass(frozen=True, slots=True)
class Lane:
    """One symbol: its bars with the past that the warm-up needs, and the targets at their closes.

    `targets` is float64[len(bars)]; bars before index `start` are past only. A target counts
    from index `warmup - 1` on.
    """

    symbol: str
    bars: Bars
    targets: Floats
    warmup: int
    filters: Filters
    start: int = 0


@dataclass(frozen=True, slots=True)
class Rules:
    """Costs, limits and manners, the same that a paper bot has in its knobs."""

    timeframe_ms: int
    cash: Decimal
    terms: Terms
    limits: Limits
    exits: Exits = NO_EXITS
    rebalance: bool = False  # position mode; long_flat otherwise
    fill_at: FillAt = "next_open"


@dataclass(frozen=True, slots=True)
class Fills:
    """Fills in the order in which they happened; arrays of one length."""

    at_ms: Ints  # open of the bar
    lane: Ints
    buy: Ints  # 1 or 0
    qty_steps: Ints  # in lots of the lane's `qty_step`
    price_ticks: Ints  # in ticks of the lane's `price_tick`
    fee_units: Ints  # in 1e-8 of the quote asset
    maker: Ints
    reason: Ints  # index into trading.simulation.REASONS: why its order was sent


@dataclass(frozen=True, slots=True)
class Trades:
    """Closed round trips in the order in which they ended; arrays of one length."""

    lane: Ints
    opened_ms: Ints
    closed_ms: Ints
    entry_price: Floats  # quantity-weighted
    exit_price: Floats
    qty: Floats  # bought
    pnl: Floats  # quote asset, after fees
    fees: Floats
    slippage: Floats  # quote asset lost to spread, slippage and rounding against the reference
    exit_reason: Ints


@dataclass(frozen=True, slots=True)
class Counts:
    """What became of what the strategy wanted."""

    decisions: int
    orders: int
    filled: int
    partial: int  # orders that took more than one bar
    rejected: int
    canceled: int
    unfilled: int  # still working at the end
    denied: Mapping[str, int]  # by trading.risk.Denial


@dataclass(frozen=True, slots=True)
class Run:
    """The result: mark-to-market books at every close, fills, round trips, counts."""

    at_ms: Ints  # closes
    equity: Floats
    exposure: Floats  # fraction of equity in positions
    fills: Fills
    trades: Trades
    counts: Counts
    rules: Rules
    symbols: tuple[str, ...]
    filters: tuple[Filters, ...]
    final_cash: Decimal
