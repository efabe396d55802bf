"""What the chart of a symbol may show besides its candles."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from marketdata.indicators import Spec, definition_of
from marketdata.models import IndicatorSpec, Symbol
from marketdata.timeframes import Timeframe


@dataclass(frozen=True, slots=True)
class ChartIndicator:
    """A stored indicator as a check box beside the chart; `pane` is price or own."""

    spec_id: int
    title: str
    pane: str
    chosen: bool


def chart_indicators(
    symbol: Symbol, timeframe: Timeframe, chosen: Collection[Spec] = ()
) -> list[ChartIndicator]:
    """Indicators that are kept for this symbol and timeframe; those over the candles first."""
    rows = IndicatorSpec.objects.filter(symbol=symbol, timeframe=timeframe)
    wanted = {(spec.name, spec.params_hash) for spec in chosen}
    shown = [
        ChartIndicator(
            spec_id=row.pk,
            title=_title(row),
            pane=definition_of(row.name).pane,
            chosen=(row.name, row.params_hash) in wanted,
        )
        for row in rows
    ]
    return sorted(shown, key=lambda one: (one.pane != "price", one.title))


def _title(row: IndicatorSpec) -> str:
    values = " ".join(f"{value:g}" for value in row.params.values())
    return f"{row.name.upper()} {values}".strip()


def decimals(symbol: Symbol) -> int:
    """Digits after the point of its prices."""
    exponent = symbol.price_tick.normalize().as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 2
