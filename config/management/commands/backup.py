"""A whole copy of the database, taken while the console runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from config import clock
from config.backup import BackupRefused, take_backup


class Command(BaseCommand):
    help = "Copies the database into FOLDER while everything runs, checked, with a note beside it."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("folder", type=Path)
        parser.add_argument("--keep", type=int, default=0, help="only that many of the newest stay")

    def handle(self, **options: Any) -> None:
        if options["keep"] < 0:
            raise CommandError("--keep is 1 or more; without it all stay.")
        try:
            taken = take_backup(folder=options["folder"], now=clock.now(), keep=options["keep"])
        except (BackupRefused, OSError) as error:
            raise CommandError(str(error)) from None
        self.stdout.write(f"{taken} ({taken.stat().st_size:,} bytes)")
