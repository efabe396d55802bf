"""One call from bars and a strategy to a run, for notebooks, commands and services."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import numpy as np

from marketdata.bars import Bars
from marketdata.timeframes import Timeframe
from strategies import registry
from strategies.protocol import Params, Strategy
from trading.costs import Filters, Terms
from trading.risk import Limits
from trading.simulation.engine import run
from trading.simulation.run import FillAt, Lane, Rules, Run

# What a new paper bot starts with where the environment says nothing else.
USUAL_TERMS = Terms(
    fee_maker_bps=Decimal(10),
    fee_taker_bps=Decimal(10),
    half_spread_bps=Decimal(1),
    slippage_bps=Decimal(2),
    volume_cap=Decimal("0.10"),
)
USUAL_LIMITS = Limits(
    max_exposure=Decimal("0.95"),
    max_position=Decimal("0.95"),
    max_daily_loss=Decimal("0.10"),
    max_drawdown=Decimal("0.30"),
    max_price_age_s=30,
    cooldown_candles=0,
)
_LOOKED_AT = 1_000  # closes that tell the tick


def simulate(
    bars: Bars | Mapping[str, Bars],
    strategy: Strategy[Any] | str,
    params: Params | Mapping[str, Any] | None = None,
    *,
    timeframe: str,
    symbol: str = "SYMBOL",
    filters: Filters | Mapping[str, Filters] | None = None,
    terms: Terms = USUAL_TERMS,
    limits: Limits = USUAL_LIMITS,
    position_mode: str = "long_flat",
    cash: Decimal = Decimal(10_000),
    from_ms: int | None = None,
    to_ms: int | None = None,
    fill_at: FillAt = "next_open",
) -> Run:
    """Run `strategy` over `bars`, or over several symbols that share `cash`.

    Bars before `from_ms` are only the past that the warm-up needs; bars from `to_ms` on are cut
    off. Without `filters` tick and lot are guessed from the prices (`likely_filters`). Raises
    NotSimulable, ParamsInvalid, StrategyUnknown.
    """
    chosen = registry.get(strategy) if isinstance(strategy, str) else strategy
    valid = params if isinstance(params, Params) else chosen.validated(params or {})
    series = {symbol: bars} if isinstance(bars, Bars) else bars
    lanes = [
        lane_of(
            name,
            each,
            chosen,
            valid,
            filters=filters.get(name) if isinstance(filters, Mapping) else filters,
            from_ms=from_ms,
            to_ms=to_ms,
        )
        for name, each in series.items()
    ]
    rules = Rules(
        timeframe_ms=Timeframe(timeframe).ms,
        cash=cash,
        terms=terms,
        limits=limits,
        exits=chosen.exits(valid),
        rebalance=position_mode == "rebalance",
        fill_at=fill_at,
    )
    return run(lanes, rules)


def lane_of(
    symbol: str,
    bars: Bars,
    strategy: Strategy[Any],
    params: Params,
    *,
    filters: Filters | None = None,
    from_ms: int | None = None,
    to_ms: int | None = None,
) -> Lane:
    """The lane of one symbol: bars up to `to_ms`, targets, and the row that `from_ms` is at."""
    stop = len(bars) if to_ms is None else int(np.searchsorted(bars.open_ms, to_ms))
    start = 0 if from_ms is None else int(np.searchsorted(bars.open_ms, from_ms))
    used = bars if stop == len(bars) else bars.slice(0, stop)
    return Lane(
        symbol=symbol,
        bars=used,
        targets=strategy.targets(used, params) if len(used) else np.empty(0),
        warmup=strategy.warmup(params),
        filters=filters or likely_filters(bars),
        start=min(start, stop),
    )


def likely_filters(bars: Bars) -> Filters:
    """Tick from the decimals that recent closes have, a lot worth about as much as cents buy."""
    closes = bars.close[-_LOOKED_AT:]
    digits = max((_decimals(float(close)) for close in closes), default=2)
    digits = min(digits, 8)
    return Filters(
        price_tick=Decimal(1).scaleb(-digits),
        qty_step=Decimal(1).scaleb(-max(8 - digits, 0)),
        min_qty=Decimal(1).scaleb(-max(8 - digits, 0)),
        min_notional=Decimal(5),
    )


def warm() -> None:
    """Load the compiled kernel, or compile it once, so that no run has to wait for it."""
    steps = np.arange(64, dtype=np.int64)
    price = 100.0 + np.sin(steps / 3.0)
    bars = Bars(steps * 60_000, price, price, price, price, np.full(64, 1e6))
    for several in (bars, {"A": bars, "B": bars}):
        simulate(several, "buy_and_hold", timeframe="1m")


def _decimals(value: float) -> int:
    return max(-int(Decimal(repr(value)).normalize().as_tuple().exponent), 0)
