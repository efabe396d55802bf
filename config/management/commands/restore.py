"""Back to a copy that `backup` made."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from config import clock
from config.backup import BackupRefused
from config.restoring import restore_backup


class Command(BaseCommand):
    help = "Makes a copy the database again, stopped. Nothing may run meanwhile."
    requires_system_checks: list[str] = []  # what is there now may be damaged

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("copy", type=Path)

    def handle(self, **options: Any) -> None:
        try:
            restore_backup(copy=options["copy"], now=clock.now(), say=self.stdout.write)
        except (BackupRefused, OSError) as error:
            raise CommandError(str(error)) from None
