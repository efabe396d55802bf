"""The embedded start: one console per state directory, prepared, then given to the supervisor."""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import signal
import socket
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import IO

from django.conf import settings

from config import processes, supervise
from config.embedded_bus import bus_argv, serving_bus, stop_leftover_bus
from config.preparation import login_hint, prepare
from config.state import bus_socket, directory

MEGABYTE = 1_000_000
LEAST_FREE_MB = 200
# Of every connection to a web process, on Linux: what a slow client has not been sent stays here,
# where a newer price replaces it; and one that takes nothing at all is dropped.
SLOW_CLIENTS = {"TCP_NOTSENT_LOWAT": 16_384, "TCP_USER_TIMEOUT": 60_000}


def start(say: Callable[[str], object]) -> None:
    """Prepare the stores, then become the supervisor. Does not return.

    Refuses with SystemExit and one sentence: already running, port taken, disk full, a
    store that does not answer.
    """
    began = time.monotonic()
    lock = _lock(settings.STATE_DIR / "up.lock")
    if supervise.reap(settings.STATE_DIR / "up.pids"):
        say("Ended what a killed start had left behind")
    listener = _listen(settings.ENV.host, settings.ENV.port)
    _check_room(settings.STATE_DIR)
    with ExitStack() as block:
        if not settings.ENV.redis_url:
            # Seeding publishes events; the supervisor starts a bus of its own afterwards.
            path = _bus_path()
            stop_leftover_bus(path)
            block.enter_context(serving_bus(socket=path, data_dir=_bus_dir()))
        prepare(say)
    say("Starting the processes")
    _become_supervisor(_plan(listener, began), keep_open=(lock.fileno(), listener.fileno()))


def _lock(path: Path) -> IO[str]:
    """The lock of this state directory, held until the last process that has it open ends."""
    file = path.open("a+")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        holder = path.read_text().strip()
        raise SystemExit(f"Countersign is already running on {path.parent} ({holder}).") from None
    file.truncate(0)
    file.write(f"process {os.getpid()}, {_address()}")
    file.flush()
    return file


def _listen(host: str, port: int) -> socket.socket:
    """The web processes share this socket: while one starts again, callers wait in its queue."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    for option, value in SLOW_CLIENTS.items():
        if hasattr(socket, option):
            listener.setsockopt(socket.IPPROTO_TCP, getattr(socket, option), value)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        if error.errno != errno.EADDRINUSE:
            raise SystemExit(f"Can't listen on {host} port {port}: {error.strerror}.") from None
        raise SystemExit(
            f"Port {port} is taken by another program; choose one: PORT={port + 1} make run"
        ) from None
    listener.listen(512)
    return listener


def _check_room(state_dir: Path) -> None:
    free_mb = shutil.disk_usage(state_dir).free // MEGABYTE
    if free_mb < LEAST_FREE_MB:
        raise SystemExit(
            f"Only {free_mb} MB are free at {state_dir}; the console needs {LEAST_FREE_MB}."
        )


def _plan(listener: socket.socket, began: float) -> supervise.Plan:
    fd = listener.fileno()
    web = processes.web("--fd", str(fd))
    health = f"http:{settings.ENV.host}:{settings.ENV.port}:{processes.HEALTH_PATH}"
    count = settings.ENV.web_processes
    names = ["web"] if count == 1 else [f"web{number}" for number in range(1, count + 1)]
    rest = [
        *(supervise.Process(name, web, ready=health, fds=[fd]) for name in names),
        *_workers(),
        supervise.Process("beat", processes.beat()),
        supervise.Process("feed", processes.feed()),
    ]
    return supervise.Plan(
        stages=[*_bus_stage(), rest],
        # Celery warns root in words that name no remedy.
        env={"PYTHONWARNINGS": "ignore::UserWarning:celery.platforms"},
        banner=_banner(),
        began=began,
        pid_file=str(settings.STATE_DIR / "up.pids"),
    )


def _workers() -> list[supervise.Process]:
    """One for what trades, and one each for what may take long."""
    env = settings.ENV
    shared = () if env.llm_enabled else processes.ADVICE_QUEUES
    long = processes.worker(
        concurrency=env.simulation_concurrency, queues=(*processes.SIMULATION_QUEUES, *shared)
    )
    leaving = processes.worker(
        concurrency=processes.NOTIFICATION_CONCURRENCY, queues=processes.NOTIFICATION_QUEUES
    )
    advice = processes.worker(concurrency=1, queues=processes.ADVICE_QUEUES)
    # Asked to end while their bus is gone as well, workers wait for it: leases make up for a kill.
    gone = signal.SIGKILL
    return [
        supervise.Process(
            "worker",
            processes.worker(concurrency=env.worker_concurrency),
            grace_s=30,
            orphaned=gone,
        ),
        supervise.Process("simulations", long, grace_s=30, orphaned=gone),
        supervise.Process("notifications", leaving, grace_s=20, orphaned=gone),
        *([] if shared else [supervise.Process("advice", advice, grace_s=30, orphaned=gone)]),
    ]


def _bus_stage() -> list[list[supervise.Process]]:
    if settings.ENV.redis_url:
        return []
    path = _bus_path()
    argv = bus_argv(socket=path, data_dir=_bus_dir())
    return [[supervise.Process("bus", argv, ready=f"unix:{path}")]]


def _bus_path() -> Path:
    path = bus_socket(settings.STATE_DIR)
    directory(path.parent).chmod(0o700)
    return path


def _bus_dir() -> Path:
    return directory(settings.STATE_DIR / "bus")


def _address() -> str:
    host = settings.ENV.host
    shown = {"0.0.0.0": "localhost", "::": "localhost"}.get(host, host)  # noqa: S104
    return f"http://{f'[{shown}]' if ':' in shown else shown}:{settings.ENV.port}/"


def _banner() -> list[str]:
    lines = [f"Countersign is up at {_address()}", login_hint(), "Ctrl-C stops everything."]
    width = max(map(len, lines)) + 2
    edge = "+" + "-" * width + "+"
    return [edge, *(f"| {line:<{width - 1}}|" for line in lines), edge]


def _become_supervisor(plan: supervise.Plan, *, keep_open: tuple[int, ...]) -> None:
    """Replace this process; the plan travels through a pipe, which no other user can read."""
    reading, writing = os.pipe()
    with os.fdopen(writing, "w") as pipe:
        pipe.write(plan.to_json())
    for fd in (*keep_open, reading):
        os.set_inheritable(fd, True)
    os.execv(sys.executable, [sys.executable, "-I", supervise.__file__, str(reading)])  # noqa: S606
