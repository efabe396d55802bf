"""Candles from files: one file is one transaction, and a second import changes nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from pathlib import Path

from django.db import transaction

from config import clock
from marketdata import files
from marketdata.errors import CandleFileInvalid
from marketdata.files import CandleFile
from marketdata.indicators import DEFAULT_SPECS
from marketdata.models import Symbol
from marketdata.queries import resolve_symbol
from marketdata.services._candles import IngestResult, store_checked
from marketdata.services._indicators import subscribe_indicators
from marketdata.services._symbols import recorded_symbol
from marketdata.timeframes import Timeframe
from marketdata.validation import Checked, check_candles

Progress = Callable[[int, str], None]

RECORDED = "recorded"
# What exchanges ask for on such pairs; files don't say.
MIN_NOTIONAL = Decimal(5)


@dataclass(frozen=True, slots=True)
class BadLine:
    """A row that was left out, where it stands in the file, and why."""

    line: int
    reason: str


@dataclass(frozen=True, slots=True)
class ImportSummary:
    """What one file did. `holes` are [from_ms, to_ms) without candles around its rows."""

    path: Path
    symbol: Symbol
    timeframe: Timeframe
    rows: int
    inserted: int
    unchanged: int
    changed: int
    duplicates: int
    values: int
    first_ms: int
    last_ms: int
    bad: list[BadLine] = field(default_factory=list)
    holes: list[tuple[int, int]] = field(default_factory=list)

    @property
    def nothing_changed(self) -> bool:
        return not (self.inserted or self.changed)


def import_candles(
    *,
    path: Path,
    now: datetime,
    exchange: str = RECORDED,
    symbol: str | None = None,
    timeframe: Timeframe | None = None,
    progress: Progress = lambda percent, message: None,
) -> ImportSummary:
    """Store the candles of one file, all good ones or, when it fails, none.

    Symbol and timeframe come from the file's name unless given. On "recorded" the symbol is made
    with the steps of its printed digits; another exchange must know it (SymbolUnknown). Refuses
    CandleFileInvalid for a file that is none, or that has not one usable row.
    """
    file = files.read_candles(path, lambda percent, text: progress(percent * 40 // 100, text))
    name, length = _identity(path, file, symbol, timeframe)
    checked = _checked(path, file, length, now)
    with transaction.atomic():
        row = _symbol(exchange, name, file, now)
        subscribe_indicators(symbol=row, timeframe=length, specs=DEFAULT_SPECS)
        result = store_checked(
            symbol=row,
            timeframe=length,
            checked=checked,
            now=now,
            source=path.name,
            progress=lambda percent, text: progress(50 + percent // 2, text),
        )
    return _summary(path, row, length, file, checked, result)


def _identity(
    path: Path, file: CandleFile, symbol: str | None, timeframe: Timeframe | None
) -> tuple[str, Timeframe]:
    """What these candles are of: as given, else by the file's name, else by its steps."""
    guess = files.guess_from_name(path)
    name = symbol or guess.symbol
    if name is None:
        raise CandleFileInvalid(f"{path.name} does not say its symbol: give it with --symbol.")
    length = timeframe or guess.timeframe or files.guess_timeframe(file.rows)
    if length is None:
        raise CandleFileInvalid(
            f"{path.name} does not say its timeframe: give it with --timeframe."
        )
    return name, length


def _checked(path: Path, file: CandleFile, timeframe: Timeframe, now: datetime) -> Checked:
    checked = check_candles(file.rows, timeframe, clock.to_ms(now))
    if not checked.good:
        first = checked.bad[0]
        line = file.lines[first.index]
        raise CandleFileInvalid(f"{path.name} has no usable row: line {line}: {first.reason}.")
    return checked


def _symbol(exchange: str, name: str, file: CandleFile, now: datetime) -> Symbol:
    if exchange != RECORDED:
        return resolve_symbol(f"{exchange}:{name}")
    base, _, quote = name.upper().replace("-", "/").replace("_", "/").partition("/")
    if not (base and quote):
        raise CandleFileInvalid(f"{name} is no pair such as BTC/USDT.")
    price_tick, qty_step = files.finest_digits(file.rows)
    return recorded_symbol(
        name=f"{base}/{quote}",
        price_tick=price_tick,
        qty_step=qty_step,
        min_notional=MIN_NOTIONAL,
        now=now,
    )


def _summary(
    path: Path,
    symbol: Symbol,
    timeframe: Timeframe,
    file: CandleFile,
    checked: Checked,
    result: IngestResult,
) -> ImportSummary:
    return ImportSummary(
        path=path,
        symbol=symbol,
        timeframe=timeframe,
        rows=len(file.rows),
        inserted=result.inserted,
        unchanged=result.unchanged,
        changed=result.changed,
        duplicates=result.duplicates,
        values=result.values,
        first_ms=checked.good[0][0],
        last_ms=checked.good[-1][0],
        bad=[BadLine(file.lines[one.index], one.reason) for one in result.bad],
        holes=result.holes,
    )
