"""Candle files: CSV (also gzipped), Parquet and Feather with the usual column names, as rows.

pyarrow is imported here and only when a file needs it.
"""

from __future__ import annotations

import csv
import gzip
import io
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from itertools import pairwise
from math import isfinite, nan
from pathlib import Path
from typing import IO, Any
from zlib import error as ZlibError

from marketdata.errors import CandleFileInvalid
from marketdata.exchanges.protocol import CandleRow
from marketdata.timeframes import Timeframe

Progress = Callable[[int, str], None]

FORMATS = (".csv", ".csv.gz", ".parquet", ".feather")
NAMES = {
    "time": (
        "timestamp", "time", "date", "datetime", "open_time", "opentime", "open time", "start",
        "ts", "t", "unix", "__index_level_0__",
    ),
    "open": ("open", "o", "open_price"),
    "high": ("high", "h", "high_price"),
    "low": ("low", "l", "low_price"),
    "close": ("close", "c", "close_price"),
    "volume": ("volume", "vol", "v", "base_volume", "volume_base"),
}  # fmt: skip
# The quote assets that a name without a separator may end in, longest first.
QUOTES = ("FDUSD", "USDT", "USDC", "BUSD", "TUSD", "USD", "EUR", "BTC", "ETH", "BNB")
REPORT_ROWS = 5_000
FINEST_DIGITS = 8

_FILE_NAME = re.compile(
    r"^(?P<base>[A-Za-z0-9]+?)(?:[_-](?P<quote>[A-Za-z]{3,5}))?[_-](?P<timeframe>\d+[mhd])(?![a-z0-9])"
)


@dataclass(slots=True)
class CandleFile:
    """Rows as they stand in the file, oldest first; `lines` says where. Not validated."""

    rows: list[CandleRow] = field(default_factory=list)
    lines: list[int] = field(default_factory=list)

    def add(self, line: int, row: CandleRow) -> None:
        self.rows.append(row)
        self.lines.append(line)


@dataclass(frozen=True, slots=True)
class Guess:
    """What a file's name says about its content; None where it says nothing."""

    symbol: str | None
    timeframe: Timeframe | None


def guess_from_name(path: Path) -> Guess:
    """From a name such as BTC_USDT-5m-20240101.csv.gz or BTCUSDT-1h.parquet."""
    found = _FILE_NAME.match(path.name)
    if not found:
        return Guess(None, None)
    known = {str(timeframe): timeframe for timeframe in Timeframe}
    return Guess(_pair(found["base"].upper(), found["quote"]), known.get(found["timeframe"]))


def _pair(base: str, quote: str | None) -> str | None:
    if quote:
        return f"{base}/{quote.upper()}"
    for ending in QUOTES:
        if base.endswith(ending) and base != ending:
            return f"{base.removesuffix(ending)}/{ending}"
    return None


def guess_timeframe(rows: Sequence[CandleRow]) -> Timeframe | None:
    """The length whose step is the most frequent one between rows."""
    steps = Counter(later[0] - row[0] for row, later in pairwise(rows))
    usual = steps.most_common(1)[0][0] if steps else 0
    return next((timeframe for timeframe in Timeframe if timeframe.ms == usual), None)


def finest_digits(rows: Sequence[CandleRow]) -> tuple[Decimal, Decimal]:
    """Price tick and quantity step: the finest decimal digits printed, at most 8."""
    prices = {number for row in rows for number in row[1:5]}
    volumes = {row[5] for row in rows}
    return _step(prices), _step(volumes)


def _step(numbers: set[float]) -> Decimal:
    digits = max((_digits(number) for number in numbers if isfinite(number)), default=0)
    return Decimal(1).scaleb(-digits)


def _digits(number: float) -> int:
    """Decimals that a number is printed with, without the noise of binary sums: 0.1 + 0.2."""
    text = repr(round(number, FINEST_DIGITS))
    if "e" in text:
        return max(0, -int(Decimal(text).as_tuple().exponent))
    decimals = text.partition(".")[2]
    return 0 if decimals == "0" else len(decimals)


