"""Notices that a long move is being taken back."""

from __future__ import annotations

from strategies.agents.measures import pace_of
from strategies.agents.protocol import (
    Agent,
    AgentParams,
    Look,
    Note,
    NothingToDo,
    Seen,
    amount,
)


class ReversalParams(AgentParams):
    extended: float = amount(
        1.5, "Extended", "Momentum of 15 minutes before it.", ge=0, le=20, unit="ATR"
    )
    back: float = amount(
        1.0, "Back", "Momentum of five minutes the other way.", ge=0, le=20, unit="ATR"
    )


class Reversal(Agent[ReversalParams]):
    name = "reversal"
    title = "Reversal"
    description = "15 minutes moved far one way; 1 and 5 minutes move the other way."
    interval_s = 30.0
    window_s = 900.0
    switch = "feature_reversal"
    params_model = ReversalParams

    def look(self, look: Look, params: ReversalParams) -> Seen:
        short, middle, long = (pace_of(look.state, frame) for frame in ("1m", "5m", "15m"))
        if short is None or middle is None or long is None:
            raise NothingToDo("not enough bars yet")
        turns = short.momentum * long.momentum < 0 and middle.momentum * long.momentum < 0
        far = abs(long.momentum) >= params.extended and abs(middle.momentum) >= params.back
        if not (turns and far):
            return Seen()
        details = {
            "momentum_atr_1m": short.momentum,
            "momentum_atr_5m": middle.momentum,
            "momentum_atr_15m": long.momentum,
            "price": look.state.last_price,
        }
        label = "reversal_down" if long.momentum > 0 else "reversal_up"
        return Seen([Note(label, abs(middle.momentum), details)])
