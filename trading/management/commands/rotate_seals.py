"""A new key for the exchange keys in the database."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from config import clock
from trading import services


class Command(BaseCommand):
    help = "Makes a new sealing key and seals every exchange key with it; the console may run."

    def handle(self, **options: Any) -> None:
        changed = services.rotate_seals(by=None, now=clock.now())
        self.stdout.write(f"Sealed anew: the keys of {changed} accounts.")
