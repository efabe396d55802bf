"""No result of a strategy that sees the future, or whose warm-up is too short, counts."""

from __future__ import annotations

from strategies.protocol import Params
from trading.errors import SearchInvalid
from trading.evidence.soundness import unsound
from trading.services.research._stretches import Stage


def refuse_unsound(stage: Stage, *params: Params) -> None:
    """SearchInvalid where the candles show that the strategy cheats with these parameters."""
    for each in params:
        ahead, early = unsound(stage.strategy, each, list(stage.bars.values()))
        if ahead:
            raise SearchInvalid(
                f"{stage.strategy.name} looks ahead: {ahead} targets change without the future."
            )
        if early:
            raise SearchInvalid(
                f"The warm-up of {stage.strategy.name} is too short: {early} targets change with "
                "a longer past."
            )
