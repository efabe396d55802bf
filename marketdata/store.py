"""Rows in bulk, in and out, by raw SQL: an ORM object per candle costs ten times as much.

Every range is half-open by open time: [from_ms, to_ms). Writers run inside the caller's
transaction.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import orjson
from django.db import connection, transaction
from numpy.typing import NDArray

from marketdata.bars import Bars, Floats, Ints
from marketdata.candle_triggers import BLOCK_MS
from marketdata.exchanges.protocol import CandleRow

ValueRow: TypeAlias = tuple[int, str, int, float]

# From this many rows on a COPY into a stage table beats single inserts on PostgreSQL.
COPY_FROM_ROWS = 200
FIRST_MS, END_MS = -(2**62), 2**62
ROWS_AT_ONCE = 5_000

_CANDLE_TYPES = ["int8", *["float8"] * 5]
_VALUE_TYPES = ["int8", "text", "int8", "float8"]

# The statements are literals, so that nothing is ever pasted into one.
_CANDLES = (
    "SELECT open_ms, open, high, low, close, volume FROM marketdata_candle "
    "WHERE symbol_id = %s AND timeframe = %s AND open_ms >= %s AND open_ms < %s "
    "ORDER BY open_ms"
)
# The server packs the rows: 1M of them are one value of 48 MB instead of 6M Python objects.
_PACKED_CANDLES = (
    "SELECT string_agg(int8send(open_ms) || float8send(open) || float8send(high) || "
    "float8send(low) || float8send(close) || float8send(volume), '') FROM ("
    "SELECT open_ms, open, high, low, close, volume FROM marketdata_candle "
    "WHERE symbol_id = %s AND timeframe = %s AND open_ms >= %s AND open_ms < %s "
    "ORDER BY open_ms) AS ordered"
)
_PACKED = np.dtype([("open_ms", ">i8"), *((name, ">f8") for name in ("o", "h", "l", "c", "v"))])
_NEWEST_CANDLES = (
    "SELECT open_ms, open, high, low, close, volume FROM marketdata_candle "
    "WHERE symbol_id = %s AND timeframe = %s AND open_ms >= %s AND open_ms < %s "
    "ORDER BY open_ms DESC LIMIT %s"
)
# Open and close are read for the edges of each group, so that only their rows are looked up.
_MERGED_CANDLES = (
    "WITH merged AS (SELECT MIN(open_ms) AS first_ms, MAX(open_ms) AS last_ms, "
    "MAX(high) AS high, MIN(low) AS low, SUM(volume) AS volume FROM marketdata_candle "
    "WHERE symbol_id = %s AND timeframe = %s AND open_ms >= %s AND open_ms < %s "
    "GROUP BY open_ms / %s) "
    "SELECT first_ms, opening.open, merged.high, merged.low, closing.close, merged.volume "
    "FROM merged "
    "JOIN marketdata_candle opening ON opening.symbol_id = %s AND opening.timeframe = %s "
    "AND opening.open_ms = first_ms "
    "JOIN marketdata_candle closing ON closing.symbol_id = %s AND closing.timeframe = %s "
    "AND closing.open_ms = last_ms "
    "ORDER BY first_ms DESC LIMIT %s"
)
_OPEN_TIMES = (
    "SELECT open_ms FROM marketdata_candle "
    "WHERE symbol_id = %s AND timeframe = %s AND open_ms >= %s AND open_ms < %s "
    "ORDER BY open_ms"
)
_OPEN_BEFORE = (
    "SELECT open_ms FROM marketdata_candle WHERE symbol_id = %s AND timeframe = %s "
    "AND open_ms < %s ORDER BY open_ms DESC LIMIT 1 OFFSET %s"
)
_REVISIONS = (
    "SELECT block, revision FROM marketdata_candlerevision "
    "WHERE symbol_id = %s AND timeframe = %s AND block >= %s AND block <= %s ORDER BY block"
)
# Not MIN and MAX: SQLite would read the whole range for them.
_FIRST = (
    "SELECT open_ms FROM marketdata_candle "
    "WHERE symbol_id = %s AND timeframe = %s AND open_ms >= %s AND open_ms < %s "
    "ORDER BY open_ms LIMIT 1"
)
_LATEST = (
    "SELECT open_ms FROM marketdata_candle "
    "WHERE symbol_id = %s AND timeframe = %s AND open_ms >= %s AND open_ms < %s "
    "ORDER BY open_ms DESC LIMIT 1"
)
_UPSERT_CANDLE = (
    "INSERT INTO marketdata_candle "
    "(symbol_id, timeframe, open_ms, open, high, low, close, volume) "
    "VALUES (%s, %s, %s, %s, %s, %s, %s, %s) "
    "ON CONFLICT (symbol_id, timeframe, open_ms) DO UPDATE SET open = excluded.open, "
    "high = excluded.high, low = excluded.low, close = excluded.close, volume = excluded.volume"
)
_STAGE_CANDLES = (
    "CREATE TEMP TABLE IF NOT EXISTS stage_candle (open_ms int8, open float8, high float8, "
    "low float8, close float8, volume float8) ON COMMIT DROP"
)
_UPSERT_STAGED_CANDLES = (
    "INSERT INTO marketdata_candle "
    "(symbol_id, timeframe, open_ms, open, high, low, close, volume) "
    "SELECT %s, %s, open_ms, open, high, low, close, volume FROM stage_candle "
    "ON CONFLICT (symbol_id, timeframe, open_ms) DO UPDATE SET open = excluded.open, "
    "high = excluded.high, low = excluded.low, close = excluded.close, volume = excluded.volume"
)
_VALUES = (
    "SELECT open_ms, value FROM marketdata_indicatorvalue "
    "WHERE spec_id = %s AND line = %s AND open_ms >= %s AND open_ms < %s ORDER BY open_ms"
)
_NEWEST_VALUES = (
    "SELECT open_ms, value FROM marketdata_indicatorvalue "
    "WHERE spec_id = %s AND line = %s AND open_ms >= %s AND open_ms < %s "
    "ORDER BY open_ms DESC LIMIT %s"
)
_UPSERT_VALUE = (
    "INSERT INTO marketdata_indicatorvalue (spec_id, line, open_ms, value) "
    "VALUES (%s, %s, %s, %s) "
    "ON CONFLICT (spec_id, line, open_ms) DO UPDATE SET value = excluded.value"
)
# One statement for many rows: half the time of SQLite's one step per row.
VALUES_AT_ONCE = 100
_UPSERT_VALUES = (
    "INSERT INTO marketdata_indicatorvalue (spec_id, line, open_ms, value) "
    "VALUES "
    + ", ".join(["(%s, %s, %s, %s)"] * VALUES_AT_ONCE)
    + " ON CONFLICT (spec_id, line, open_ms) DO UPDATE SET value = excluded.value"
)
_STAGE_VALUES = (
    "CREATE TEMP TABLE IF NOT EXISTS stage_value "
    "(spec_id int8, line text, open_ms int8, value float8) ON COMMIT DROP"
)
_UPSERT_STAGED_VALUES = (
    "INSERT INTO marketdata_indicatorvalue (spec_id, line, open_ms, value) "
    "SELECT spec_id, line, open_ms, value FROM stage_value "
    "ON CONFLICT (spec_id, line, open_ms) DO UPDATE SET value = excluded.value"
)


@dataclass(frozen=True, slots=True)
class Stored:
    """What an insert of candles did; `from_ms`/`to_ms` bound the rows that are new or changed."""

    inserted: int
    unchanged: int
    changed: int
    from_ms: int | None = None
    to_ms: int | None = None


def insert_candles(symbol_id: int, timeframe: str, rows: Sequence[CandleRow]) -> Stored:
    """Store validated rows (ordered, each open time once); a row that differs replaces the old."""
    if not rows:
        return Stored(0, 0, 0)
    given = np.array(rows, dtype=np.float64)
    stored = _candle_array(symbol_id, timeframe, rows[0][0], rows[-1][0] + 1)
    known, same = _compare(given, stored)
    wanted = [row for row, skip in zip(rows, same.tolist(), strict=True) if not skip]
    if not wanted:
        return Stored(0, len(rows), 0)
    _write_candles(symbol_id, timeframe, wanted)
    changed = int((known & ~same).sum())
    return Stored(
        inserted=len(wanted) - changed,
        unchanged=len(rows) - len(wanted),
        changed=changed,
        from_ms=wanted[0][0],
        to_ms=wanted[-1][0] + 1,
    )


def _compare(given: Floats, stored: Floats) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Which given rows are stored already, and which of those are equal."""
    if not len(stored):
        nothing = np.zeros(len(given), dtype=bool)
        return nothing, nothing
    at = np.minimum(np.searchsorted(stored[:, 0], given[:, 0]), len(stored) - 1)
    known = stored[at, 0] == given[:, 0]
    return known, known & (stored[at] == given).all(axis=1)


