"""manage.py reseal_channels: seal the addresses of channels with the newest key."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from approvals import services
from config import clock


class Command(BaseCommand):
    help = "Seal the addresses of notification channels again, with the newest key."

    def handle(self, *args: Any, **options: Any) -> None:
        changed = services.reseal_channels(by=None, now=clock.now())
        self.stdout.write(f"{changed} sealed anew.")
