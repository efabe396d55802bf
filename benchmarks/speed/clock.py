"""Times taken in turn, and what is said about them."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from statistics import median
from typing import Any

Times = dict[str, list[float]]


@dataclass(frozen=True)
class Bound:
    """What the engine shall reach; the number is measured, the bound isn't."""

    text: str
    value: float
    most: float | None = None
    least: float | None = None

    @property
    def kept(self) -> bool:
        """Whether it is reached."""
        over = self.most is not None and self.value > self.most
        return not over and (self.least is None or self.value >= self.least)

    def __str__(self) -> str:
        limit = f"at most {self.most:g}" if self.most is not None else f"at least {self.least:g}"
        return f"{'ok    ' if self.kept else 'MISSED'} {self.text}: {self.value:.3g} ({limit})"


@dataclass
class Section:
    """A table with its bounds; `wrong` says which results contradict each other."""

    title: str
    header: tuple[str, ...]
    rows: list[tuple[str, ...]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    bounds: list[Bound] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    data: dict[str, Any] = field(default_factory=dict)

    def add(self, *cells: str) -> None:
        """One row more."""
        self.rows.append(cells)

    def __str__(self) -> str:
        table = [self.header, *self.rows]
        widths = [max(len(row[i]) for row in table) for i in range(len(self.header))]
        lines = [
            "  ".join(
                cell.ljust(width) if i == 0 else cell.rjust(width)
                for i, (cell, width) in enumerate(zip(row, widths, strict=True))
            ).rstrip()
            for row in table
        ]
        lines.insert(1, "-" * (sum(widths) + 2 * len(widths) - 2))
        said = [*self.notes, *map(str, self.bounds), *(f"WRONG  {each}" for each in self.wrong)]
        return "\n".join(["", self.title, *lines, *said])


def interleaved(tasks: Mapping[str, Callable[[], object]], rounds: int) -> Times:
    """Seconds of each task, all of them in turn in each round: what slows the machine hits all."""
    for task in tasks.values():
        task()
    times: Times = {name: [] for name in tasks}
    for _ in range(rounds):
        for name, task in tasks.items():
            started = time.perf_counter()
            given = task()
            times[name].append(time.perf_counter() - started)
            del given
    return times


def ratio(times: Times, of: str, to: str) -> float:
    """The median of the ratios round by round."""
    return median(a / b for a, b in zip(times[of], times[to], strict=True))


def ms(seconds: float) -> str:
    """As text."""
    return f"{seconds * 1e3:.2f}" if seconds < 10 else f"{seconds * 1e3:.0f}"
