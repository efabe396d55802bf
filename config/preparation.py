"""What must be there before a process of the console starts: tables, static files, first rows."""

from __future__ import annotations

from collections.abc import Callable

from django.core.management import call_command
from django.db import OperationalError, connection

from config import clock
from config.seeding import seed


def prepare(say: Callable[[str], object]) -> None:
    """Bring the stores up to date, one line for each step. Repeating it changes nothing."""
    say(f"Database: {_database_name()}")
    call_command("migrate", verbosity=0, interactive=False)
    call_command("createcachetable", verbosity=0)
    say("Static files")
    call_command("collectstatic", verbosity=0, interactive=False)
    say("First users, strategies and demo data")
    seed(now=clock.now(), say=say)


def _database_name() -> str:
    """Which database it is; one sentence when it does not answer."""
    try:
        connection.ensure_connection()
    except OperationalError as error:
        raise SystemExit(f"The database does not answer: {str(error).strip()}") from None
    return (
        "PostgreSQL" if connection.vendor == "postgresql" else str(connection.settings_dict["NAME"])
    )