def _write_candles(symbol_id: int, timeframe: str, rows: Sequence[CandleRow]) -> None:
    # The stage lives as long as a transaction.
    with transaction.atomic(savepoint=False), connection.cursor() as cursor:
        if _worth_copying(rows):
            cursor.execute(_STAGE_CANDLES)
            cursor.execute("TRUNCATE stage_candle")
            _copy(cursor, "COPY stage_candle FROM STDIN (FORMAT BINARY)", _CANDLE_TYPES, rows)
            cursor.execute(_UPSERT_STAGED_CANDLES, [symbol_id, timeframe])
        else:
            cursor.executemany(_UPSERT_CANDLE, [(symbol_id, timeframe, *row) for row in rows])


def _worth_copying(rows: Sequence[object]) -> bool:
    return connection.vendor == "postgresql" and len(rows) >= COPY_FROM_ROWS


def _copy(cursor: Any, statement: str, types: list[str], rows: Sequence[Sequence[object]]) -> None:
    with cursor.copy(statement) as copy:
        copy.set_types(types)
        for row in rows:
            copy.write_row(row)


def candle_rows(
    symbol_id: int,
    timeframe: str,
    *,
    from_ms: int | None = None,
    to_ms: int | None = None,
    limit: int | None = None,
) -> list[CandleRow]:
    """Stored candles in [from_ms, to_ms), oldest first; with `limit` the newest that many."""
    params = [symbol_id, timeframe, *_bounds(from_ms, to_ms)]
    return _fetch(_CANDLES, _NEWEST_CANDLES, params, limit)


