"""Bring the stores up to date; for installations that start their processes one by one."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from config.preparation import login_hint, prepare


class Command(BaseCommand):
    help = "Migrates the database, collects static files and makes the first rows. Repeatable."

    def handle(self, **options: Any) -> None:
        prepare(self.stdout.write)
        self.stdout.write(login_hint())
