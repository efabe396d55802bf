"""What a process loads, and that the models are what the migrations make."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.management import call_command

from tests.architecture.sources import ROOT

HEAVY = ("apprise", "ccxt", "llvmlite", "numba", "pandas", "pandas_ta_classic", "pyarrow", "talib")
LOADED = f"""
import sys
import config.asgi
from django.urls import get_resolver
get_resolver().reverse_dict  # imports every module of every URL
print(*[name for name in {HEAVY!r} if name in sys.modules])
"""


def test_the_web_process_loads_nothing_heavy(tmp_path: Path) -> None:
    (tmp_path / "static").mkdir()  # whitenoise warns when there is none
    environment = {
        "PATH": os.environ["PATH"],
        "STATE_DIR": str(tmp_path),
        "DJANGO_SETTINGS_MODULE": "config.settings",
    }

    ran = subprocess.run(
        [sys.executable, "-c", LOADED],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )

    assert ran.stderr == ""
    assert ran.stdout.split() == []


@pytest.mark.django_db
def test_the_migrations_are_complete() -> None:
    call_command("makemigrations", check=True, dry_run=True, verbosity=0)
