"""Values for tests of the pure rules."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from trading.costs import Filters, Terms
from trading.risk import Account, Limits


def limits(**changed: Any) -> Limits:
    """Limits that refuse nothing, except for what is changed."""
    given: dict[str, Any] = {
        "max_exposure": Decimal(1),
        "max_position": Decimal(1),
        "max_daily_loss": Decimal(1),
        "max_drawdown": Decimal(1),
        "max_price_age_s": 30.0,
        "cooldown_candles": 0,
    }
    return Limits(**{**given, **changed})


def account(**changed: Any) -> Account:
    """10,000 in cash, nothing held, at a price of 100."""
    given: dict[str, Any] = {
        "halted": False,
        "symbol_trading": True,
        "price": Decimal(100),
        "price_age_s": 0.0,
        "free_cash": Decimal(10_000),
        "equity": Decimal(10_000),
        "peak_equity": Decimal(10_000),
        "day_start_equity": Decimal(10_000),
        "exposure": Decimal(0),
        "position_value": Decimal(0),
        "sellable_qty": Decimal(0),
        "unresolved_order": False,
        "candles_since_exit": None,
    }
    return Account(**{**given, **changed})


def filters(**changed: str) -> Filters:
    given = {"price_tick": "0.01", "qty_step": "0.001", "min_qty": "0.001", "min_notional": "5"}
    return Filters(**{name: Decimal(value) for name, value in {**given, **changed}.items()})


def terms(**changed: str) -> Terms:
    given = {
        "fee_maker_bps": "10",
        "fee_taker_bps": "10",
        "half_spread_bps": "1",
        "slippage_bps": "2",
        "volume_cap": "0.1",
    }
    return Terms(**{name: Decimal(value) for name, value in {**given, **changed}.items()})
