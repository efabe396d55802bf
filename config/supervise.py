"""The supervisor of an embedded start: keeps the processes of a plan alive until told to stop.

Standard library only, because `manage.py up` execs into this file to give Django's memory
back. Each process leads a session of its own, so that Ctrl-C reaches the supervisor alone;
on Linux the kernel ends it when the supervisor dies, elsewhere the next start does.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import json
import os
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path

PR_SET_PDEATHSIG = 1
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.5, 15.0
STEADY_AFTER_S = 30.0  # a process that lived this long starts again without a longer pause
LONGEST_LINE = 2**20
COLOURS = (36, 33, 35, 32, 34, 31)
GONE = (ProcessLookupError, PermissionError)


@dataclass(frozen=True, slots=True)
class Process:
    """One command of a plan. `ready` is unix:PATH or http:HOST:PORT:PATH, or empty.

    `orphaned` is the signal that it gets when the supervisor is gone.
    """

    name: str
    argv: list[str]
    ready: str = ""
    grace_s: float = 10.0
    fds: list[int] = field(default_factory=list)
    orphaned: int = signal.SIGTERM


@dataclass(frozen=True, slots=True)
class Plan:
    """Stages start one after the other, each when the one before is ready; they stop in reverse."""

    stages: list[list[Process]]
    env: dict[str, str]
    banner: list[str]
    pid_file: str
    began: float  # on the monotonic clock, which the exec does not change

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Plan:
        raw = json.loads(text)
        raw["stages"] = [[Process(**process) for process in stage] for stage in raw["stages"]]
        return cls(**raw)


class Supervisor:
    """Runs a plan. `run` returns when everything has ended."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.running: dict[str, asyncio.subprocess.Process] = {}
        self.stopping = asyncio.Event()
        names = [process.name for stage in plan.stages for process in stage]
        self.width = max(len(name) for name in names)
        coloured = sys.stdout.isatty() and "NO_COLOR" not in os.environ
        self.colours = dict(zip(names, COLOURS * len(names), strict=False)) if coloured else {}

    async def run(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            if signal.getsignal(number) is not signal.SIG_IGN:  # nohup ignores SIGHUP
                loop.add_signal_handler(number, self._on_signal)
        keepers: list[asyncio.Task[None]] = []
        started = [await self._start(stage, keepers) for stage in self.plan.stages]
        if all(started):
            self._say(*self.plan.banner)
            self._say(f"Ready after {time.monotonic() - self.plan.began:.1f} s.")
        await self.stopping.wait()
        for stage in reversed(self.plan.stages):
            await asyncio.gather(*(self._stop(process) for process in stage))
        await asyncio.gather(*keepers)
        self._record_pids()
        self._say("Stopped.")

    async def _start(self, stage: list[Process], keepers: list[asyncio.Task[None]]) -> bool:
        """Start a stage; False when a stop was asked for before it was ready."""
        if self.stopping.is_set():
            return False
        keepers += [asyncio.create_task(self._keep(process)) for process in stage]
        while not self.stopping.is_set():
            if all(await asyncio.gather(*(_is_ready(process.ready) for process in stage))):
                return True
            await asyncio.sleep(0.05)
        return False

    async def _keep(self, process: Process) -> None:
        """Start it, again and again, with a pause that doubles while it won't live."""
        pause_s = FIRST_PAUSE_S
        while not self.stopping.is_set():
            began = time.monotonic()
            ended = await self._run_once(process)
            if self.stopping.is_set():
                return
            if time.monotonic() - began > STEADY_AFTER_S:
                pause_s = FIRST_PAUSE_S
            self._say(f"{process.name} {ended}; starting it again in {pause_s:g} s")
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.stopping.wait(), pause_s)
            pause_s = min(pause_s * 2, LONGEST_PAUSE_S)

    async def _run_once(self, process: Process) -> str:
        """One life of a process; how it ended."""
        reading, writing = os.pipe()
        try:
            child = await asyncio.create_subprocess_exec(
                *process.argv,
                stdin=asyncio.subprocess.DEVNULL,
                # A pipe of our own: with one of asyncio's, wait() waits for grandchildren too.
                stdout=writing,
                stderr=writing,
                env={**os.environ, **self.plan.env, "PYTHONUNBUFFERED": "1"},
                pass_fds=process.fds,
                start_new_session=True,
                preexec_fn=_dies_with(os.getpid(), process.orphaned),
            )
        except OSError as error:
            os.close(reading)
            return f"could not start ({error})"
        finally:
            os.close(writing)
        self.running[process.name] = child
        self._record_pids()
        if self.stopping.is_set():  # asked for while it was being started
            child.terminate()
        pump = asyncio.create_task(self._pump(process.name, reading))
        code = await child.wait()
        # Its own children (a worker's pool) must not outlive it and meet their successors.
        _kill_session(child.pid)
        await pump
        del self.running[process.name]
        return f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended with {code}"

    async def _pump(self, name: str, reading: int) -> None:
        """Print what comes through the pipe, line by line, until all its writers are gone."""
        output = asyncio.StreamReader(limit=LONGEST_LINE)
        with os.fdopen(reading, "rb") as file:
            await asyncio.get_running_loop().connect_read_pipe(
                lambda: asyncio.StreamReaderProtocol(output), file
            )
            while line := await _line(output):
                if text := line.decode("utf-8", "replace").rstrip():
                    self._print(name, text)

    async def _stop(self, process: Process) -> None:
        child = self.running.get(process.name)
        if child is None or child.returncode is not None:
            return
        with contextlib.suppress(*GONE):
            child.terminate()
        try:
            await asyncio.wait_for(child.wait(), process.grace_s)
        except TimeoutError:
            self._say(f"{process.name} did not stop within {process.grace_s:g} s; killing it")
            _kill_session(child.pid)

    def _on_signal(self) -> None:
        if self.stopping.is_set():
            for child in self.running.values():
                _kill_session(child.pid)
            return
        self._say("Stopping. Once more kills.")
        self.stopping.set()

    def _record_pids(self) -> None:
        """For the next start, should this one be killed: what may have been left behind."""
        lines = [
            f"{child.pid} {started_at(child.pid)} {name}" for name, child in self.running.items()
        ]
        Path(self.plan.pid_file).write_text("\n".join(lines))

    def _say(self, *lines: str) -> None:
        for line in lines:
            self._print("", line)

    def _print(self, name: str, line: str) -> None:
        prefix = f"{name:<{self.width}} | "
        if name in self.colours:
            prefix = f"\x1b[{self.colours[name]}m{prefix}\x1b[0m"
        try:
            print(prefix + line, flush=True)
        except OSError:  # the terminal is gone, so nobody can press Ctrl-C any more
            sys.stdout = open(os.devnull, "w")  # noqa: SIM115
            self.stopping.set()


