"""Notices that a price leaves its range in the direction that all bar lengths move."""

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

RANGE_BARS = 20


class NewTrendParams(AgentParams):
    least: float = amount(
        1.0, "Least", "Momentum of 15 minutes in average ranges.", ge=0, le=20, unit="ATR"
    )


class NewTrend(Agent[NewTrendParams]):
    name = "new_trend"
    title = "New trend"
    description = (
        "The price is beyond the range of the last 20 five-minute bars, and 1, 5 and 15 minutes "
        "move the same way."
    )
    interval_s = 30.0
    window_s = 900.0
    switch = "feature_new_trend"
    params_model = NewTrendParams

    def look(self, look: Look, params: NewTrendParams) -> Seen:
        price = look.state.last_price
        bars = list(look.bars.get("5m", ()))[-RANGE_BARS:]
        paces = [pace_of(look.state, frame) for frame in ("1m", "5m", "15m")]
        if price is None or len(bars) < RANGE_BARS or None in paces:
            raise NothingToDo("not enough bars yet")
        moves = [pace.momentum for pace in paces if pace is not None]
        high, low = max(row[2] for row in bars), min(row[3] for row in bars)
        up = price > high and min(moves) > 0 and moves[2] >= params.least
        down = price < low and max(moves) < 0 and moves[2] <= -params.least
        if not (up or down):
            return Seen()
        details = {
            "price": price,
            "range_high": high,
            "range_low": low,
            **{f"momentum_atr_{frame}": move for frame, move in zip(_FRAMES, moves, strict=True)},
        }
        return Seen([Note("trend_up" if up else "trend_down", abs(moves[2]), details)])


_FRAMES = ("1m", "5m", "15m")
