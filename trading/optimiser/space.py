"""Where a search looks: the parameters that vary and the values that each may take."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from strategies.protocol import Params
from trading.evidence.neighbourhood import bounds_of, changed_params, step_of

MOST_VALUES = 2_000  # of one parameter


class SpaceInvalid(ValueError):
    """A range that a parameter can't have; `name` is the parameter."""

    def __init__(self, name: str, text: str) -> None:
        super().__init__(f"{name}: {text}")
        self.name, self.text = name, text


@dataclass(frozen=True, slots=True)
class Axis:
    """One parameter and its values, ascending."""

    name: str
    values: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Space:
    """All combinations of the axes around `start`, by number, without holding them."""

    start: Params
    axes: tuple[Axis, ...]

    @property
    def size(self) -> int:
        """Combinations, valid or not."""
        return math.prod(len(axis.values) for axis in self.axes)

    def at(self, index: int) -> Params | None:
        """Combination `index`; None where the parameters don't go together (slow <= fast)."""
        values: dict[str, Any] = {}
        for axis in reversed(self.axes):
            index, place = divmod(index, len(axis.values))
            values[axis.name] = axis.values[place]
        return self.params(values)

    def params(self, values: Mapping[str, Any]) -> Params | None:
        """The start with these values, or None where they don't go together."""
        return changed_params(self.start, dict(values))

    def between(self, first: int, last: int) -> Iterator[Params]:
        """The valid combinations of [first, last)."""
        for index in range(first, last):
            params = self.at(index)
            if params is not None:
                yield params


def space_of(start: Params, asked: Mapping[str, Mapping[str, Any]]) -> Space:
    """The axes that are asked for: {name: {"low", "high", "step"} or {"values": [...]}}.

    What a range leaves out is the parameter's own bound or step. Without any axis all of the
    strategy's own bounded parameters vary. Raises SpaceInvalid.
    """
    fields = type(start).model_fields
    own = [name for name in fields if name not in Params.model_fields and bounds_of(fields[name])]
    names = list(asked) or own
    unknown = next((name for name in names if name not in fields), None)
    if unknown is not None:
        raise SpaceInvalid(unknown, "there is no such parameter")
    axes = [_axis(name, fields[name], getattr(start, name), asked.get(name, {})) for name in names]
    return Space(start, tuple(axes))


def _axis(name: str, field: Any, present: Any, asked: Mapping[str, Any]) -> Axis:
    bounds = bounds_of(field)
    if bounds is None or isinstance(present, bool):
        raise SpaceInvalid(name, "it isn't a bounded number")
    values = list(asked["values"]) if "values" in asked else _range(name, field, bounds, asked)
    if not values or not all(isinstance(each, int | float) for each in values):
        raise SpaceInvalid(name, "it needs numbers")
    whole = isinstance(present, int)
    made = sorted({round(each) if whole else round(float(each), 10) for each in values})
    if made[0] < bounds[0] or made[-1] > bounds[1]:
        raise SpaceInvalid(name, f"between {bounds[0]:g} and {bounds[1]:g}")
    return Axis(name, tuple(made))


def _range(
    name: str, field: Any, bounds: tuple[float, float], asked: Mapping[str, Any]
) -> Sequence[float]:
    low, high = float(asked.get("low", bounds[0])), float(asked.get("high", bounds[1]))
    step = float(asked.get("step") or step_of(field) or (high - low) / 20 or 1)
    if not (low <= high and step > 0):
        raise SpaceInvalid(name, "low, high and step don't make a range")
    count = math.floor((high - low) / step + 1e-9) + 1
    if count > MOST_VALUES:
        raise SpaceInvalid(name, f"{count} values are more than {MOST_VALUES}; take a larger step")
    return [low + index * step for index in range(count)]
