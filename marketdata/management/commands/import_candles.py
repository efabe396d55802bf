"""Candles from files into the store."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from config import clock
from config.refusals import Refusal
from marketdata import services
from marketdata.queries import timeframe_of
from marketdata.terminal import ProgressBar, import_report


class Command(BaseCommand):
    help = "Stores candles of CSV, csv.gz, Parquet or Feather files. Repeating it changes nothing."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("files", nargs="+", type=Path, metavar="FILE")
        parser.add_argument("--exchange", default="recorded", help="default: recorded")
        parser.add_argument("--symbol", help="such as BTC/USDT; default: from the file's name")
        parser.add_argument("--timeframe", help="such as 5m; default: from the file's name")

    def handle(self, *, files: list[Path], **options: Any) -> None:
        try:
            for path in files:
                self._import(path, **options)
        except Refusal as refusal:
            raise CommandError(refusal.detail) from refusal

    def _import(
        self, path: Path, *, exchange: str, symbol: str | None, timeframe: str | None, **_: Any
    ) -> None:
        with ProgressBar(self.stdout, path.name) as bar:
            summary = services.import_candles(
                path=path,
                exchange=exchange,
                symbol=symbol,
                timeframe=timeframe_of(timeframe) if timeframe else None,
                now=clock.now(),
                progress=bar.show,
            )
        self.stdout.write(import_report(summary))
