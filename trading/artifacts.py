"""Files that are too large for rows: named by the hash of what is in them."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from django.conf import settings

SIMULATIONS = "simulations"
ENDING = ".json.gz"


def keep(kind: str, digest: str, content: bytes) -> Path:
    """Store `content` once; a reader sees all of it or nothing."""
    path = path_of(kind, digest)
    with contextlib.suppress(FileNotFoundError):
        os.utime(path)  # young again: its new row may take a moment
        return path
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(dir=path.parent)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    Path(name).replace(path)
    return path


def read(kind: str, digest: str) -> bytes | None:
    """What is stored under this hash, or None."""
    try:
        return path_of(kind, digest).read_bytes()
    except FileNotFoundError:
        return None


def older_than(kind: str, before_s: float) -> Iterator[tuple[str, Path]]:
    """(hash, path) of files last stored before that time; the hash of half a file is empty."""
    for path in _folder(kind).glob("*/*"):
        with contextlib.suppress(FileNotFoundError):
            if path.stat().st_mtime < before_s:
                whole = path.name.endswith(ENDING)
                yield path.name.removesuffix(ENDING) if whole else "", path


def path_of(kind: str, digest: str) -> Path:
    """Where it lies."""
    return _folder(kind) / digest[:2] / f"{digest}{ENDING}"


def _folder(kind: str) -> Path:
    root: Path = settings.STATE_DIR
    return root / "artifacts" / kind
