"""A PostgreSQL and a Redis of one's own, that can be killed and come back with what they had.

PostgreSQL keeps its fsync: an answer that was given must survive. Redis keeps nothing on disk.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.chaos.ports import free_port

NOBODY = "postgres"  # PostgreSQL refuses to run as root


class NoServer(Exception):
    """The programs of a store are not installed here."""


class Postgres:
    """One cluster under `folder`."""

    def __init__(self, folder: Path) -> None:
        found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"))
        if not found:
            raise NoServer("no PostgreSQL under /usr/lib/postgresql (apt-get install postgresql)")
        self._bin = found[-1].parent
        self._data, self._log = folder / "postgres", folder / "postgres.log"
        self._as: list[str] = []
        self._data.mkdir()
        if os.getuid() == 0:
            self._as = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]
            shutil.chown(self._data, NOBODY)
            folder.chmod(0o711)  # a temporary one lets nobody else in
        self.port = free_port()
        self.url = f"postgres://countersign@127.0.0.1:{self.port}/countersign"
        options = ["-U", "countersign", "--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8"]
        self._run("initdb", "-D", str(self._data), *options)
        self.start()
        self._run("createdb", *self._where, "-U", "countersign", "countersign")

    @property
    def _where(self) -> list[str]:
        return ["-h", "127.0.0.1", "-p", str(self.port)]

    def start(self) -> None:
        """Returns when it answers."""
        argv = [str(self._bin / "postgres"), "-D", str(self._data), "-p", str(self.port)]
        settings = [f"unix_socket_directories={self._data}", "listen_addresses=127.0.0.1"]
        settings += ["max_connections=100", "log_min_messages=fatal"]
        argv += [word for setting in settings for word in ("-c", setting)]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen([*self._as, *argv], stdout=log, stderr=log)
        ready = [str(self._bin / "pg_isready"), "-q", *self._where]
        wait_for(lambda: subprocess.run(ready, check=False).returncode == 0, "PostgreSQL", 60)

    def stop(self) -> None:
        """At once, as a crash: it recovers from its log at the next start."""
        self._process.send_signal(signal.SIGQUIT)
        self._process.wait(30)

    def _run(self, program: str, *arguments: str) -> None:
        argv = [*self._as, str(self._bin / program), *arguments]
        subprocess.run(argv, check=True, stdout=subprocess.DEVNULL)


class Redis:
    """A server that forgets everything when it is killed."""

    def __init__(self, folder: Path) -> None:
        program = shutil.which("redis-server")
        if program is None:
            raise NoServer("no redis-server (apt-get install redis-server)")
        self._folder, self.port = folder, free_port()
        self.url = f"redis://:private@127.0.0.1:{self.port}"
        self._argv = [program, "--port", str(self.port), "--bind", "127.0.0.1"]
        self._argv += ["--requirepass", "private", "--save", "", "--appendonly", "no"]
        self._argv += ["--dir", str(folder), "--logfile", str(folder / "redis.log")]
        self.start()

    def start(self) -> None:
        self._process = subprocess.Popen(self._argv)
        wait_for(lambda: answers(self.url), "Redis", 20)

    def stop(self) -> None:
        self._process.kill()
        self._process.wait(10)


def answers(url: str) -> bool:
    """Whether a Redis is there."""
    import redis

    try:
        with redis.Redis.from_url(url, socket_timeout=1) as client:
            return bool(client.ping())
    except (redis.RedisError, OSError):
        return False


def flush(url: str) -> None:
    """Empty every database of a Redis."""
    import redis

    with redis.Redis.from_url(url, socket_timeout=5) as client:
        client.flushall()


def wait_for(condition: Callable[[], bool], what: str, timeout_s: float) -> None:
    """Raises TimeoutError with `what` when it did not come true in time."""
    give_up_at = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > give_up_at:
            raise TimeoutError(f"{what} did not come within {timeout_s:g} s")
        time.sleep(0.1)
