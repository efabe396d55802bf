"""`manage.py walk_forward STRATEGY --symbol BTC/USDT --from 2022-01-01 --to 2023-12-31`."""

from __future__ import annotations

import argparse
from typing import Any

import orjson
from django.core.management.base import BaseCommand, CommandError
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from config import clock
from config.refusals import Refusal
from trading import services
from trading.evidence.walk_forward import WalkForward
from trading.research import instant


class Command(BaseCommand):
    help = "Search on the past, judge on what comes next, fold by fold; every try is counted."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("strategy")
        parser.add_argument("--symbol", action="append", required=True)
        parser.add_argument("--timeframe", default="1h")
        parser.add_argument("--from", dest="from_ms", required=True, help="ISO 8601, UTC")
        parser.add_argument("--to", dest="to_ms", required=True)
        parser.add_argument("--folds", type=int, default=5)
        parser.add_argument("--rolling", action="store_true", help="train on one part only")
        parser.add_argument("--trials", type=int, default=50, help="a fold; 0 keeps the version's")
        parser.add_argument("--objective", default="sharpe")
        parser.add_argument("--seed", type=int, default=0)
        parser.add_argument("--json", action="store_true")

    def handle(self, *args: Any, **options: Any) -> None:
        asked = {
            "symbols": options["symbol"],
            **{name: options[name] for name in ("timeframe", "seed")},
            **{name: instant(options, name) for name in ("from_ms", "to_ms")},
        }
        how = {name: options[name] for name in ("folds", "rolling", "trials", "objective")}
        columns = (TextColumn("walking"), BarColumn(), TimeElapsedColumn())
        try:
            with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
                task = progress.add_task("", total=1.0)
                move = progress.update  # draws a bar; writes nothing
                walk = services.walk_strategy(
                    strategy=options["strategy"],
                    asked=asked,
                    **how,
                    now=clock.now(),
                    progress=lambda share: move(task, completed=share),
                )
        except Refusal as refusal:
            fields = "; ".join(f"{name}: {words}" for name, words in refusal.fields.items())
            raise CommandError(f"{refusal.detail} {fields}".strip()) from None
        if options["json"]:
            self.stdout.write(orjson.dumps(_told(walk)).decode())
        else:
            _show(walk)


def _told(walk: WalkForward) -> dict[str, Any]:
    return {
        "folds": [
            {
                "from_ms": step.fold.from_ms,
                "to_ms": step.fold.to_ms,
                "params": step.params,
                "in_sample": step.inside,
                "out_of_sample": step.outside,
                "trades": step.trades,
            }
            for step in walk.steps
        ],
        "efficiency": walk.efficiency,
        "total_return": float(walk.equity[-1] - 1) if len(walk.equity) else 0.0,
    }


def _show(walk: WalkForward) -> None:
    told = _told(walk)
    table = Table("Judged from, UTC", "In sample", "Out of sample", "Trades", "Chosen", box=None)
    for fold in told["folds"]:
        chosen = ", ".join(f"{name} {value}" for name, value in fold["params"].items() if value)
        table.add_row(
            f"{clock.from_ms(fold['from_ms']):%Y-%m-%d}",
            f"{fold['in_sample']:+.2%}",
            f"{fold['out_of_sample']:+.2%}",
            str(fold["trades"]),
            chosen,
        )
    console = Console()
    console.print(table)
    efficiency = "-" if walk.efficiency is None else f"{walk.efficiency:.2f}"
    console.print(f"Stitched: {told['total_return']:+.2%}, efficiency {efficiency}")
