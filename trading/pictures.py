"""Curves and bars as points of an SVG. Pure: report in, coordinates out; colours are CSS's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

WIDTH, HEIGHT = 960, 260
TICKS = 5


@dataclass(frozen=True, slots=True)
class Line:
    """One curve: its name is a CSS class, `points` an SVG polyline's."""

    name: str
    title: str
    points: str


@dataclass(frozen=True, slots=True)
class Mark:
    """A labelled place on an axis; `at` in the picture's units."""

    at: float
    text: str


@dataclass(frozen=True, slots=True)
class Picture:
    """Lines over a common frame."""

    width: int
    height: int
    lines: list[Line]
    rows: list[Mark]  # horizontal rules, from the bottom up
    split: float | None = None  # where out-of-sample begins
    zero: float | None = None

    @property
    def outside(self) -> float:
        """Width of the out-of-sample part."""
        return round(self.width - (self.split or self.width), 1)


@dataclass(frozen=True, slots=True)
class Bar:
    """A column of a histogram."""

    x: float
    y: float
    width: float
    height: float
    loss: bool
    title: str


Points = Sequence[Sequence[float | None]]


def curves(
    named: Sequence[tuple[str, str, Points]],
    *,
    height: int = HEIGHT,
    split_ms: int | None = None,
    form: str = "{:,.0f}",
) -> Picture | None:
    """Curves of (ms, value) points over one time axis; None where nothing is to be drawn."""
    known = [
        (name, title, [(float(p[0]), float(p[1])) for p in points if p[1] is not None and p[0]])
        for name, title, points in named
    ]
    known = [each for each in known if len(each[2]) > 1]
    if not known:
        return None
    times = [at for _, _, points in known for at, _ in points]
    values = [value for _, _, points in known for _, value in points]
    first, last, low, high = min(times), max(times), min(values), max(values)
    if high == low:
        low, high = low - 0.5, high + 0.5

    def x(at: float) -> float:
        return round((at - first) / max(last - first, 1) * WIDTH, 1)

    def y(value: float) -> float:
        return round(height - (value - low) / (high - low) * height, 1)

    return Picture(
        width=WIDTH,
        height=height,
        lines=[
            Line(name, title, " ".join(f"{x(at)},{y(value)}" for at, value in points))
            for name, title, points in known
        ],
        rows=[Mark(y(value), form.format(value)) for value in _ticks(low, high)],
        split=x(split_ms) if split_ms and first < split_ms < last else None,
        zero=y(0.0) if low < 0 < high else None,
    )


def bars(edges: Sequence[float], counts: Sequence[int], *, height: int = 160) -> list[Bar]:
    """A histogram; each column tells its range and count."""
    most = max(counts, default=0)
    if not most:
        return []
    width = WIDTH / len(counts)
    return [
        Bar(
            x=round(index * width, 1),
            y=round(height - count / most * height, 1),
            width=round(max(width - 2, 1), 1),
            height=round(count / most * height, 1),
            loss=(edges[index] + edges[index + 1]) / 2 < 0,
            title=f"{edges[index]:+.2%} to {edges[index + 1]:+.2%}: {count} days",
        )
        for index, count in enumerate(counts)
    ]


def _ticks(low: float, high: float) -> list[float]:
    return [low + (high - low) * index / (TICKS - 1) for index in range(TICKS)]
