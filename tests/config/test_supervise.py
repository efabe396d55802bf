"""The supervisor keeps its processes alive and leaves none behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from config import supervise

SLEEPER = "import time; print('here', flush=True); time.sleep(60)"
DEAF = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); {SLEEPER}"
PARENT = (
    "import subprocess, sys; "
    f"child = subprocess.Popen([sys.executable, '-c', {SLEEPER!r}]); "
    "print('child', child.pid, flush=True); child.wait()"
)


class Running:
    """A supervisor in a process of its own, its output gathered line by line."""

    def __init__(self, plan: supervise.Plan) -> None:
        reading, writing = os.pipe()
        os.write(writing, plan.to_json().encode())
        os.close(writing)
        self.pid_file = Path(plan.pid_file)
        self.process = subprocess.Popen(
            [sys.executable, "-I", supervise.__file__, str(reading)],
            pass_fds=[reading],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        os.close(reading)
        self.lines: list[str] = []
        self.reader = threading.Thread(target=self._read)
        self.reader.start()

    def _read(self) -> None:
        assert self.process.stdout
        for line in self.process.stdout:
            self.lines.append(line.rstrip())

    def said(self, words: str, times: int = 1) -> bool:
        return sum(words in line for line in list(self.lines)) >= times

    def pids(self) -> list[int]:
        return [int(line.split()[0]) for line in self.pid_file.read_text().splitlines()]

    def end(self) -> None:
        self.process.kill()
        self.process.wait()
        supervise.reap(self.pid_file, grace_s=0)
        self.reader.join()
        assert self.process.stdout
        self.process.stdout.close()


Start = Callable[..., Running]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    running: list[Running] = []

    def start_plan(*stages: dict[str, str], grace_s: float = 5) -> Running:
        plan = supervise.Plan(
            stages=[
                [
                    supervise.Process(name, [sys.executable, "-c", code], grace_s=grace_s)
                    for name, code in stage.items()
                ]
                for stage in stages
            ],
            env={},
            banner=["all is up"],
            pid_file=str(tmp_path / "pids"),
            began=time.monotonic(),
        )
        running.append(Running(plan))
        return running[-1]

    yield start_plan
    for one in running:
        one.end()


def wait_for(condition: Callable[[], bool], timeout_s: float = 10) -> None:
    give_up_at = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < give_up_at, "it did not happen"
        time.sleep(0.02)


def is_alive(pid: int) -> bool:
    return supervise.started_at(pid) != ""


def test_it_prefixes_what_its_processes_say(start: Start) -> None:
    running = start({"one": SLEEPER, "three": SLEEPER})

    wait_for(lambda: running.said("one   | here") and running.said("three | here"))
    assert running.said("all is up")


def test_a_killed_process_comes_back(start: Start) -> None:
    running = start({"one": SLEEPER})
    wait_for(lambda: running.said("here"))

    os.kill(running.pids()[0], signal.SIGKILL)

    wait_for(lambda: running.said("here", times=2))
    assert running.said("one was ended by SIGKILL; starting it again in 0.5 s")


def test_a_process_that_cannot_live_is_tried_with_growing_pauses(start: Start) -> None:
    running = start({"one": "raise SystemExit(3)"})

    wait_for(lambda: running.said("one ended with 3; starting it again in 1 s"))


def test_one_ctrl_c_ends_all_in_reverse_order(start: Start) -> None:
    farewell = "import atexit, signal, sys; atexit.register(print, 'bye')"
    farewell += f"; signal.signal(signal.SIGTERM, lambda *_: sys.exit()); {SLEEPER}"
    running = start({"first": farewell}, {"second": farewell})
    wait_for(lambda: running.said("here", times=2))

    running.process.send_signal(signal.SIGINT)

    assert running.process.wait(10) == 0
    running.reader.join()
    byes = [line for line in running.lines if "bye" in line]
    assert byes == ["second | bye", "first  | bye"]


def test_a_process_that_does_not_stop_is_killed_after_its_grace(start: Start) -> None:
    running = start({"deaf": DEAF}, grace_s=0.3)
    wait_for(lambda: running.said("here"))

    running.process.send_signal(signal.SIGTERM)

    assert running.process.wait(10) == 0


def test_a_second_ctrl_c_kills_at_once(start: Start) -> None:
    running = start({"deaf": DEAF}, grace_s=60)
    wait_for(lambda: running.said("here"))

    running.process.send_signal(signal.SIGINT)
    wait_for(lambda: running.said("Once more kills"))
    running.process.send_signal(signal.SIGINT)

    assert running.process.wait(5) == 0


def test_the_children_of_a_killed_process_do_not_outlive_it(start: Start) -> None:
    running = start({"parent": PARENT})
    wait_for(lambda: running.said("here"))
    child = int(next(line for line in running.lines if "child" in line).split()[-1])

    os.kill(running.pids()[0], signal.SIGKILL)

    wait_for(lambda: running.said("here", times=2))
    assert not is_alive(child)


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the next start reaps")
def test_the_kernel_ends_the_processes_of_a_killed_supervisor(start: Start) -> None:
    running = start({"one": SLEEPER})
    wait_for(lambda: running.said("here"))
    (pid,) = running.pids()

    running.process.kill()

    wait_for(lambda: not is_alive(pid))


def test_the_next_start_ends_what_was_left(tmp_path: Path) -> None:
    argv = [sys.executable, "-c", DEAF]
    left = subprocess.Popen(argv, start_new_session=True, stdout=subprocess.PIPE)
    assert left.stdout
    assert left.stdout.readline() == b"here\n"
    left.stdout.close()
    pid_file = tmp_path / "pids"
    pid_file.write_text(f"{left.pid} {supervise.started_at(left.pid)} left")

    assert supervise.reap(pid_file, grace_s=0.1) == 1
    assert left.wait(5) == -signal.SIGKILL


def test_a_stranger_with_a_process_number_of_ours_is_left_alone(tmp_path: Path) -> None:
    pid_file = tmp_path / "pids"
    pid_file.write_text(f"{os.getpid()} 12345 web")

    assert supervise.reap(pid_file) == 0
