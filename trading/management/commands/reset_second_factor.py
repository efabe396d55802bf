"""`manage.py reset_second_factor USER --reason "..."`: for somebody whose phone is lost."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from config import clock
from config.refusals import Refusal
from trading import services


class Command(BaseCommand):
    help = (
        "Takes a person's second factor away and ends all their sessions: until they set up"
        " another, their password alone signs them in. API tokens stay."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("username")
        parser.add_argument("--reason", default="by command", help="for the audit log")

    def handle(self, **options: Any) -> None:
        given = {name: options[name] for name in ("username", "reason")}
        try:
            user = services.reset_second_factor(by=None, now=clock.now(), **given)
        except Refusal as refusal:
            raise CommandError(refusal.detail) from None
        self.stdout.write(f"{user} has no second factor any more, and is signed out everywhere.")
