"""From a target to what should be done. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from trading.reasons import Reason

REBALANCE_BAND = Decimal("0.05")  # of equity: smaller differences aren't worth their costs


@dataclass(frozen=True, slots=True)
class Wanted:
    """BUY or SELL of `value` in the quote asset (a SELL of None sells all), or nothing, and why."""

    side: Literal["BUY", "SELL"] | None
    reason: Reason
    value: Decimal | None = None


def decide(
    *,
    target: float,
    equity: Decimal,
    lanes: int,
    held_value: Decimal,
    pending: bool,
    mode: str,
) -> Wanted:
    """What a bot wants at a candle's close.

    `target` is the exposure in [0, 1] of this symbol's share of equity, which is one of `lanes`
    equal ones, NaN for no opinion; `held_value` is the position at the close; `pending` says
    that an order works.
    """
    if pending:
        return Wanted(None, Reason.ORDER_PENDING)
    if math.isnan(target):
        return Wanted(None, Reason.NO_OPINION)
    # Divided last: a third has no end, and a lot may hang on its last digit.
    wanted = Decimal(str(target)) * equity / lanes
    if held_value <= 0:
        return Wanted("BUY", Reason.SIGNAL_ENTER, wanted) if target > 0 else _FLAT
    if target <= 0:
        return Wanted("SELL", Reason.SIGNAL_EXIT)
    return _rebalance(wanted, held_value, equity) if mode == "rebalance" else _LONG


def _rebalance(wanted: Decimal, held_value: Decimal, equity: Decimal) -> Wanted:
    difference = wanted - held_value
    if abs(difference) < REBALANCE_BAND * equity:
        return _LONG
    side: Literal["BUY", "SELL"] = "BUY" if difference > 0 else "SELL"
    return Wanted(side, Reason.REBALANCE, abs(difference))


_FLAT = Wanted(None, Reason.FLAT_NO_SIGNAL)
_LONG = Wanted(None, Reason.ALREADY_LONG)