def merged_candle_rows(
    symbol_id: int,
    timeframe: str,
    *,
    width_ms: int,
    from_ms: int | None = None,
    to_ms: int | None = None,
    limit: int,
) -> list[CandleRow]:
    """Stored candles as wider ones of `width_ms`, aligned to the epoch; the newest `limit`.

    A wide candle at an edge of the range holds only what of it is inside.
    """
    series: list[Any] = [symbol_id, timeframe]
    params = [*series, *_bounds(from_ms, to_ms), width_ms, *series, *series, limit]
    with connection.cursor() as cursor:
        cursor.execute(_MERGED_CANDLES, params)
        rows = cursor.fetchall()[::-1]
    return [(first // width_ms * width_ms, *rest) for first, *rest in rows]


def candle_rows_json(
    symbol_id: int,
    timeframe: str,
    *,
    from_ms: int | None = None,
    to_ms: int | None = None,
    limit: int | None = None,
) -> bytes:
    """`candle_rows` as JSON: an array of [open_ms, open, high, low, close, volume]."""
    return orjson.dumps(
        candle_rows(symbol_id, timeframe, from_ms=from_ms, to_ms=to_ms, limit=limit)
    )


def load_bars(
    symbol_id: int,
    timeframe: str,
    *,
    from_ms: int | None = None,
    to_ms: int | None = None,
    limit: int | None = None,
) -> Bars:
    """`candle_rows` as arrays. `to_ms` is exclusive: the candle that opens there isn't in."""
    if limit is None:
        params = [symbol_id, timeframe, *_bounds(from_ms, to_ms)]
        packed = connection.vendor == "postgresql"
        return _load_packed(params) if packed else _load_flat(params)
    return bars_of(candle_rows(symbol_id, timeframe, from_ms=from_ms, to_ms=to_ms, limit=limit))


def _load_packed(params: list[Any]) -> Bars:
    import psycopg  # only here: PostgreSQL may be absent

    connection.ensure_connection()
    # Django's own cursors bind in the client and then can't answer in binary.
    with connection.wrap_database_errors, psycopg.Cursor(connection.connection) as cursor:
        cursor.execute(_PACKED_CANDLES, params, binary=True)
        row = cursor.fetchone()
    table = np.frombuffer(row[0] if row and row[0] else b"", _PACKED)
    times, *prices = (np.ascontiguousarray(table[name]) for name in _PACKED.names or ())
    return Bars(times.astype(np.int64), *(column.astype(np.float64) for column in prices))


def _load_flat(params: list[Any]) -> Bars:
    with connection.cursor() as cursor:
        cursor.execute(_CANDLES, params)
        packs = iter(lambda: cursor.fetchmany(ROWS_AT_ONCE), [])
        cells = itertools.chain.from_iterable(itertools.chain.from_iterable(packs))
        table = np.fromiter(cells, dtype=np.float64).reshape(-1, 6)
    times, *prices = np.ascontiguousarray(table.T)
    return Bars(times.astype(np.int64), *prices)


def bars_of(rows: Sequence[CandleRow]) -> Bars:
    """Rows as arrays."""
    if not rows:
        return Bars.empty()
    table = np.ascontiguousarray(np.array(rows, dtype=np.float64).T)
    return Bars(table[0].astype(np.int64), table[1], table[2], table[3], table[4], table[5])


def latest_open_ms(symbol_id: int, timeframe: str, *, before_ms: int | None = None) -> int | None:
    """Open time of the newest stored candle (of those that open before `before_ms`)."""
    return _edge(_LATEST, symbol_id, timeframe, _bounds(None, before_ms))


def first_open_ms(symbol_id: int, timeframe: str, *, from_ms: int | None = None) -> int | None:
    """Open time of the oldest stored candle (of those that open at `from_ms` or later)."""
    return _edge(_FIRST, symbol_id, timeframe, _bounds(from_ms, None))


def open_before(symbol_id: int, timeframe: str, *, to_ms: int, count: int) -> int | None:
    """Open time of the `count`-th candle before `to_ms`, of the oldest if there are fewer."""
    with connection.cursor() as cursor:
        cursor.execute(_OPEN_BEFORE, [symbol_id, timeframe, to_ms, count - 1])
        row: tuple[int] | None = cursor.fetchone()
    if row:
        return row[0]
    first = first_open_ms(symbol_id, timeframe)
    return first if first is not None and first < to_ms else None


def revisions(symbol_id: int, timeframe: str, *, from_ms: int, to_ms: int) -> list[tuple[int, str]]:
    """(block, revision) of each block in [from_ms, to_ms): other when a candle in it is other."""
    blocks = [int(at / BLOCK_MS) for at in (from_ms, to_ms)]  # towards zero, as in SQL
    with connection.cursor() as cursor:
        cursor.execute(_REVISIONS, [symbol_id, timeframe, *blocks])
        return list(cursor.fetchall())


def open_times(symbol_id: int, timeframe: str, from_ms: int, to_ms: int) -> Ints:
    """Open times of the stored candles in [from_ms, to_ms), ascending."""
    with connection.cursor() as cursor:
        cursor.execute(_OPEN_TIMES, [symbol_id, timeframe, from_ms, to_ms])
        return np.fromiter((row[0] for row in cursor.fetchall()), dtype=np.int64)


def insert_indicator_values(rows: Sequence[ValueRow]) -> None:
    """Store (spec id, line, open_ms, value) rows; a value that is there already is replaced."""
    with transaction.atomic(savepoint=False), connection.cursor() as cursor:
        if _worth_copying(rows):
            cursor.execute(_STAGE_VALUES)
            cursor.execute("TRUNCATE stage_value")
            _copy(cursor, "COPY stage_value FROM STDIN (FORMAT BINARY)", _VALUE_TYPES, rows)
            cursor.execute(_UPSERT_STAGED_VALUES)
            return
        whole = len(rows) - len(rows) % VALUES_AT_ONCE
        if whole:
            starts = range(0, whole, VALUES_AT_ONCE)
            packs = [
                [cell for row in rows[at : at + VALUES_AT_ONCE] for cell in row] for at in starts
            ]
            cursor.executemany(_UPSERT_VALUES, packs)
        if rows[whole:]:
            cursor.executemany(_UPSERT_VALUE, rows[whole:])


def indicator_rows(
    spec_id: int,
    lines: Sequence[str],
    *,
    from_ms: int | None = None,
    to_ms: int | None = None,
    limit: int | None = None,
) -> dict[str, list[tuple[int, float]]]:
    """(open_ms, value) of each line, oldest first; with `limit` the newest that many."""
    bounds = _bounds(from_ms, to_ms)
    return {
        line: _fetch(_VALUES, _NEWEST_VALUES, [spec_id, line, *bounds], limit) for line in lines
    }


def _fetch(all_of: str, newest_of: str, params: list[Any], limit: int | None) -> list[Any]:
    with connection.cursor() as cursor:
        if limit is None:
            cursor.execute(all_of, params)
            return list(cursor.fetchall())
        cursor.execute(newest_of, [*params, limit])
        return list(cursor.fetchall())[::-1]


def _edge(statement: str, symbol_id: int, timeframe: str, bounds: tuple[int, int]) -> int | None:
    with connection.cursor() as cursor:
        cursor.execute(statement, [symbol_id, timeframe, *bounds])
        row: tuple[int] | None = cursor.fetchone()
    return row[0] if row else None


def _bounds(from_ms: int | None, to_ms: int | None) -> tuple[int, int]:
    return (FIRST_MS if from_ms is None else from_ms, END_MS if to_ms is None else to_ms)


def _candle_array(symbol_id: int, timeframe: str, from_ms: int, to_ms: int) -> Floats:
    rows = candle_rows(symbol_id, timeframe, from_ms=from_ms, to_ms=to_ms)
    return np.array(rows, dtype=np.float64).reshape(-1, 6)
