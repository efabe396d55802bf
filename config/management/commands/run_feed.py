"""The feed process: exchanges in, candles and quotes out, and the watch over beat."""

from __future__ import annotations

import asyncio
import signal
from typing import Any

from django.core.management.base import BaseCommand

from config.feeding import run_feed


class Command(BaseCommand):
    help = "Follows the exchanges of the setting EXCHANGES. A second one stands by."

    def handle(self, **options: Any) -> None:
        asyncio.run(_until_told())


async def _until_told() -> None:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await run_feed(stop)
