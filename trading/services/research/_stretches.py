"""Stored candles and settings as the engine wants them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

import numpy as np

from marketdata import datasets, store
from marketdata import queries as marketdata_queries
from marketdata.bars import Bars
from marketdata.models import Symbol
from marketdata.timeframes import Timeframe
from strategies.protocol import Params, Strategy
from trading.costs import Filters, Terms
from trading.errors import NothingStored
from trading.knobs import Knobs
from trading.models.simulations import Stretch
from trading.services._books import filters_of, limits_of, terms_of
from trading.simulation import FillAt, Lane, Rules, Run, lane_of, run
from trading.simulation.certificate import dataset_hash

PAST = 3  # times the warm-up is loaded before the range: neighbours may need more
LEAST_PAST = 500
FEW_BARS = 50  # in the range: less is no sample of anything


@dataclass(frozen=True, slots=True)
class Stage:
    """What a stretch needs to be simulated any number of times."""

    strategy: Strategy[Any]
    timeframe: Timeframe
    bars: Mapping[str, Bars]  # with the past that the warm-up needs
    filters: Mapping[str, Filters]
    knobs: Knobs
    cash: Decimal
    fill_at: FillAt

    def run(self, params: Params, from_ms: int, to_ms: int, costs: float = 1.0) -> Run:
        """One simulation of [from_ms, to_ms) with costs times a factor."""
        return self.run_strategy(self.strategy, params, from_ms, to_ms, costs)

    def run_strategy(
        self, strategy: Strategy[Any], params: Params, from_ms: int, to_ms: int, costs: float = 1.0
    ) -> Run:
        """The same with another strategy."""
        return run(*self.course(strategy, params, from_ms, to_ms, costs))

    def until(self, to_ms: int) -> Stage:
        """The same without what comes after, cut once for many runs."""
        cut = {
            name: bars.slice(0, int(np.searchsorted(bars.open_ms, to_ms)))
            for name, bars in self.bars.items()
        }
        return replace(self, bars=cut)

    def course(
        self, strategy: Strategy[Any], params: Params, from_ms: int, to_ms: int, costs: float = 1.0
    ) -> tuple[list[Lane], Rules]:
        """What the engine needs for one simulation."""
        lanes = [
            lane_of(
                name,
                bars,
                strategy,
                params,
                filters=self.filters[name],
                from_ms=from_ms,
                to_ms=to_ms,
            )
            for name, bars in self.bars.items()
        ]
        rules = Rules(
            timeframe_ms=self.timeframe.ms,
            cash=self.cash,
            terms=dearer(terms_of(self.knobs), Decimal(str(costs))),
            limits=limits_of(self.knobs),
            exits=strategy.exits(params),
            rebalance=self.knobs.position_mode == "rebalance",
            fill_at=self.fill_at,
        )
        return lanes, rules

    def datasets(self) -> dict[str, str]:
        """sha256 of each symbol's candles."""
        return {name: dataset_hash(bars) for name, bars in self.bars.items()}

    def filter_hashes(self) -> dict[str, str]:
        """sha256 of each symbol's tick, lot and minimums."""
        return {
            name: hashlib.sha256(repr(filters).encode()).hexdigest()
            for name, filters in self.filters.items()
        }


def dearer(terms: Terms, factor: Decimal) -> Terms:
    """The same terms with all costs times `factor`."""
    return replace(
        terms,
        fee_maker_bps=terms.fee_maker_bps * factor,
        fee_taker_bps=terms.fee_taker_bps * factor,
        half_spread_bps=terms.half_spread_bps * factor,
        slippage_bps=terms.slippage_bps * factor,
    )


def stage_of(
    stretch: Stretch, strategy: Strategy[Any], *, params: list[Params], fill_at: FillAt
) -> Stage:
    """Load a stretch for these parameter sets. Refuses NothingStored."""
    timeframe = Timeframe(stretch.timeframe)
    past = max(PAST * max(strategy.warmup(each) for each in params), LEAST_PAST)
    bars, filters = {}, {}
    for name in stretch.symbols:
        symbol = marketdata_queries.resolve_symbol(name)
        bars[name] = _bars(symbol, stretch, past)
        filters[name] = filters_of(symbol)
        stored = int((bars[name].open_ms >= stretch.from_ms).sum())
        if stored < FEW_BARS:
            raise NothingStored(f"{name} {timeframe}: {stored} candles are stored in this range.")
    return Stage(
        strategy=strategy,
        timeframe=timeframe,
        bars=bars,
        filters=filters,
        knobs=Knobs.model_validate(stretch.knobs),
        cash=Decimal(stretch.starting_cash),
        fill_at=fill_at,
    )


def _bars(symbol: Symbol, stretch: Stretch, past: int) -> Bars:
    """The candles with `past` ones before them, cut from a dataset that other runs share."""
    # A power of two: parameters with other warm-ups find the same file.
    most = 1 << (past - 1).bit_length()
    first = store.open_before(symbol.pk, stretch.timeframe, to_ms=stretch.from_ms, count=most)
    bars = datasets.load_dataset(
        symbol=symbol,
        timeframe=stretch.timeframe,
        from_ms=stretch.from_ms if first is None else first,
        to_ms=stretch.to_ms,
    )
    before = int(np.searchsorted(bars.open_ms, stretch.from_ms))
    return bars.slice(max(before - past, 0), len(bars))
