"""`manage.py simulate STRATEGY --symbol BTC/USDT --from 2024-01-01 --to 2024-04-30`.

The options are the fields of `POST strategies/{name}/simulate`.
"""

from __future__ import annotations

import argparse
from decimal import Decimal, InvalidOperation
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from config import clock
from config.refusals import Refusal
from trading import queries, services
from trading.models import Simulation
from trading.research import instant, pair, sentence

COLOURS = {"GREEN": "green", "AMBER": "yellow", "RED": "red"}


class Command(BaseCommand):
    help = "Simulate a strategy on stored candles against a baseline, and judge it."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("strategy")
        parser.add_argument("--symbol", action="append", required=True, help="repeat for several")
        parser.add_argument("--timeframe", default="1h")
        parser.add_argument("--from", dest="from_ms", required=True, help="ISO 8601, UTC")
        parser.add_argument("--to", dest="to_ms", required=True)
        parser.add_argument("--number", type=int, help="of the version")
        parser.add_argument(
            "--set", "--param", dest="params", action="append", default=[], help="parameter=value"
        )
        parser.add_argument(
            "--baseline", action="append", default=[], help="a version, or parameter=value; repeat"
        )
        parser.add_argument("--no-baseline", action="store_true")
        parser.add_argument(
            "--knob", dest="knobs", action="append", default=[], help="e.g. fee_taker_bps=5; repeat"
        )
        parser.add_argument("--cash", "--starting-cash", dest="cash")
        parser.add_argument("--oos-share", type=float, default=0.3, help="0.1 to 0.9")
        parser.add_argument("--seed", type=int, default=0)
        parser.add_argument("--fill-at", choices=Simulation.FillAt.values, default="next_open")
        parser.add_argument("--json", action="store_true", help="print the report itself")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            simulation = services.simulate_strategy(
                strategy=options["strategy"], asked=_asked(options), by=None, now=clock.now()
            )
            self._carry(simulation, quiet=options["json"])
            row = queries.simulation(simulation.pk)
            if not row.report_hash:
                raise CommandError(row.job.message or f"The job is {row.job.status.lower()}.")
            if options["json"]:
                self.stdout.write(queries.report_bytes(row).decode())
            else:
                _show(row, queries.report_of(row))
        except Refusal as refusal:
            raise CommandError(sentence(refusal)) from None

    def _carry(self, simulation: Simulation, *, quiet: bool) -> None:
        """Run the job here, and show how far it is."""
        columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
        console = Console(quiet=quiet, stderr=True)
        with Progress(*columns, console=console, transient=True) as progress:
            task = progress.add_task("Simulating", total=100)
            move = progress.update  # draws a bar; writes nothing

            def shown(percent: int, message: str) -> None:
                move(task, completed=percent, description=message)

            services.run_job(
                job_id=simulation.job_id, now=clock.now(), later=clock.now, progress=shown
            )


def _asked(options: dict[str, Any]) -> dict[str, Any]:
    asked: dict[str, Any] = {
        "symbols": options["symbol"],
        **{name: options[name] for name in ("timeframe", "seed", "fill_at", "oos_share")},
        **{name: instant(options, name) for name in ("from_ms", "to_ms")},
        "knobs": dict(pair(text, "--knob") for text in options["knobs"]),
        **_candidate(options),
        **_baseline(options),
    }
    if options["cash"]:
        asked["starting_cash"] = _money(options["cash"])
    return asked


def _candidate(options: dict[str, Any]) -> dict[str, Any]:
    if options["number"] and options["params"]:
        raise CommandError("Either --number or --set, not both.")
    if options["number"]:
        return {"version": options["number"]}
    params = dict(pair(text, "--set") for text in options["params"])
    return {"params": params} if params else {}


def _baseline(options: dict[str, Any]) -> dict[str, Any]:
    given = options["baseline"]
    if given and options["no_baseline"]:
        raise CommandError("Either --baseline or --no-baseline, not both.")
    if len(given) == 1 and given[0].isdecimal():
        return {"baseline": int(given[0])}
    if given:
        return {"baseline": dict(pair(text, "--baseline") for text in given)}
    return {"baseline": None} if options["no_baseline"] else {}


def _money(text: str) -> Decimal:
    try:
        return Decimal(text)
    except InvalidOperation:
        raise CommandError(f"--cash: {text} is no amount.") from None


def _show(row: Simulation, report: dict[str, Any]) -> None:
    console = Console()
    colour = COLOURS[row.verdict]
    console.print(f"[bold {colour}]{row.verdict}[/] simulation {row.pk}, report {row.report_hash}")
    checks = Table("Check", "Result", "Found", "Asked", box=None, pad_edge=False)
    for reason in report["verdict"]["reasons"]:
        result = f"[{COLOURS[reason['colour']]}]{reason['colour'].lower()}[/]"
        checks.add_row(
            reason["title"], result, _number(reason["value"]), _number(reason["threshold"])
        )
    console.print(checks)
    metrics = Table("Metric", "Candidate", "Out of sample", "Baseline", box=None, pad_edge=False)
    sides = report["candidate"]["metrics"]
    outside = {metric["name"]: metric["value"] for metric in sides["out_of_sample"]}
    other = report["baseline"]["metrics"]["whole"] if report["baseline"] else []
    baseline = {metric["name"]: metric["value"] for metric in other}
    for metric in sides["whole"]:
        name = metric["name"]
        metrics.add_row(
            metric["title"],
            _number(metric["value"]),
            _number(outside.get(name)),
            _number(baseline.get(name)),
        )
    console.print(metrics)


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:,.4g}"
