"""Notices that much more is traded than lately."""

from __future__ import annotations

from strategies.agents.protocol import Agent, AgentParams, Look, Note, Seen, amount


class RvolSpikeParams(AgentParams):
    least: float = amount(
        3.0, "Least", "Volume against the mean of 20 bars.", ge=1, le=100, unit="times"
    )


class RvolSpike(Agent[RvolSpikeParams]):
    name = "rvol_spike"
    title = "Volume spike"
    description = "The last five minutes' volume is a multiple of what is usual."
    interval_s = 15.0
    params_model = RvolSpikeParams

    def look(self, look: Look, params: RvolSpikeParams) -> Seen:
        frame = look.state.frames["5m"]
        if frame.rvol is None or frame.rvol < params.least:
            return Seen()
        details = {
            "rvol": frame.rvol,
            "volume_5m": frame.volume,
            "mom_bps_5m": frame.mom_bps,
            "best_bid": look.state.best_bid,
            "best_ask": look.state.best_ask,
        }
        return Seen([Note("rvol_spike", frame.rvol, details)])