def read_candles(path: Path, progress: Progress) -> CandleFile:
    """All rows of the file. Refuses CandleFileInvalid in one sentence for what is no candle file.

    A cell that is no number becomes NaN and a time that is none becomes -1: validation names
    them with their line. A file that runs backwards is turned round.
    """
    if not path.is_file():
        raise CandleFileInvalid(f"There is no file {path}.")
    if not path.name.lower().endswith(FORMATS):
        raise CandleFileInvalid(f"{path.name} is none of {', '.join(FORMATS)}.")
    reader = _read_csv if path.name.lower().endswith((".csv", ".csv.gz")) else _read_columns
    try:
        file = reader(path, progress)
    except (EOFError, OSError, UnicodeDecodeError, ZlibError, csv.Error) as error:
        raise CandleFileInvalid(f"{path.name} can't be read: {error}.") from error
    if not file.rows:
        raise CandleFileInvalid(f"{path.name} holds no candles.")
    times = [row[0] for row in file.rows]
    if len(times) > 1 and all(later < at for at, later in pairwise(times)):
        file.rows.reverse()
        file.lines.reverse()
    return file


@contextmanager
def _text(path: Path) -> Iterator[tuple[IO[str], Callable[[], int]]]:
    """The file as text, and how many per cent of it are read."""
    size = max(1, path.stat().st_size)
    with path.open("rb") as raw:
        packed = path.name.lower().endswith(".gz")
        binary: Any = gzip.GzipFile(fileobj=raw) if packed else raw
        with io.TextIOWrapper(binary, encoding="utf-8-sig", newline="") as text:
            yield text, lambda: min(100, 100 * raw.tell() // size)


def _read_csv(path: Path, progress: Progress) -> CandleFile:
    file = CandleFile()
    with _text(path) as (text, percent):
        first = text.readline()
        if not first.strip():
            return file
        delimiter = max(",;\t", key=first.count)
        head = next(csv.reader([first], delimiter=delimiter), [])
        # Dumps of exchanges have no header: time, open, high, low, close, volume, ...
        bare = len(head) >= 6 and all(isfinite(_number(cell)) for cell in head[:6])
        places = list(range(6)) if bare else _places(head, path)
        if bare:
            file.add(1, _row([head[place] for place in places]))
        reader = csv.reader(text, delimiter=delimiter)
        for cells in reader:
            if cells:
                picked = [cells[place] if place < len(cells) else "" for place in places]
                file.add(reader.line_num + 1, _row(picked))
            if reader.line_num % REPORT_ROWS == 0:
                progress(percent(), f"{len(file.rows)} rows read")
    return file


def _places(head: Sequence[str], path: Path) -> list[int]:
    """Which column holds what."""
    names = [name.strip().lower() for name in head]
    places = []
    for column, known in NAMES.items():
        place = next((names.index(name) for name in known if name in names), None)
        if place is None:
            there = ", ".join(name for name in names if name) or "none"
            raise CandleFileInvalid(f"{path.name} has no column for {column}; it has: {there}.")
        places.append(place)
    return places


def _read_columns(path: Path, progress: Progress) -> CandleFile:
    import pyarrow as pa
    from pyarrow import feather, parquet

    try:
        read = parquet.read_table if path.name.lower().endswith(".parquet") else feather.read_table
        table = read(path)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise CandleFileInvalid(f"{path.name} can't be read: {error}.") from error
    progress(50, f"{table.num_rows} rows read")
    columns = [table.column(place) for place in _places(table.column_names, path)]
    if pa.types.is_timestamp(columns[0].type):
        columns[0] = columns[0].cast(pa.timestamp("ms"), safe=False).cast(pa.int64())
    file = CandleFile()
    values = (column.to_pylist() for column in columns)
    for line, cells in enumerate(zip(*values, strict=True), start=1):
        file.add(line, _row(cells))
    progress(100, f"{len(file.rows)} rows read")
    return file


def _row(cells: Sequence[Any]) -> CandleRow:
    return (
        _time_ms(cells[0]),
        _number(cells[1]),
        _number(cells[2]),
        _number(cells[3]),
        _number(cells[4]),
        _number(cells[5]),
    )


def _number(cell: Any) -> float:
    try:
        return float(cell)
    except (TypeError, ValueError):
        return nan


def _time_ms(cell: Any) -> int:
    """Seconds, ms, us or ns since the epoch by their size, or an ISO time (UTC unless it says)."""
    if isinstance(cell, int) or (isinstance(cell, str) and cell.isdecimal()):
        return _scaled(int(cell))
    number = _number(cell)
    if isfinite(number):
        return _scaled(int(number)) if abs(number) > 1e11 else round(number * 1000)
    try:
        at = cell if isinstance(cell, datetime) else datetime.fromisoformat(str(cell).strip())
    except ValueError:
        return -1
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    return round(at.timestamp() * 1000)


def _scaled(stamp: int) -> int:
    for limit, divisor in ((10**14, 1), (10**17, 1000)):
        if stamp < limit:
            return stamp * 1000 if stamp < 10**11 else stamp // divisor
    return stamp // 10**6
