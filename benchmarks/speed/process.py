"""Processes of their own, and how much memory they took."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
STATUS = Path("/proc/self/status")


def child(code: str, argument: str, root: Path = ROOT) -> dict[str, Any]:
    """Run `code` in a fresh Python that finds the packages below `root`; the JSON it prints."""
    paths = os.pathsep.join([str(root), str(root / "benchmarks")])
    done = subprocess.run(
        [sys.executable, "-c", code, argument],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
        cwd=root,
        env={**os.environ, "PYTHONPATH": paths},
    )
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def peak_mb() -> float:
    """Most memory that this program had. Not `ru_maxrss`: it counts what started the program."""
    return _status("VmHWM")


def resident_mb() -> float:
    """Memory that this program has now."""
    return _status("VmRSS")


def _status(name: str) -> float:
    if not STATUS.exists():
        import resource

        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    found = next(line for line in STATUS.read_text().splitlines() if line.startswith(name))
    return int(found.split()[1]) / 1024
