"""What goes into a simulation and what comes out of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from typing import Literal

import numpy as np

from marketdata.bars import Bars, Floats, Ints
from strategies.protocol import Exits
from trading.costs import FEE_STEP, Filters, Terms
from trading.reasons import Reason
from trading.risk import Denial, Limits

FillAt = Literal["next_open", "same_close"]
NO_EXITS = Exits()

# The kernel knows both by their place.
REASONS = (
    Reason.SIGNAL_ENTER,
    Reason.SIGNAL_EXIT,
    Reason.REBALANCE,
    Reason.STOP_LOSS,
    Reason.TRAILING_STOP,
    Reason.TAKE_PROFIT,
)
DENIALS = (
    Denial.COOLDOWN,
    Denial.DAILY_LOSS_REACHED,
    Denial.DRAWDOWN_REACHED,
    Denial.BELOW_MIN_QTY,
    Denial.BELOW_MIN_NOTIONAL,
    Denial.MAX_EXPOSURE_REACHED,
    Denial.MAX_POSITION_REACHED,
    Denial.CASH_INSUFFICIENT,
)


def cash_digits(filters: Sequence[Filters]) -> int:
    """Decimals of the cash unit: enough for a lot at a tick and for a fee."""
    units = [each.price_tick * each.qty_step for each in filters]
    return max(8, *(-int(unit.normalize().as_tuple().exponent) for unit in units))


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
    reference: Floats  # what the price would have been without spread, slippage and rounding


@dataclass(frozen=True, slots=True)
class FillRow:
    """One fill in exact decimals; the fee in the quote asset."""

    at_ms: int
    symbol: str
    side: str
    qty: Decimal
    price: Decimal
    fee: Decimal
    maker: bool
    reason: str


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


@dataclass(frozen=True)
class Run:
    """The result: mark-to-market books at every close, fills, round trips, counts."""

    open_ms: Ints  # of the candles whose closes these are
    equity: Floats
    fills: Fills
    trades: Trades
    counts: Counts
    rules: Rules
    symbols: tuple[str, ...]
    filters: tuple[Filters, ...]
    final_cash: Decimal

    @cached_property
    def at_ms(self) -> Ints:
        """The closes."""
        return self.open_ms + self.rules.timeframe_ms

    @property
    def positions_value(self) -> Floats:
        """What the positions were worth at each close, in the quote asset."""
        return self.equity - self.cash

    @property
    def cash(self) -> Floats:
        """At each close, in the quote asset; exact until it becomes a float."""
        fills, digits = self.fills, cash_digits(self.filters)
        each = (rule.price_tick * rule.qty_step for rule in self.filters)
        value = np.array([int(one.scaleb(digits)) for one in each], np.int64)
        notional = fills.qty_steps * fills.price_ticks * value[fills.lane]
        fees = fills.fee_units * int(FEE_STEP.scaleb(digits))
        units = np.cumsum(np.where(fills.buy == 1, -notional, notional) - fees)
        units = np.concatenate([[0], units]) + int(self.rules.cash.scaleb(digits))
        # A fill at a close comes after its books.
        first = np.searchsorted(self.at_ms, fills.at_ms, "right")
        edges = np.concatenate([[0], first, [len(self.equity)]])
        return np.repeat(units * 10.0**-digits, np.diff(edges))

    @property
    def exposure(self) -> Floats:
        """Fraction of equity in positions at each close."""
        exposure = self.cash  # made anew each time, and used up here: a long run's arrays are large
        solvent = self.equity > 0
        np.subtract(self.equity, exposure, out=exposure)
        np.divide(exposure, self.equity, out=exposure, where=solvent)
        exposure[~solvent] = 0.0
        return exposure

    def fill_rows(self) -> list[FillRow]:
        """The fills as exact decimals, oldest first."""
        fills = self.fills
        columns = (
            fills.at_ms,
            fills.lane,
            fills.buy,
            fills.qty_steps,
            fills.price_ticks,
            fills.fee_units,
            fills.maker,
            fills.reason,
        )
        return [
            FillRow(
                at_ms=at_ms,
                symbol=self.symbols[lane],
                side="BUY" if buy else "SELL",
                qty=qty * self.filters[lane].qty_step,
                price=price * self.filters[lane].price_tick,
                fee=fee * FEE_STEP,
                maker=bool(maker),
                reason=REASONS[reason].value,
            )
            for at_ms, lane, buy, qty, price, fee, maker, reason in zip(
                *(column.tolist() for column in columns), strict=True
            )
        ]
