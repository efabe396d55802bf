"""The exchanges' catalogues into the store."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from config import clock
from config.refusals import Refusal
from marketdata import services
from marketdata.exchanges import exchange_for


class Command(BaseCommand):
    help = "Takes over symbols with precision, minimums and status."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("exchanges", nargs="*", help="default: the setting EXCHANGES")

    def handle(self, *, exchanges: list[str], **options: Any) -> None:
        for name in exchanges or settings.ENV.exchanges:
            try:
                done = services.sync_symbols(exchange=exchange_for(name), now=clock.now())
            except Refusal as refusal:
                raise CommandError(refusal.detail) from refusal
            self.stdout.write(
                f"{name}: {done.created} new, {done.changed} changed, {done.unchanged} as before, "
                f"{done.halted} halted, {done.rejected} refused"
            )
