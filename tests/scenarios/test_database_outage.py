"""Findings while PostgreSQL is stopped: made, served, and stored once when it is back."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.architecture.sources import ROOT

PATIENCE_S = 230


@pytest.fixture(scope="module")
def told() -> Iterator[dict[str, Any]]:
    if not any(Path("/usr/lib/postgresql").glob("*/bin/postgres")):
        pytest.skip("No PostgreSQL here (on Debian: apt-get install postgresql)")
    folder = Path(tempfile.mkdtemp(prefix="countersign-outage-"))
    folder.chmod(0o755)  # PostgreSQL runs as another user
    argv = [sys.executable, "-m", "tests.scenarios.database_outage", str(folder)]
    env = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    try:
        done = subprocess.run(
            argv, cwd=ROOT, env=env, capture_output=True, text=True, timeout=PATIENCE_S, check=False
        )
        assert done.returncode == 0, done.stderr[-3000:]
        yield json.loads(done.stdout.splitlines()[-1])
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def test_agents_go_on_and_their_findings_are_served_while_it_is_away(told: dict[str, Any]) -> None:
    assert told["before"]["source"] == "database"
    assert told["tick"] == "no database"
    assert told["during"]["source"] == "buffer"
    scores = [(one["agent"], one["score"]) for one in told["during"]["findings"]]
    assert scores == [("rvol_spike", 9.0), ("rvol_spike", 4.0)]


def test_only_who_read_findings_before_may_read_them_now(told: dict[str, Any]) -> None:
    assert (told["elsewhere"], told["stranger"], told["health"]) == (503, 503, "down")


def test_what_waited_is_stored_once_when_it_is_back(told: dict[str, Any]) -> None:
    assert told["after"]["source"] == "database"
    assert sorted(one["score"] for one in told["after"]["findings"]) == [4.0, 9.0]
    assert (told["rows"], told["again"]) == (2, 2)
