"""Closed round trips as metrics see them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from marketdata.bars import Floats


@dataclass(frozen=True, slots=True)
class ClosedTrade:
    """A round trip: profit after fees and fees in the quote asset, how long it was held."""

    pnl: float
    fees: float
    held_s: float


@dataclass(frozen=True, slots=True)
class TradeColumns:
    """Many round trips in the order in which they ended; float64 arrays of one length."""

    pnl: Floats
    fees: Floats
    held_s: Floats
    slippage: Floats | None = None  # quote asset; None where it isn't recorded


def trade_columns(trades: Sequence[ClosedTrade] | TradeColumns) -> TradeColumns:
    """Rows as columns."""
    if isinstance(trades, TradeColumns):
        return trades
    rows = np.array([(one.pnl, one.fees, one.held_s) for one in trades], np.float64)
    pnl, fees, held_s = rows.reshape(-1, 3).T
    return TradeColumns(pnl, fees, held_s)
