"""Cross-validation of a strategy on stored candles."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.conf import settings

from marketdata.timeframes import Timeframe
from strategies import registry
from trading.errors import SimulationInvalid
from trading.evidence.cross_validation import CrossValidation, cross_validate
from trading.models import Simulation
from trading.services._knobs import checked_knobs
from trading.services.research._soundness import refuse_unsound
from trading.services.research._stretches import stage_of


def cross_validate_strategy(
    *,
    strategy: str,
    params: Mapping[str, Any],
    symbols: Sequence[str],
    timeframe: str,
    from_ms: int,
    to_ms: int,
    ranges: int,
) -> CrossValidation:
    """Simulate each date range apart, with the knobs of the settings. Stores nothing.

    Refuses StrategyUnknown, ParamsInvalid, NothingStored, SimulationInvalid, SearchInvalid.
    """
    chosen = registry.get(strategy)
    valid = chosen.validated(params)
    asked = Simulation(
        symbols=list(symbols),
        timeframe=timeframe,
        from_ms=from_ms,
        to_ms=to_ms,
        knobs=checked_knobs({}).stored(),
        starting_cash=settings.ENV.trading_paper_starting_equity,
    )
    stage = stage_of(asked, chosen, params=[valid], fill_at="next_open")
    refuse_unsound(stage, valid)
    try:
        return cross_validate(
            lambda start, end: stage.run(valid, start, end),
            from_ms,
            to_ms,
            ranges=ranges,
            step_ms=Timeframe(timeframe).ms,
        )
    except ValueError as error:
        raise SimulationInvalid(f"This can't be cross-validated: {error}.") from None
