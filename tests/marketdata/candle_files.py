"""Candle files as they are found in the wild."""

from __future__ import annotations

import gzip
from collections.abc import Sequence
from pathlib import Path

from marketdata.exchanges.protocol import CandleRow

HEAD = "timestamp,open,high,low,close,volume"


def csv_lines(rows: Sequence[CandleRow]) -> list[str]:
    return [HEAD, *(",".join(str(cell) for cell in row) for row in rows)]


def write_csv(path: Path, lines: Sequence[str]) -> Path:
    text = "\n".join(lines) + "\n"
    if path.suffix == ".gz":
        path.write_bytes(gzip.compress(text.encode()))
    else:
        path.write_text(text)
    return path
