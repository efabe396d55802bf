"""The stores of one test process: a state directory and a bus of its own.

DATABASE_URL and REDIS_URL are honoured when given; every other setting of the caller's
environment and its .env file is put aside, so that a run means the same everywhere.
"""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from contextlib import ExitStack
from pathlib import Path

from config.database import redis_url
from config.embedded_bus import serving_bus
from config.env import Env

WORKER = os.environ.get("PYTEST_XDIST_WORKER", "gw0")


def prepare_environment() -> None:
    """Make the environment that `config.settings` is about to read."""
    given = {name: os.environ.get(name, "") for name in ("DATABASE_URL", "REDIS_URL")}
    Env.model_config["env_file"] = None
    for name in Env.model_fields:
        os.environ.pop(name.upper(), None)

    os.environ["TRADING_LIVE_MODE"] = "true"  # tests of the switch itself turn it off
    state_dir = Path(tempfile.mkdtemp(prefix="countersign-test-"))
    (state_dir / "static").mkdir()  # whitenoise warns when there is none
    atexit.register(shutil.rmtree, state_dir, ignore_errors=True)
    os.environ["STATE_DIR"] = str(state_dir)
    if given["DATABASE_URL"]:
        os.environ["DATABASE_URL"] = given["DATABASE_URL"]
    os.environ["REDIS_URL"] = (
        _databases_of_this_worker(given["REDIS_URL"])
        if given["REDIS_URL"]
        else _start_bus(state_dir)
    )


def _databases_of_this_worker(url: str) -> str:
    """Three databases for each worker, so that they don't see each other's keys."""
    return redis_url(url, 3 * int(WORKER.removeprefix("gw")))


def _start_bus(state_dir: Path) -> str:
    socket = state_dir / "bus.sock"
    serving = ExitStack()
    serving.enter_context(serving_bus(socket=socket, data_dir=state_dir))
    atexit.register(serving.close)
    return f"unix://{socket}"
