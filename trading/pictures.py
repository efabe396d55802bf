"""Curves and bars as points of an SVG. Pure: report in, coordinates out; colours are CSS's."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
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


@dataclass(frozen=True, slots=True)
class Column:
    """One value as a column from zero; its name is a CSS class."""

    x: float
    y: float
    width: float
    height: float
    name: str
    title: str


@dataclass(frozen=True, slots=True)
class Columns:
    """Columns up and down from a line at zero."""

    width: int
    height: int
    columns: list[Column]
    rows: list[Mark]
    zero: float


WIDEST = 48  # of one column: a single one is no wall


def columns(
    named: Sequence[tuple[str, str, float]], *, height: int = 160, form: str = "{:+.1%}"
) -> Columns | None:
    """Columns of (name, title, value) side by side; None where there are none."""
    if not named:
        return None
    values = [value for _, _, value in named]
    low, high = min(*values, 0.0), max(*values, 0.0)
    if high == low:
        low, high = -0.01, 0.01
    apart = WIDTH / len(named)
    wide = min(apart * 0.7, WIDEST)

    def y(value: float) -> float:
        return round(height - (value - low) / (high - low) * height, 1)

    return Columns(
        width=WIDTH,
        height=height,
        columns=[
            Column(
                x=round(index * min(apart, 2 * WIDEST), 1),
                y=min(y(value), y(0.0)),
                width=round(wide, 1),
                height=max(round(abs(y(value) - y(0.0)), 1), 1.0),
                name=name,
                title=title,
            )
            for index, (name, title, value) in enumerate(named)
        ],
        rows=[Mark(y(value), form.format(value)) for value in sorted({low, 0.0, high})],
        zero=y(0.0),
    )


def _ticks(low: float, high: float) -> list[float]:
    return [low + (high - low) * index / (TICKS - 1) for index in range(TICKS)]


@dataclass(frozen=True, slots=True)
class Dots:
    """Scores in the order in which they were tried, with the best so far as a line."""

    width: int
    height: int
    dots: str  # an SVG path of strokes without length: round caps make dots of any scale
    best: str
    rows: list[Mark]


@dataclass(frozen=True, slots=True)
class Cell:
    """One place of a heat map; `level` is 0 for the worst eighth of all cells to 7 for the best."""

    x: float
    y: float
    width: float
    height: float
    level: int
    best: bool
    title: str


@dataclass(frozen=True, slots=True)
class Heat:
    """The best score at each place of two parameters, or of one in a single row."""

    width: int
    height: int
    cells: list[Cell]
    columns: list[str]  # a label for each column, most of them ""
    rows: list[str]  # from the top down


@dataclass(frozen=True, slots=True)
class HeatAxis:
    """A parameter across a heat map: its title and all values, ascending."""

    name: str
    title: str
    values: Sequence[float]


Trial = tuple[Mapping[str, float], float | None]
MOST_DOTS = 2_000
MOST_CELLS = 40  # along one axis; more values share one
LABELS = 8
HEAT_HEIGHT = 320


def dots(
    scores: Sequence[float | None], *, height: int = 180, form: str = "{:,.2f}"
) -> Dots | None:
    """Scores over trials 1..n. What is far below the others is drawn at the lower edge."""
    known = [(index, score) for index, score in enumerate(scores) if score is not None]
    if len(known) < 2:
        return None
    ordered = sorted(score for _, score in known)
    low, high = ordered[len(ordered) // 50], ordered[-1]
    if high == low:
        low, high = low - 0.5, high + 0.5

    def place(index: int, score: float) -> str:
        x = index / max(len(scores) - 1, 1) * WIDTH
        y = height - (max(score, low) - low) / (high - low) * height
        return f"{x:.1f} {y:.1f}"

    every = -(-len(known) // MOST_DOTS)
    line, best = [], None
    for index, score in known:
        if best is None or score > best:
            line += [place(index, score if best is None else best), place(index, score)]
            best = score
    line.append(place(len(scores) - 1, high))
    return Dots(
        width=WIDTH,
        height=height,
        dots=" ".join(f"M{place(index, score)}h0" for index, score in known[::every]),
        best=" ".join(line),
        rows=[
            Mark(height - (value - low) / (high - low) * height, form.format(value))
            for value in _ticks(low, high)
        ],
    )


def heat(
    trials: Iterable[Trial], x: HeatAxis, y: HeatAxis | None, *, form: str = "{:,.2f}"
) -> Heat | None:
    """The best score of each pair of values, whatever the other parameters were."""
    columns, rows = _places(x), _places(y)
    found = _best_at(trials, x, y)
    if not found:
        return None
    wide, tall = max(columns.values()) + 1, max(rows.values(), default=0) + 1
    height = HEAT_HEIGHT if y else 48
    size = (WIDTH / wide, height / tall)
    ranks = sorted(score for score, _ in found.values())
    return Heat(
        width=WIDTH,
        height=height,
        cells=[
            Cell(
                x=round(column * size[0], 2),
                y=round((tall - 1 - row) * size[1], 2),
                width=round(size[0], 2),
                height=round(size[1], 2),
                level=min(bisect_right(ranks, score) * 8 // (len(ranks) + 1), 7),
                best=score == ranks[-1],
                title=f"{_told(values, x, y)}: {form.format(score)}",
            )
            for (column, row), (score, values) in sorted(found.items(), key=lambda each: each[1][0])
        ],
        columns=_labels(x, wide),
        rows=_labels(y, tall)[::-1] if y else [],
    )


def _best_at(
    trials: Iterable[Trial], x: HeatAxis, y: HeatAxis | None
) -> dict[tuple[int, int], tuple[float, Mapping[str, float]]]:
    columns, rows = _places(x), _places(y)
    found: dict[tuple[int, int], tuple[float, Mapping[str, float]]] = {}
    for values, score in trials:
        column = columns.get(values[x.name])
        row = rows.get(values[y.name]) if y else 0
        if score is None or column is None or row is None:
            continue
        if (column, row) not in found or score > found[column, row][0]:
            found[column, row] = (score, values)
    return found


def _places(axis: HeatAxis | None) -> dict[float, int]:
    """The cell of each value; neighbours share one where there are too many."""
    if axis is None:
        return {}
    every = -(-len(axis.values) // MOST_CELLS)
    return {value: index // every for index, value in enumerate(axis.values)}


def _labels(axis: HeatAxis, cells: int) -> list[str]:
    """The first value of each cell, but only of as many cells as there is room for."""
    every = -(-len(axis.values) // MOST_CELLS)
    apart = -(-cells // LABELS)
    return [f"{axis.values[cell * every]:g}" if cell % apart == 0 else "" for cell in range(cells)]


def _told(values: Mapping[str, float], x: HeatAxis, y: HeatAxis | None) -> str:
    named = [f"{axis.title} {values[axis.name]:g}" for axis in (x, y) if axis]
    return ", ".join(named)
