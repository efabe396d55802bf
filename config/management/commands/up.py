"""Start the whole console with one command."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from config.startup import start


class Command(BaseCommand):
    help = "Starts everything under one supervisor. Ctrl-C stops it."

    def handle(self, **options: Any) -> None:
        start(self.say)

    def say(self, line: str) -> None:
        self.stdout.write(line)
        self.stdout.flush()  # a log file or a pipe would get it late
