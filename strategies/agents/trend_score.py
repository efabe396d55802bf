"""The probability that the price goes up, and the posture that follows from it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from math import exp, tanh
from typing import Any

from pydantic import Field, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

from marketdata.features import FRAMES, LiveState
from strategies.agents.measures import Pace, pace_of
from strategies.agents.protocol import (
    Agent,
    AgentParams,
    Look,
    Note,
    NothingToDo,
    Seen,
    Standing,
    amount,
)

PARTS = ("momentum", "vwap", "rvol")
STEEPNESS = 2.0  # how fast p_up leaves one half
MOST_RVOL = 3.0  # more says no more


def _weights(names: tuple[str, ...], title: str, defaults: dict[str, float]) -> Any:
    return Field(defaults, title=title, description=f"A weight for each of {', '.join(names)}.")


class TrendScoreParams(AgentParams):
    entry: float = amount(
        0.62, "Entry", "p_up from which it leans to LONG.", ge=0.01, le=0.99, unit="probability"
    )
    leave: float = amount(
        0.45, "Exit", "p_up below which it leans to FLAT.", ge=0.01, le=0.99, unit="probability"
    )
    persist: int = Field(
        3,
        ge=1,
        le=1000,
        title="Persistence",
        description="Looks in a row before the view changes.",
        json_schema_extra={"unit": "looks"},
    )
    weights: dict[str, float] = _weights(
        PARTS, "Weights", {"momentum": 1.0, "vwap": 0.5, "rvol": 0.3}
    )
    mtf_weights: dict[str, float] = _weights(
        tuple(FRAMES), "Weights of lengths", {"1m": 0.2, "5m": 0.5, "15m": 0.3}
    )

    @field_validator("leave")
    @classmethod
    def _below(cls, leave: float, info: ValidationInfo) -> float:
        if leave > info.data.get("entry", 1):
            raise PydanticCustomError("not_below", "must not be above the entry")
        return leave

    @field_validator("weights", "mtf_weights")
    @classmethod
    def _known(cls, weights: dict[str, float], info: ValidationInfo) -> dict[str, float]:
        names = PARTS if info.field_name == "weights" else tuple(map(str, FRAMES))
        if set(weights) - set(names) or any(value < 0 for value in weights.values()):
            known = ", ".join(names)
            raise PydanticCustomError("weights", "must be weights of {known}", {"known": known})
        return weights


class TrendScore(Agent[TrendScoreParams]):
    name = "trend_score"
    title = "Trend score"
    description = "p_up from momentum, VWAP and volume of three bar lengths; keeps the posture."
    interval_s = 15.0
    window_s = 0.0  # each change of the view is one
    params_model = TrendScoreParams

    def look(self, look: Look, params: TrendScoreParams) -> Seen:
        p_up, parts = p_up_of(look.state, params.weights, params.mtf_weights)
        if p_up is None:
            raise NothingToDo("not enough bars yet")
        standing = step(look.standing, p_up, params)
        details = {"p_up": p_up, **parts}
        if standing.view == look.standing.view:
            return Seen(standing=standing, details=details)
        turned = {**details, "before": look.standing.view, "looks": params.persist}
        note = Note(f"posture_{standing.view.lower()}", p_up, turned)
        return Seen([note], standing=standing, details=details)


def p_up_of(
    state: LiveState, weights: Mapping[str, float], mtf_weights: Mapping[str, float]
) -> tuple[float | None, dict[str, float]]:
    """(probability in (0, 1), score of each bar length); None while no length is known.

    1 / (1 + exp(-2 s)), s the weighted mean of the known lengths' scores. A score is the weighted
    mean of tanh(momentum / ATR) and tanh(VWAP distance / ATR), made larger by relative volume:
    times 1 + w (rvol - 1), at most three times the usual volume.
    """
    scores = {
        frame: _score(pace, weights)
        for frame, weight in mtf_weights.items()
        if weight > 0 and (pace := pace_of(state, frame)) is not None
    }
    whole = sum(mtf_weights[frame] for frame in scores)
    if not whole:
        return None, {}
    mean = sum(mtf_weights[frame] * score for frame, score in scores.items()) / whole
    parts = {f"score_{frame}": score for frame, score in scores.items()}
    return 1 / (1 + exp(-STEEPNESS * mean)), parts


def _score(pace: Pace, weights: Mapping[str, float]) -> float:
    moves = {"momentum": pace.momentum, "vwap": pace.vwap}
    known = {name: value for name, value in moves.items() if value is not None}
    whole = sum(weights.get(name, 0.0) for name in known)
    if not whole:
        return 0.0
    mean = sum(weights.get(name, 0.0) * tanh(value) for name, value in known.items()) / whole
    excess = min(pace.rvol if pace.rvol is not None else 1.0, MOST_RVOL) - 1
    return mean * max(0.0, 1 + weights.get("rvol", 0.0) * excess)


def step(standing: Standing, p_up: float, params: TrendScoreParams) -> Standing:
    """One more look. Between exit and entry it leans to what stands: that is the hysteresis."""
    if p_up >= params.entry:
        leaning = "LONG"
    elif p_up <= params.leave:
        leaning = "FLAT"
    else:
        leaning = standing.view
    count = standing.count + 1 if leaning == standing.leaning else 1
    lasted = leaning != standing.view and count >= params.persist
    view = leaning if lasted else standing.view
    return replace(standing, view=view, p_up=p_up, leaning=leaning, count=count)
