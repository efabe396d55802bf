"""`manage.py cross_validate STRATEGY --symbol BTC/USDT --from 2024-01-01 --to 2024-04-30`."""

from __future__ import annotations

import argparse
import io
from typing import Any

import orjson
from django.core.management.base import BaseCommand, CommandError
from rich.console import Console
from rich.table import Table

from config import clock
from config.query_params import parse_ms
from config.refusals import Refusal
from trading import services
from trading.evidence.cross_validation import CrossValidation


class Command(BaseCommand):
    help = "Simulate a strategy on several date ranges, each apart, and show how much they differ."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("strategy")
        parser.add_argument("--symbol", action="append", required=True, help="repeat for several")
        parser.add_argument("--timeframe", default="1h")
        parser.add_argument("--from", dest="from_ms", required=True, help="ISO 8601, UTC")
        parser.add_argument("--to", dest="to_ms", required=True)
        parser.add_argument("--ranges", type=int, default=5)
        parser.add_argument("--params", default="{}", help='as JSON, like {"fast": 10}')
        parser.add_argument("--json", action="store_true")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            found = services.cross_validate_strategy(
                strategy=options["strategy"],
                params=_params(options["params"]),
                symbols=options["symbol"],
                timeframe=options["timeframe"],
                from_ms=_time(options["from_ms"], "from"),
                to_ms=_time(options["to_ms"], "to"),
                ranges=options["ranges"],
            )
        except Refusal as refusal:
            raise CommandError(refusal.detail) from None
        if options["json"]:
            self.stdout.write(orjson.dumps(found.to_json()).decode())
        else:
            told = io.StringIO()
            _show(found, Console(file=told))
            self.stdout.write(told.getvalue())


def _params(text: str) -> dict[str, Any]:
    try:
        given = orjson.loads(text)
    except orjson.JSONDecodeError:
        given = None
    if not isinstance(given, dict):
        raise CommandError(f"--params takes a JSON object, not {text}.")
    return given


def _time(text: str, name: str) -> int:
    try:
        return int(parse_ms(text, name))
    except Exception:
        raise CommandError(f"--{name}: {text} is no time.") from None


def _show(found: CrossValidation, console: Console) -> None:
    table = Table("From", "To", "Return", "Sharpe a day", "Drawdown", "Trades", box=None)
    for each in found.ranges:
        table.add_row(
            f"{clock.from_ms(each.from_ms):%Y-%m-%d %H:%M}",
            f"{clock.from_ms(each.to_ms):%Y-%m-%d %H:%M}",
            f"{each.total_return:+.2%}",
            "-" if each.sharpe is None else f"{each.sharpe:.3f}",
            f"{each.max_drawdown:.2%}",
            str(each.trades),
        )
    console.print(table)
    spread = "-" if found.spread is None else f"{found.spread:.2%}"
    console.print(
        f"mean {found.mean_return:+.2%}, spread {spread}, worst {found.worst.total_return:+.2%},"
        f" earned in {found.profitable:.0%} of {len(found.ranges)} ranges"
    )
