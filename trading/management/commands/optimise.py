"""`manage.py optimise STRATEGY --symbol BTC/USDT --from 2023-01-01 --to 2023-12-31`."""

from __future__ import annotations

import argparse
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from config import clock
from config.refusals import Refusal
from trading import queries, services
from trading.models import Search
from trading.research import instant


class Command(BaseCommand):
    help = "Search a strategy's parameters in-sample, here and without a worker; --resume goes on."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("strategy", nargs="?")
        parser.add_argument("--resume", type=int, help="the number of a search that was left")
        parser.add_argument("--symbol", action="append", default=[])
        parser.add_argument("--timeframe", default="1h")
        parser.add_argument("--from", dest="from_ms", help="ISO 8601, UTC")
        parser.add_argument("--to", dest="to_ms")
        parser.add_argument("--method", choices=Search.Method.values, default="tpe")
        parser.add_argument(
            "--space", action="append", default=[], help="name=low:high:step; repeat"
        )
        parser.add_argument("--objective", default="composite")
        parser.add_argument("--trials", type=int, default=200)
        parser.add_argument("--oos-share", type=float, default=0.3)
        parser.add_argument("--seed", type=int, default=0)

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            search = _search(options)
            self._carry(search)
        except Refusal as refusal:
            fields = "; ".join(f"{name}: {words}" for name, words in refusal.fields.items())
            raise CommandError(f"{refusal.detail} {fields}".strip()) from None
        _show(queries.search(search.pk))

    def _carry(self, search: Search) -> None:
        """Take chunks until none is left; workers elsewhere may help."""
        columns = (TextColumn("tried"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
            task = progress.add_task("", total=search.wanted)
            move = progress.update  # draws a bar; writes nothing
            while services.run_search(search_id=search.pk, now=clock.now(), budget_s=0.2):
                move(task, completed=queries.search(search.pk).tried)
        job = queries.search(search.pk).job
        if job.status == "FAILED":
            raise CommandError(job.message)


def _search(options: dict[str, Any]) -> Search:
    if options["resume"]:
        return queries.search(options["resume"])
    if not (options["strategy"] and options["symbol"] and options["from_ms"] and options["to_ms"]):
        raise CommandError("Name a strategy, --symbol, --from and --to, or --resume a search.")
    names = ("timeframe", "method", "objective", "trials", "oos_share", "seed")
    asked = {name: options[name] for name in names}
    asked["symbols"] = options["symbol"]
    asked["space"] = dict(_axis(text) for text in options["space"])
    for name in ("from_ms", "to_ms"):
        asked[name] = instant(options, name)
    return services.search_strategy(
        strategy=options["strategy"], asked=asked, by=None, now=clock.now()
    )


def _axis(text: str) -> tuple[str, dict[str, float]]:
    name, _, span = text.partition("=")
    try:
        low, high, *step = (float(part) for part in span.split(":"))
    except ValueError:
        raise CommandError(f"--space takes name=low:high:step, not {text}.") from None
    return name, {"low": low, "high": high, **({"step": step[0]} if step else {})}


def _show(search: Search) -> None:
    console = Console()
    console.print(f"search {search.pk}: {search.tried} tried, in-sample, by {search.objective}")
    names = list(search.space)
    table = Table("Score", *names, "Return", "Sharpe", "Drawdown", "Trades", box=None)
    for found in search.best[:15]:
        shown = [found["metrics"][name] for name in ("total_return", "sharpe", "max_drawdown")]
        table.add_row(
            f"{found['score']:.4g}",
            *(f"{found['params'][name]:g}" for name in names),
            *("-" if value is None else f"{value:.3g}" for value in shown),
            f"{found['metrics']['trades'] or 0:.0f}",
        )
    console.print(table)
    console.print("In-sample only: simulate the best before you believe it.")
