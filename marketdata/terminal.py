"""What commands of market data show: a progress bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

from types import TracebackType
from typing import Protocol

from config import clock
from marketdata.services import ImportSummary

WIDTH = 28
BAD_ROWS_SHOWN = 20
HOLES_SHOWN = 20


class Output(Protocol):
    def write(self, msg: str, style_func: None = None, ending: str | None = None) -> None: ...

    def flush(self) -> None: ...

    def isatty(self) -> bool: ...


class ProgressBar:
    """`show(percent, text)` draws one line over itself, or prints each quarter."""

    def __init__(self, out: Output, title: str) -> None:
        self._out = out
        self._title = title
        self._live = out.isatty()
        self._quarter = -1

    def __enter__(self) -> ProgressBar:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._live:
            self._out.write("\r\033[K", ending="")

    def show(self, percent: int, text: str) -> None:
        if self._live:
            filled = "#" * (WIDTH * percent // 100)
            line = f"\r\033[K{self._title} [{filled:.<{WIDTH}}] {percent:3d} % {text}"
            self._out.write(line, ending="")
            self._out.flush()
        elif percent // 25 > self._quarter:
            self._quarter = percent // 25
            self._out.write(f"{self._title} {percent} % {text}")


def import_report(summary: ImportSummary) -> str:
    """The summary of one imported file, its bad rows first."""
    lines = [f"  line {bad.line}: {bad.reason}" for bad in summary.bad[:BAD_ROWS_SHOWN]]
    if len(summary.bad) > BAD_ROWS_SHOWN:
        lines.append(f"  and {len(summary.bad) - BAD_ROWS_SHOWN} more bad rows")
    if summary.bad:
        lines.insert(0, f"Bad rows, left out and kept as dead letters: {len(summary.bad)}")
    lines += _holes(summary)
    lines += _table(summary)
    if summary.nothing_changed:
        lines.append("Nothing has changed: all of it was stored before.")
    return "\n".join(lines)


def _holes(summary: ImportSummary) -> list[str]:
    if not summary.holes:
        return []
    step = summary.timeframe.ms
    missing = sum(stop - start for start, stop in summary.holes) // step
    lines = [f"Gaps, kept in the ledger: {len(summary.holes)}, candles missing: {missing}"]
    lines += [
        f"  {_at(start)} to {_at(stop - step)}: {(stop - start) // step}"
        for start, stop in summary.holes[:HOLES_SHOWN]
    ]
    if len(summary.holes) > HOLES_SHOWN:
        lines.append(f"  and {len(summary.holes) - HOLES_SHOWN} more")
    return lines


def _table(summary: ImportSummary) -> list[str]:
    numbers = {
        "rows read": summary.rows,
        "stored": summary.inserted,
        "replaced": summary.changed,
        "as before": summary.unchanged,
        "duplicates": summary.duplicates,
        "bad": len(summary.bad),
        "gaps": len(summary.holes),
        "indicator values": summary.values,
    }
    head = (
        f"{summary.symbol} {summary.timeframe}, {_at(summary.first_ms)} to {_at(summary.last_ms)}"
    )
    return [head, *(f"  {name:<18}{number:>10,}" for name, number in numbers.items())]


def _at(ms: int) -> str:
    return f"{clock.from_ms(ms):%Y-%m-%d %H:%M} UTC"
