"""Kill, cut off and confuse a whole console while it trades, then hold its books to account.

    make chaos
    python -m benchmarks.chaos --decisions 500 --seed 1 --database postgres --json out.json
    python -m benchmarks.chaos --short
    python -m benchmarks.chaos --only "kill web" "answer lost" --decisions 40

Ends with 1 when an order was duplicated or lost, a fill is missing, anything drifted, something
was claimed after a stop, an order has no verdict, or a kill was not recovered from in time.
Linux only; nothing but loopback is used.
"""

from __future__ import annotations

import argparse
import signal
import sys
from pathlib import Path

import orjson

from benchmarks.chaos.run import Verdict, Wanted, run, say
from benchmarks.chaos.stores import NoServer
from benchmarks.chaos.tally import table

SHORT_DECISIONS, SHORT_S = 30, 80.0


def main() -> int:
    said = _parser().parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that what was started is ended
    wanted = Wanted(
        decisions=said.decisions or (SHORT_DECISIONS if said.short else 500),
        seed=said.seed,
        full=said.database == "postgres",
        short=said.short,
        only=tuple(said.only),
        longest_s=SHORT_S if said.short else 3600.0,
        recovery_limit_s=said.recovery_limit,
        keep=said.keep,
    )
    if said.keep:
        said.keep.mkdir(parents=True, exist_ok=True)
    try:
        verdict = run(wanted)
    except NoServer as missing:
        say(f"Can't run: {missing}")
        return 2
    if said.json:
        said.json.write_bytes(orjson.dumps(verdict.as_json(), option=orjson.OPT_INDENT_2))
    print(_shown(verdict))
    return 1 if verdict.failures else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.chaos",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--decisions", type=int, default=0, help="500, or 30 with --short")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--database", choices=["sqlite", "postgres"], default="sqlite")
    parser.add_argument("--short", action="store_true", help="a few faults, for each change")
    parser.add_argument("--only", nargs="+", default=[], metavar="FAULT")
    parser.add_argument("--recovery-limit", type=float, default=30.0, metavar="SECONDS")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--keep", type=Path, help="an empty folder for logs and evidence")
    return parser


def _shown(verdict: Verdict) -> str:
    facts = "\n".join(f"  {name}: {value}" for name, value in verdict.facts.items())
    failures = "\n".join(f"  {line}" for line in verdict.failures)
    end = f"BROKEN\n{failures}" if verdict.failures else "PASSED"
    return f"{table(verdict.rows)}\n\n{facts}\n\n{end}"


if __name__ == "__main__":
    sys.exit(main())
