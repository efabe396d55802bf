"""The state directory of an embedded start: secrets made once, the bus socket's place."""

from __future__ import annotations

import os
import secrets
import tempfile
import zlib
from pathlib import Path


def directory(path: Path) -> Path:
    """`path`, made if need be; one sentence when that can't be."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SystemExit(f"The state directory can't be used: {error}") from None
    return path


def generated_secret(state_dir: Path, name: str) -> str:
    """The secret `name` of this state directory; made at the first call, mode 0600."""
    folder = state_dir / "secrets"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    path = folder / name
    try:
        # O_EXCL: of two processes that start together, one makes it and both read the same.
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return path.read_text().strip()
    with os.fdopen(descriptor, "w") as file:
        value = secrets.token_urlsafe(48)
        file.write(value)
    return value


def bus_socket(state_dir: Path) -> Path:
    """Where the embedded bus listens. Short, because macOS refuses paths over 104 bytes."""
    digest = zlib.crc32(str(state_dir.resolve()).encode())
    return Path(tempfile.gettempdir()) / f"countersign-{os.getuid()}-{digest:08x}" / "bus.sock"
