"""The commands that make up a running console, alike under the supervisor and in containers."""

from __future__ import annotations

import sys

WORKER_QUEUES = ("orders", "cycles", "default")
# Apart: neither a long simulation nor a slow model ever delays an order, nor each other. Where no
# model is asked the two share a worker, because one more costs 150 MB.
SIMULATION_QUEUES = ("simulations",)
ADVICE_QUEUES = ("advice",)
NOTIFICATION_QUEUES = ("notifications",)  # apart: a channel that hangs delays nothing else
NOTIFICATION_CONCURRENCY = 2  # one that hangs leaves the other to the rest of the channels
HEALTH_PATH = "/health/live"


def web(*where: str) -> list[str]:
    """Pages, API, WebSockets and SSE, on `where`: --fd N, or --host H --port P --workers N."""
    return [
        *_python("uvicorn", "config.asgi:application"),
        *where,
        *("--lifespan", "off"),
        *("--ws", "websockets-sansio"),
        # Small frames, ten a second to each client: compressing them costs more than it saves.
        *("--ws-per-message-deflate", "false"),
        *("--log-level", "warning"),
        "--no-access-log",
        *("--timeout-graceful-shutdown", "3"),
    ]


def worker(*, concurrency: int, queues: tuple[str, ...] = WORKER_QUEUES) -> list[str]:
    """Jobs. Prefork, because the threads pool ignores time limits."""
    return [
        *_celery("worker"),
        *("--pool", "prefork"),
        *("--concurrency", str(concurrency)),
        *("--queues", ",".join(queues)),
        # With them on, a worker that lost the bus may come back without consuming.
        "--without-gossip",
        "--without-mingle",
        *("--loglevel", "WARNING"),
    ]


def beat() -> list[str]:
    """The tick, and the schedules that people edit."""
    return [*_celery("beat"), *("--loglevel", "WARNING"), "--pidfile="]


def feed() -> list[str]:
    """Exchanges to candles, quotes and ticks."""
    return [sys.executable, "manage.py", "run_feed"]


def prepare() -> list[str]:
    """Migrations, static files, first rows; before all others, once."""
    return [sys.executable, "manage.py", "prepare"]


def _celery(command: str) -> list[str]:
    # -q belongs to celery itself, not to its commands.
    return [*_python("celery", "-q", "-A", "config.celery"), command]


def _python(module: str, *arguments: str) -> list[str]:
    return [sys.executable, "-m", module, *arguments]
