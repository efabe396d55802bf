"""`manage.py reproduce RUN`: make a simulation again and compare the reports byte by byte."""

from __future__ import annotations

import argparse
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from config.refusals import Refusal
from trading import services


class Command(BaseCommand):
    help = "Make a simulation again from its row; the report must be the same to the byte."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("simulation", type=int)
        parser.add_argument("--output", help="write the new report to this file")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            made = services.reproduce_simulation(simulation_id=options["simulation"])
        except Refusal as refusal:
            raise CommandError(refusal.detail) from None
        if options["output"]:
            with open(options["output"], "wb") as file:
                file.write(made.content)
        if made.same:
            self.stdout.write(self.style.SUCCESS(f"Identical: {made.digest}"))
            return
        changed = ", ".join(made.changed) or "nothing that is hashed: please report this"
        raise CommandError(f"Not the same report: {made.digest}. What changed: {changed}.")
