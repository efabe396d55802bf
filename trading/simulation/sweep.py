"""Many parameter sets over the same bars: on all cores, in memory that doesn't grow with them."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

from marketdata.indicator_memory import IndicatorMemory
from strategies.protocol import Params
from trading.simulation.engine import Room, run
from trading.simulation.run import Lane, Rules, Run

T = TypeVar("T")
Course = Callable[[Params], tuple[Sequence[Lane], Rules]]
AHEAD = 16  # parameter sets in the works, for each core


def sweep(
    many: Iterable[Params], course: Course, look: Callable[[Run], T], *, cores: int | None = None
) -> Iterator[tuple[Params, T]]:
    """Each parameter set with what `look` saw in its run, in their order.

    `course` gives lanes and rules of a parameter set; over the same `Bars` objects indicators
    are computed once. A run lasts as long as `look` does: its memory is used again. `cores`
    is the number of threads, all cores by default. What a strategy raises comes out here.
    """
    memory, own = IndicatorMemory(), threading.local()

    def one(params: Params) -> T:
        own.room = getattr(own, "room", None) or Room()
        with memory.used():
            lanes, rules = course(params)
            return look(run(lanes, rules, room=own.room))

    threads = cores or os.cpu_count() or 1
    waiting = iter(many)
    with ThreadPoolExecutor(threads) as pool:
        while batch := list(islice(waiting, AHEAD * threads)):
            yield from zip(batch, pool.map(one, batch), strict=True)
