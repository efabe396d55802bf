"""Notices that trading has become expensive: a wide spread, a thin or lopsided book."""

from __future__ import annotations

from collections.abc import Iterator

from marketdata.features import DEPTH_BPS, LiveState
from strategies.agents.protocol import (
    Agent,
    AgentParams,
    Look,
    Note,
    NothingToDo,
    Seen,
    amount,
)


class LiquidityParams(AgentParams):
    widest: float = amount(10.0, "Widest spread", "More is noted.", ge=0, le=1000, unit="bps")
    least: float = amount(
        0.0,
        "Least depth",
        f"On either side within {DEPTH_BPS:g} bps; less is noted, 0 is off.",
        ge=0,
        le=1e12,
        unit="quote asset",
    )
    lopsided: float = amount(
        5.0, "Lopsided", "One side's depth over the other's.", ge=1, le=1000, unit="times"
    )


class Liquidity(Agent[LiquidityParams]):
    name = "liquidity"
    title = "Liquidity"
    description = "Spread and depth of the order book."
    interval_s = 15.0
    switch = "feature_liquidity"
    needs_bars = False
    params_model = LiquidityParams

    def look(self, look: Look, params: LiquidityParams) -> Seen:
        if look.state.spread_bps is None:
            raise NothingToDo("no order book yet")
        return Seen(list(_notes(look.state, params)))


def _notes(state: LiveState, params: LiquidityParams) -> Iterator[Note]:
    spread, bid, ask = state.spread_bps or 0.0, state.bid_depth or 0.0, state.ask_depth or 0.0
    details = {
        "spread_bps": spread,
        "bid_depth": bid,
        "ask_depth": ask,
        "best_bid": state.best_bid,
        "best_ask": state.best_ask,
    }
    thin, thick = min(bid, ask), max(bid, ask)
    if spread > params.widest:
        yield Note("spread_wide", spread, details)
    if thin < params.least:
        yield Note("depth_thin", params.least / thin if thin else params.least, details)
    if thin > 0 and thick / thin >= params.lopsided:
        yield Note("book_bid_heavy" if bid > ask else "book_ask_heavy", thick / thin, details)
