"""Indicator lines computed once for many runs over the same bars. Off unless somebody asks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from threading import Lock
from typing import Any

from marketdata.bars import Bars, Floats

Lines = Mapping[str, Floats]


class IndicatorMemory:
    """At most `most_bytes` of lines; the oldest make room. Threads may share one.

    Bars are known by identity: keep the same objects.
    """

    def __init__(self, most_bytes: int = 256 * 2**20) -> None:
        self._most, self._bytes = most_bytes, 0
        self._kept: dict[
            Any, tuple[Bars, Lines]
        ] = {}  # with the bars, so that no other gets their id
        self._lock = Lock()

    @contextmanager
    def used(self) -> Iterator[None]:
        """Within it this thread's indicators are looked up here first, and kept here."""
        token = _CURRENT.set(self)
        try:
            yield
        finally:
            _CURRENT.reset(token)

    def get(self, key: Any) -> Lines | None:
        """What was kept, or None."""
        found = self._kept.get(key)
        return found[1] if found else None

    def put(self, key: Any, bars: Bars, lines: Lines) -> None:
        """Keep `lines`, and let go of the oldest if they are too many."""
        with self._lock:
            if key in self._kept:
                return
            self._kept[key] = (bars, lines)
            self._bytes += _size(lines)
            while self._bytes > self._most and len(self._kept) > 1:
                oldest = next(iter(self._kept))
                self._bytes -= _size(self._kept.pop(oldest)[1])


_CURRENT: ContextVar[IndicatorMemory | None] = ContextVar("indicator_memory", default=None)


def remembered(bars: Bars, name: str, params: Mapping[str, Any]) -> Lines | None:
    """The lines, if a memory is in use and has them."""
    memory = _CURRENT.get()
    return memory.get(_key(bars, name, params)) if memory else None


def remember(bars: Bars, name: str, params: Mapping[str, Any], lines: Lines) -> None:
    """Keep the lines, if a memory is in use."""
    memory = _CURRENT.get()
    if memory:
        memory.put(_key(bars, name, params), bars, lines)


def _key(bars: Bars, name: str, params: Mapping[str, Any]) -> Any:
    return (id(bars), name, *sorted(params.items()))


def _size(lines: Lines) -> int:
    return sum(line.nbytes for line in lines.values())
