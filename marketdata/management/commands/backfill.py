"""History of one symbol from its exchange into the store."""

from __future__ import annotations

import math
from argparse import ArgumentParser
from datetime import UTC, datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from config import clock
from config.refusals import Refusal
from marketdata import services
from marketdata.queries import resolve_symbol, timeframe_of
from marketdata.terminal import ProgressBar


class Command(BaseCommand):
    help = "Downloads candles page by page. Interrupted, it goes on where it was."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("symbol", help="such as BTC/USDT or binance:BTC/USDT")
        parser.add_argument("timeframe", help="such as 5m")
        parser.add_argument("start", type=_utc, help="such as 2024-01-01, UTC")
        parser.add_argument("end", type=_utc, nargs="?", help="exclusive; default: now")

    def handle(self, *, start: datetime, end: datetime | None, **options: Any) -> None:
        now = clock.now()
        try:
            symbol = resolve_symbol(options["symbol"])
            with ProgressBar(self.stdout, str(symbol)) as bar:
                result = services.backfill_candles(
                    symbol=symbol,
                    timeframe=timeframe_of(options["timeframe"]),
                    from_ms=clock.to_ms(start),
                    to_ms=clock.to_ms(end or now),
                    now=now,
                    progress=bar.show,
                    deadline=math.inf,
                )
        except Refusal as refusal:
            raise CommandError(f"{refusal.detail} What came before is stored.") from refusal
        said = f"{result.inserted} candles in {result.pages} pages, {result.rejected} refused."
        self.stdout.write(said)


def _utc(text: str) -> datetime:
    at = datetime.fromisoformat(text)
    return at if at.tzinfo else at.replace(tzinfo=UTC)
