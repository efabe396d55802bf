"""Check the audit log from the first event to the last."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from config import clock
from trading import services


class Command(BaseCommand):
    help = "Finds edits, removals, reorderings and a cut tail. Exits with 1 if there are any."

    def handle(self, **options: Any) -> None:
        verdict = services.verify_audit(now=clock.now())
        for problem in verdict.problems:
            self.stderr.write(problem)
        if not verdict.ok:
            raise CommandError(f"The audit log is not whole: {len(verdict.problems)} problems.")
        self.stdout.write(f"The audit log is whole: {verdict.events} events, head {verdict.head}")
