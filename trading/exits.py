"""Protective exits inside a bar. Pure.

The order within a bar isn't known, so the pessimistic one is taken: a stop that was
touched is hit before a profit target of the same bar, and the trailing level comes from
the highs before this bar.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from strategies.protocol import Exits
from trading.paper_market import Market
from trading.reasons import Reason


@dataclass(frozen=True, slots=True)
class ExitHit:
    """A level that the bar reached; `stop` tells a stop from a profit target."""

    reason: Reason
    level: Decimal
    stop: bool


def check_exits(
    *, exits: Exits, entry_price: Decimal, high_since_entry: Decimal, market: Market
) -> ExitHit | None:
    """The first protective level of a long position that `market` reached, or None."""
    stop = tightest_stop(exits, entry_price, high_since_entry)
    if stop is not None and market.low <= stop.level:
        return stop
    if exits.take_profit:
        level = entry_price * (1 + Decimal(str(exits.take_profit)))
        if market.high > level:  # a touch isn't a fill
            return ExitHit(Reason.TAKE_PROFIT, level, stop=False)
    return None


def tightest_stop(exits: Exits, entry: Decimal, high: Decimal) -> ExitHit | None:
    """The higher of the declared stop levels; None without any."""
    levels = []
    if exits.stop_loss:
        level = entry * (1 - Decimal(str(exits.stop_loss)))
        levels.append(ExitHit(Reason.STOP_LOSS, level, stop=True))
    if exits.trailing:
        level = high * (1 - Decimal(str(exits.trailing)))
        levels.append(ExitHit(Reason.TRAILING_STOP, level, stop=True))
    return max(levels, key=lambda hit: hit.level, default=None)
