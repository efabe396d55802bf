"""First rows: roles, first users, strategies, the simulated exchange's demo."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from config import clock
from config.seeding import seed


class Command(BaseCommand):
    help = "Makes what a first start needs. Repeating it changes nothing."

    def handle(self, **options: Any) -> None:
        seed(now=clock.now(), say=self.stdout.write)
