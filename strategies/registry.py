"""The strategies there are. Explicit: a new one is a file in `library` and a line here."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from strategies.errors import StrategyUnknown
from strategies.library.buy_and_hold import BuyAndHold
from strategies.library.rsi_reversion import RsiReversion
from strategies.library.sma_cross import SmaCross
from strategies.library.trend_ema import TrendEma
from strategies.library.trend_ema_fast import TrendEmaFast
from strategies.protocol import Strategy

_ALL: tuple[Strategy[Any], ...] = (
    TrendEma(),
    TrendEmaFast(),
    SmaCross(),
    RsiReversion(),
    BuyAndHold(),
)

STRATEGIES: Mapping[str, Strategy[Any]] = MappingProxyType({one.name: one for one in _ALL})


def get(name: str) -> Strategy[Any]:
    """The strategy of that name, or StrategyUnknown."""
    try:
        return STRATEGIES[name]
    except KeyError:
        known = ", ".join(STRATEGIES)
        raise StrategyUnknown(f"no strategy {name!r}; there are: {known}") from None
