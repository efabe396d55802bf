"""How long the order machine takes to find each planted mistake.

    python benchmarks/order_mutants.py [--examples N] [--only MUTANT] [--seed N]

`--examples` bounds the search of one mutant, `--only` names one, `--seed` starts elsewhere; `none`
is the order path as it is, and must not be found.
"""

# ruff: noqa: E402
from __future__ import annotations

import argparse
import os
import random
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")

import django

django.setup()

from django.test.utils import setup_databases, teardown_databases


def main() -> None:
    from tests.scenarios.live_bot import make_desk
    from tests.scenarios.order_mutants import MUTANTS, Mutant

    wanted = arguments()
    databases = setup_databases(verbosity=0, interactive=False)
    desk = make_desk()
    print(f"{'mutant':42} {'found by':>8} {'examples':>8} {'seconds':>8}", flush=True)
    for mutant in (*MUTANTS, Mutant("none")):
        if wanted.only in ("", mutant.name):
            row = search(mutant.machine(desk=desk), wanted.examples, wanted.seed)
            print(f"{mutant.name:42} {row[0]:>8} {row[1]:>8} {row[2]:>8.1f}", flush=True)
            if wanted.show and row[3]:
                print("   ", row[3])
    teardown_databases(databases, verbosity=0)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--examples", type=int, default=400)
    parser.add_argument("--only", default="")
    parser.add_argument("--seed", type=int, default=random.randrange(2**32))
    parser.add_argument("--show", action="store_true", help="what was found")
    return parser.parse_args()


def search(machine: type, examples: int, start: int) -> tuple[str, int, float, str]:
    """(invariant or "-", examples until then, seconds of one core, what was said)."""
    from tests.scenarios.order_search import search as run

    made = 0

    class Counted(machine):  # type: ignore[misc]
        def __init__(self) -> None:
            nonlocal made
            made += 1
            super().__init__()

    began = time.process_time()
    try:
        run(Counted, examples=examples, start=start, shrink=False)
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt):
            raise
        return str(error)[:2], made, time.process_time() - began, repr(error)
    return "-", made, time.process_time() - began, ""


if __name__ == "__main__":
    main()
