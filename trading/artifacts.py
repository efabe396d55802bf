"""Files that are too large for rows: named by the hash of what is in them."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from django.conf import settings

SIMULATIONS = "simulations"


def keep(kind: str, digest: str, content: bytes) -> Path:
    """Store `content` once; a reader sees all of it or nothing."""
    path = path_of(kind, digest)
    if path.exists():
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


def path_of(kind: str, digest: str) -> Path:
    """Where it lies."""
    root: Path = settings.STATE_DIR
    return root / "artifacts" / kind / digest[:2] / f"{digest}.json.gz"
