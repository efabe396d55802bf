"""What is pushed when something is noticed; the same words as the API's."""

from __future__ import annotations

from typing import Any

from config import clock
from config.rendering import instant
from strategies.models import Signal

SIGNALS_GROUP = "signals"


def signal_data(signal: Signal) -> dict[str, Any]:
    """One signal as `/ws/signals` sends it and `/latest` lists it."""
    return {
        "id": signal.pk,
        "symbol": signal.symbol.name,
        "exchange": signal.symbol.exchange,
        "timeframe": signal.timeframe,
        "timestamp": instant(clock.from_ms(signal.candle_close_ms)),
        "strategy": signal.strategy,
        "signal_type": signal.kind,
        "price": signal.price,
        "details": signal.details,
        "filtered": signal.filtered,
        "executed": signal.executed,
        "created_at": instant(signal.created_at),
    }
