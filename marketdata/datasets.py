"""Candles for the engine: Arrow files on disk that are mapped into memory, never parsed.

A file is named by what is in it: symbol, timeframe, range, and the revisions of its blocks, which
the database changes with every write to a candle. So a file is never wrong, only unused; the
oldest unused ones make room.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
import zlib
from pathlib import Path
from typing import Any

import structlog
from django.conf import settings
from django.db import connection

from marketdata import store
from marketdata.bars import Bars
from marketdata.models import Symbol

log = structlog.get_logger(__name__)

FORMAT = "1"
NAMES = ("open_ms", "open", "high", "low", "close", "volume")
CHECKSUM = b"crc32"
MEGABYTE = 1_000_000


def load_dataset(*, symbol: Symbol, timeframe: str, from_ms: int, to_ms: int) -> Bars:
    """The stored candles in [from_ms, to_ms), byte for byte as `store.load_bars` gives them.

    From the second time on they come from a file, while no candle among them was written.
    Within a transaction always from the database: what it wrote may still be undone.
    """
    if connection.in_atomic_block or not settings.ENV.datasets_max_mb:
        return store.load_bars(symbol.pk, timeframe, from_ms=from_ms, to_ms=to_ms)
    # Before the candles: if they change in between, the file has a name that never comes again.
    stamp = store.revisions(symbol.pk, timeframe, from_ms=from_ms, to_ms=to_ms)
    named = [FORMAT, str(symbol), timeframe, from_ms, to_ms, stamp]
    path = folder() / f"{hashlib.sha256(repr(named).encode()).hexdigest()}.arrow"
    kept = _read(path)
    if kept is not None:
        return kept
    bars = store.load_bars(symbol.pk, timeframe, from_ms=from_ms, to_ms=to_ms)
    if len(bars) and stamp:
        _keep(path, bars)
    return bars


def folder() -> Path:
    """Where they lie."""
    root: Path = settings.STATE_DIR
    return root / "artifacts" / "datasets"


def _read(path: Path) -> Bars | None:
    """The file's columns, mapped; None when it isn't there or is damaged."""
    import pyarrow as pa  # not in the web process

    try:
        with pa.memory_map(str(path)) as source:
            reader = pa.ipc.open_file(source)
            batch = reader.get_batch(0)
        columns = [batch.column(name).to_numpy(zero_copy_only=True) for name in NAMES]
        whole = reader.schema.metadata[CHECKSUM] == _checksum(columns)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, LookupError, TypeError):
        whole = False
    if not whole:
        log.warning("dataset.damaged", file=path.name)
        path.unlink(missing_ok=True)
        return None
    with contextlib.suppress(OSError):
        os.utime(path)  # what is used stays longest
    return Bars(*columns)


def _keep(path: Path, bars: Bars) -> None:
    """Write the file in one move, if there is room; without it a run is slower, not wrong."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(dir=path.parent, suffix=".part")
        try:
            with os.fdopen(descriptor, "wb") as file:
                _write(file, bars)
            Path(name).replace(path)
        finally:
            Path(name).unlink(missing_ok=True)
        make_room()
    except OSError as error:
        log.warning("dataset.not_kept", file=path.name, error=str(error))


def _write(file: Any, bars: Bars) -> None:
    import pyarrow as pa

    arrays = [pa.array(column) for column in bars.columns()]
    marks = {CHECKSUM: _checksum(bars.columns())}
    batch = pa.record_batch(
        arrays,
        schema=pa.schema(
            [(name, array.type) for name, array in zip(NAMES, arrays, strict=True)], metadata=marks
        ),
    )
    with pa.ipc.new_file(file, batch.schema) as writer:
        writer.write_batch(batch)


def _checksum(columns: Any) -> bytes:
    """Against torn and rotten files, not against people; 1M candles in 15 ms."""
    total = 0
    for column in columns:
        total = zlib.crc32(memoryview(column).cast("B"), total)
    return b"%08x" % total


def drop_halves(*, before_s: float) -> int:
    """Remove what killed workers left half written before that time; how many."""
    dropped = 0
    for path in folder().glob("*.part"):
        with contextlib.suppress(FileNotFoundError):
            if path.stat().st_mtime < before_s:
                path.unlink()
                dropped += 1
    return dropped


def make_room() -> None:
    """Remove what was not used for longest, until all together are within the setting."""
    kept = []
    for path in folder().glob("*.arrow"):
        with contextlib.suppress(FileNotFoundError):  # another worker makes room too
            status = path.stat()
            kept.append((status.st_mtime_ns, status.st_size, path))
    total = sum(size for _, size, _ in kept)
    for _, size, path in sorted(kept):
        if total <= settings.ENV.datasets_max_mb * MEGABYTE:
            return
        path.unlink(missing_ok=True)
        total -= size
