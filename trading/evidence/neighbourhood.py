"""Whether a result stands on a plateau: what small changes of each parameter do to it. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from pydantic import ValidationError

from strategies.protocol import Params

SHIFT = 0.10


@dataclass(frozen=True, slots=True)
class Neighbour:
    """One parameter moved by about a tenth, inside its bounds and on its step."""

    param: str
    value: float
    params: Params


def neighbours(params: Params) -> list[Neighbour]:
    """Each numeric parameter that isn't off (0), once lower and once higher, where valid."""
    found = []
    for name, field in type(params).model_fields.items():
        value = getattr(params, name)
        if isinstance(value, bool) or not isinstance(value, int | float) or not value:
            continue
        for moved in _moved(value, step_of(field)):
            changed = changed_params(params, {name: moved})
            if changed is not None:
                found.append(Neighbour(name, float(moved), changed))
    return found


def sampled(params: Params, *, count: int, seed: int) -> list[Params]:
    """Up to `count` other points of the declared space, drawn evenly; exits stay as they are."""
    rng = np.random.default_rng(seed)
    fields = type(params).model_fields
    own = [name for name in fields if name not in Params.model_fields and bounds_of(fields[name])]
    made: list[Params] = []
    for _ in range(count * 4):
        values = {name: _drawn(rng, fields[name], getattr(params, name)) for name in own}
        changed = changed_params(params, values)
        if changed is not None and changed not in made:
            made.append(changed)
        if len(made) == count:
            break
    return made


def changed_params(params: Params, values: dict[str, Any]) -> Params | None:
    """The same parameters with other values, or None outside of the bounds."""
    try:
        return type(params).model_validate({**params.model_dump(), **values})
    except ValidationError:
        return None


def bounds_of(field: Any) -> tuple[float, float] | None:
    """(lowest, highest) of a parameter, or None where it has no bounds."""
    lows = [each.ge for each in field.metadata if hasattr(each, "ge")]
    highs = [each.le for each in field.metadata if hasattr(each, "le")]
    return (float(lows[0]), float(highs[0])) if lows and highs else None


def step_of(field: Any) -> float:
    """The declared step of a parameter, 0 where there is none."""
    extra = field.json_schema_extra
    return float(extra.get("step", 0)) if isinstance(extra, dict) else 0.0


def _moved(value: float, step: float) -> Iterator[float]:
    distance = abs(value) * SHIFT
    if step:
        distance = max(round(distance / step), 1) * step
    for moved in (value - distance, value + distance):
        yield round(moved) if isinstance(value, int) else round(moved, 10)


def _drawn(rng: np.random.Generator, field: Any, value: float) -> float:
    """Around the present value, between a third and three times of it, inside the bounds."""
    low, high = bounds_of(field) or (value, value)
    low, high = max(low, value / 3), min(high, max(value * 3, low))
    step = step_of(field) or (high - low) / 100 or 1.0
    drawn = low + round(rng.uniform(0, max(high - low, 0)) / step) * step
    return round(drawn) if isinstance(value, int) else round(min(drawn, high), 10)
