"""The gap as a waterfall: parts that hang on each other, and their total. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

WIDTH, HEIGHT, AIR = 600, 160, 12


@dataclass(frozen=True, slots=True)
class Step:
    """One column in an SVG of 600 x 160; `y` is its upper edge, `zero` the base line's."""

    title: str
    value: Decimal
    x: float
    y: float
    width: float
    height: float
    zero: float
    middle: float
    total: bool = False


def waterfall(parts: Mapping[str, Decimal], *, total: str) -> list[Step]:
    """A column per part from where the one before ended, then one from 0 to the sum."""
    edges, at = [], 0.0
    for value in parts.values():
        edges.append((at, at + float(value)))
        at += float(value)
    edges.append((0.0, at))
    low = min(0.0, *(min(edge) for edge in edges))
    high = max(0.0, *(max(edge) for edge in edges))
    scale = (HEIGHT - 2 * AIR) / ((high - low) or 1.0)
    zero = AIR + high * scale
    room = WIDTH / len(edges)
    named = {**parts, total: sum(parts.values(), Decimal(0))}
    return [
        Step(
            title=title,
            value=value,
            x=round(index * room + room * 0.2, 1),
            y=round(zero - max(edge) * scale, 1),
            width=round(room * 0.6, 1),
            height=round(max(abs(edge[1] - edge[0]) * scale, 1.0), 1),
            zero=round(zero, 1),
            middle=round(index * room + room / 2, 1),
            total=title == total,
        )
        for index, ((title, value), edge) in enumerate(zip(named.items(), edges, strict=True))
    ]
