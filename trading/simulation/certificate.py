"""What a result rests on, as hashes: with the same ones it comes out the same to the byte."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path
from typing import Any

from marketdata.bars import Bars

# Whatever turns candles into a report.
_SOURCES = (
    "marketdata/bars.py",
    "marketdata/indicators.py",
    "marketdata/timeframes.py",
    "strategies/checks.py",
    "strategies/library",
    "strategies/protocol.py",
    "strategies/targets.py",
    "trading/costs.py",
    "trading/evidence",
    "trading/metrics",
    "trading/reasons.py",
    "trading/risk.py",
    "trading/services/research/_stretches.py",
    "trading/simulation",
    "trading/tear_sheet.py",
)


def dataset_hash(bars: Bars) -> str:
    """sha256 over the columns as little-endian bytes, in storage order."""
    hashed = hashlib.sha256()
    for column in bars.columns():
        hashed.update(column.astype(column.dtype.newbyteorder("<"), copy=False).tobytes())
    return hashed.hexdigest()


@cache
def engine_hash() -> str:
    """sha256 over the sources of engine, metrics and evidence."""
    root = Path(__file__).resolve().parents[2]
    hashed = hashlib.sha256()
    for source in _SOURCES:
        path = root / source
        for file in [path] if path.is_file() else sorted(path.glob("*.py")):
            hashed.update(file.relative_to(root).as_posix().encode())
            hashed.update(file.read_bytes())
    return hashed.hexdigest()


def differences(then: dict[str, Any], now: dict[str, Any]) -> list[str]:
    """Names of the hashed inputs that are not what they were."""
    names = sorted(set(then) | set(now))
    return [name for name in names if then.get(name) != now.get(name)]
