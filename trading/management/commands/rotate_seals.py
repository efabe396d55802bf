"""A new key for the secrets in the database: exchange keys and second factors."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from config import clock
from trading import services


class Command(BaseCommand):
    help = (
        "Makes a new sealing key and seals every exchange key and second factor with it;"
        " the console may run."
    )

    def handle(self, **options: Any) -> None:
        now = clock.now()
        changed = services.rotate_seals(by=None, now=now)
        factors = services.reseal_second_factors(by=None, now=now)
        self.stdout.write(f"Sealed anew: the keys of {changed} accounts.")
        self.stdout.write(f"Sealed anew: {factors} secrets of second factors.")
