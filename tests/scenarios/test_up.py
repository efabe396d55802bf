"""One command starts the console; whatever is killed comes back, and nothing is left behind."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.architecture.sources import ROOT

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")

CHILDREN = ("bus", "web", "worker", "simulations", "notifications", "beat", "feed")


class Console:
    """`manage.py up` on a state directory and a port of its own."""

    def __init__(self, state_dir: Path) -> None:
        self.state_dir = state_dir
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = int(probe.getsockname()[1])
        self.lines: list[str] = []

    @property
    def environment(self) -> dict[str, str]:
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self.state_dir),
            "STATE_DIR": str(self.state_dir),
            "PORT": str(self.port),
            **{name: os.environ[name] for name in os.environ if name.startswith("COVERAGE")},
        }

    def start(self) -> None:
        said_before = len(self.lines)
        self.process = subprocess.Popen(
            self.argv,
            cwd=ROOT,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.reader = threading.Thread(target=self._read)
        self.reader.start()
        wait_for(lambda: self.process.poll() is not None or self.said("Ready", said_before), 120)
        assert self.process.poll() is None, "\n".join(self.lines)

    @property
    def argv(self) -> list[str]:
        return [sys.executable, "manage.py", "up"]

    def _read(self) -> None:
        assert self.process.stdout
        with self.process.stdout as output:
            self.lines += (line.rstrip() for line in output)

    def said(self, words: str, start: int = 0) -> bool:
        return any(words in line for line in self.lines[start:])

    def pid_of(self, name: str) -> int:
        rows = [line.split() for line in (self.state_dir / "up.pids").read_text().splitlines()]
        return next((int(row[0]) for row in rows if row[-1] == name), 0)

    def answers(self) -> bool:
        address = f"http://127.0.0.1:{self.port}/health/live"
        try:
            with urllib.request.urlopen(address, timeout=5) as response:
                return bool(response.status == 200)
        except OSError:
            return False

    def processes(self) -> list[int]:
        """Whatever runs with this state directory in its environment."""
        mark = f"STATE_DIR={self.state_dir}\0".encode()
        found = []
        for entry in Path("/proc").iterdir():
            with contextlib.suppress(OSError):
                if entry.name.isdigit() and mark in (entry / "environ").read_bytes():
                    found.append(int(entry.name))
        return found

    def end(self) -> None:
        for pid in self.processes():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.process.wait()
        self.reader.join()


def wait_for(condition: Callable[[], bool], timeout_s: float = 60) -> None:
    give_up_at = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < give_up_at, "it did not happen"
        time.sleep(0.1)


@pytest.fixture(scope="module")
def console(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Console]:
    started = Console(tmp_path_factory.mktemp("up"))
    try:
        started.start()
        yield started
    finally:
        started.end()
    assert not started.said("Traceback"), "\n" + "\n".join(started.lines)


# The tests below are one story about one console, in this order.


def test_the_first_start_says_where_it_is_and_how_to_log_in(console: Console) -> None:
    assert console.said(f"Countersign is up at http://127.0.0.1:{console.port}/")
    assert any(re.search(r"Log in as admin with the password \S{8,}", x) for x in console.lines)
    assert console.answers()


def test_a_second_start_is_refused_with_one_sentence(console: Console) -> None:
    second = subprocess.run(
        console.argv,
        cwd=ROOT,
        env=console.environment,
        capture_output=True,
        text=True,
        check=False,
    )

    assert second.returncode == 1
    assert second.stderr.startswith("Countersign is already running on ")
    assert second.stderr.count("\n") == 1


def test_a_port_that_is_taken_is_said_in_one_sentence(console: Console, tmp_path: Path) -> None:
    second = subprocess.run(
        console.argv,
        cwd=ROOT,
        env={**console.environment, "STATE_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert second.returncode == 1
    assert second.stderr.startswith(f"Port {console.port} is taken")
    assert second.stderr.count("\n") == 1


def test_every_killed_process_comes_back(console: Console) -> None:
    before = {name: console.pid_of(name) for name in CHILDREN}

    for pid in before.values():
        os.kill(pid, signal.SIGKILL)

    wait_for(lambda: all(console.pid_of(name) not in (0, before[name]) for name in CHILDREN))
    wait_for(console.answers)


def test_a_killed_supervisor_leaves_no_process_and_no_lock(console: Console) -> None:
    time.sleep(3)  # workers that have found their bus would wait for it

    console.process.kill()
    console.process.wait()

    wait_for(lambda: console.processes() == [])
    console.reader.join()
    console.start()
    assert console.answers()


def test_ctrl_c_ends_everything(console: Console) -> None:
    console.process.send_signal(signal.SIGINT)

    assert console.process.wait(60) == 0
    assert console.processes() == []
    assert not console.said("killing it")