def reap(pid_file: Path, *, grace_s: float = 10.0) -> int:
    """End what a killed supervisor left behind, with its children; how many there were."""
    left = [pid for pid, seen_at in _recorded(pid_file) if started_at(pid) == seen_at]
    for pid in left:
        with contextlib.suppress(*GONE):
            os.kill(pid, signal.SIGTERM)
    give_up_at = time.monotonic() + grace_s
    while any(started_at(pid) for pid in left) and time.monotonic() < give_up_at:
        time.sleep(0.05)
    for pid in left:
        _kill_session(pid)
    return len(left)


def started_at(pid: int) -> str:
    """When a process began, in the system's own words; empty when there is none.

    A process number comes back after a while; number and beginning together don't.
    """
    try:
        with open(f"/proc/{pid}/stat") as file:
            state, *rest = file.read().rpartition(")")[2].split()
            return "" if state == "Z" else rest[18]
    except OSError:
        return "" if Path("/proc/self/stat").exists() else _started_at_by_ps(pid)


def _started_at_by_ps(pid: int) -> str:
    import subprocess  # for systems without /proc

    argv = ["ps", "-o", "lstart=", "-p", str(pid)]
    answer = subprocess.run(argv, capture_output=True, text=True, check=False)
    return answer.stdout.strip().replace(" ", "_")


def _recorded(pid_file: Path) -> list[tuple[int, str]]:
    try:
        lines = pid_file.read_text().splitlines()
    except OSError:
        return []
    rows = [line.split() for line in lines]
    return [(int(row[0]), row[1]) for row in rows if len(row) == 3 and row[0].isdigit()]


def _kill_session(pid: int) -> None:
    with contextlib.suppress(*GONE):
        os.killpg(pid, signal.SIGKILL)


def _dies_with(parent: int, number: int) -> Callable[[], None]:
    if sys.platform != "linux":
        return lambda: None
    prctl = ctypes.CDLL(None).prctl  # loaded before the fork: the child may not

    def in_child() -> None:
        prctl(PR_SET_PDEATHSIG, number, 0, 0, 0)
        if os.getppid() != parent:  # it died in between; don't compare with 1, it may be 1
            os._exit(1)

    return in_child


async def _line(output: asyncio.StreamReader) -> bytes:
    """The next line, or a piece of one that is too long; empty at the end."""
    try:
        return await output.readuntil(b"\n")
    except asyncio.IncompleteReadError as end:
        return end.partial
    except asyncio.LimitOverrunError as overrun:
        return await output.readexactly(overrun.consumed)


async def _is_ready(address: str) -> bool:
    kind, _, rest = address.partition(":")
    if not kind:
        return True
    try:
        if kind == "unix":
            reader, writer = await asyncio.open_unix_connection(rest)
            question, answer = b"PING\r\n", b"+PONG"
        else:
            host, port, path = rest.rsplit(":", 2)
            reader, writer = await asyncio.open_connection(host, int(port))
            question = (
                f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode()
            )
            answer = b"HTTP/1.1 200"
        writer.write(question)
        line = await asyncio.wait_for(reader.readline(), 5)
        writer.close()
    except (OSError, TimeoutError):
        return False
    return line.startswith(answer)


def main() -> None:
    """Read the plan from the file descriptor named on the command line and run it."""
    with open(int(sys.argv[1])) as file:
        plan = Plan.from_json(file.read())
    asyncio.run(Supervisor(plan).run())


if __name__ == "__main__":
    main()
