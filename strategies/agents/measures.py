"""Measures that several agents share. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from marketdata.features import LiveState


@dataclass(frozen=True, slots=True)
class Pace:
    """One bar length, measured in its own average range, so that symbols compare."""

    atr_bps: float
    momentum: float  # in ATRs
    vwap: float | None  # distance of the price from the VWAP, in ATRs
    rvol: float | None


def pace_of(state: LiveState, frame: str) -> Pace | None:
    """How a symbol moves at that bar length; None while that isn't known."""
    features, price = state.frames.get(frame), state.last_price
    if features is None or not price or not features.atr or features.mom_bps is None:
        return None
    atr_bps = features.atr / price * 10_000
    distance = features.px_vs_vwap_bps
    return Pace(
        atr_bps=atr_bps,
        momentum=features.mom_bps / atr_bps,
        vwap=None if distance is None else distance / atr_bps,
        rvol=features.rvol,
    )
