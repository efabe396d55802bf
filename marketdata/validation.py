"""What a row must be before it is stored. Pure: no database, no clock, no network."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from math import isfinite

from marketdata.exchanges.protocol import CandleRow, SymbolSpec, TickerRow
from marketdata.timeframes import Timeframe


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row that may not be stored: its place among the rows given, and why."""

    index: int
    row: CandleRow
    reason: str


@dataclass(slots=True)
class Checked:
    """Rows that may be stored (ascending, each open time once), and the others."""

    good: list[CandleRow] = field(default_factory=list)
    bad: list[BadRow] = field(default_factory=list)
    duplicates: int = 0


def candle_fault(row: CandleRow, timeframe: Timeframe, now_ms: int) -> str | None:
    """Why this row can't be a closed candle of `timeframe` at `now_ms`; None if it can."""
    return _number_fault(row) or _time_fault(row[0], timeframe, now_ms)


def _number_fault(row: CandleRow) -> str | None:
    _, open_, high, low, close, volume = row
    if not all(map(isfinite, row[1:])):
        return "not a finite number"
    if min(row[1:5]) <= 0:
        return "a price is not above zero"
    if high < max(open_, close, low):
        return "the high is below another price"
    if low > min(open_, close):
        return "the low is above another price"
    if volume < 0:
        return "the volume is negative"
    return None


def _time_fault(open_ms: int, timeframe: Timeframe, now_ms: int) -> str | None:
    if open_ms < 0:
        return "no time"
    if open_ms % timeframe.ms:
        return f"the time is not on a {timeframe} boundary"
    if open_ms + timeframe.ms > now_ms:
        return "the candle is not closed yet"
    return None


def check_candles(rows: Iterable[CandleRow], timeframe: Timeframe, now_ms: int) -> Checked:
    """Sort rows into good and bad. A repeated equal row is counted once as a duplicate."""
    checked = Checked()
    seen: dict[int, CandleRow] = {}
    for index, row in enumerate(rows):
        reason = candle_fault(row, timeframe, now_ms)
        known = seen.get(row[0]) if reason is None else None
        if known == row:
            checked.duplicates += 1
            continue
        if known is not None:
            reason = "another row with this time has other numbers"
        elif reason is None and checked.good and row[0] < checked.good[-1][0]:
            reason = "out of order: it is older than the row before it"
        if reason is None:
            seen[row[0]] = row
            checked.good.append(row)
        else:
            checked.bad.append(BadRow(index, row, reason))
    return checked


def ticker_fault(row: TickerRow) -> str | None:
    """Why this quote can't be shown or traded on; None if it can."""
    numbers = [row.last, row.bid, row.ask, row.bid_qty, row.ask_qty, row.change_24h, row.volume_24h]
    if not all(isfinite(number) for number in numbers if number is not None):
        return "not a finite number"
    if any(price <= 0 for price in (row.last, row.bid, row.ask) if price is not None):
        return "a price is not above zero"
    if row.bid is not None and row.ask is not None and row.bid > row.ask:
        return "the bid is above the ask"
    if row.at_ms <= 0:
        return "no time"
    return None


def symbol_fault(spec: SymbolSpec) -> str | None:
    """Why orders could not be rounded by this description; None if they can."""
    decimals = (spec.price_tick, spec.qty_step, spec.min_qty, spec.min_notional)
    if not all(value.is_finite() for value in decimals):
        return "not a finite number"
    if spec.price_tick <= 0 or spec.qty_step <= 0:
        return "no price or quantity step"
    if spec.min_qty < 0 or spec.min_notional < 0:
        return "a minimum is negative"
    if not (spec.base and spec.quote):
        return "no base or quote asset"
    return None


def missing_ranges(
    open_times: Iterable[int], from_ms: int, to_ms: int, step_ms: int
) -> list[tuple[int, int]]:
    """Holes [from, to) in [from_ms, to_ms) of a row of ascending open times on the grid."""
    holes = []
    expected = from_ms
    for at in open_times:
        if at > expected:
            holes.append((expected, at))
        expected = at + step_ms
    if expected < to_ms:
        holes.append((expected, to_ms))
    return holes
