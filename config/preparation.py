"""What must be there before a process of the console starts: tables, static files, first rows."""

from __future__ import annotations

from collections.abc import Callable

from django.conf import settings
from django.contrib.auth.models import User
from django.core.management import call_command
from django.db import OperationalError, connection

from approvals.errors import ChannelInvalid
from approvals.services import sync_house_channels
from config import bus, clock
from config.seeding import first_login_file, seed
from trading.access import ADMIN


def prepare(say: Callable[[str], object]) -> None:
    """Bring the stores up to date, one line for each step. Repeating it changes nothing."""
    if settings.ENV.redis_url:
        _check_bus()
    say(f"Database: {_database_name()}")
    call_command("migrate", verbosity=0, interactive=False)
    call_command("createcachetable", verbosity=0)
    say("Static files")
    call_command("collectstatic", verbosity=0, interactive=False)
    say("First users, strategies and demo data")
    seed(now=clock.now(), say=say)
    _sync_channels()


def login_hint() -> str:
    """How to come in. The generated password is shown until somebody has used it."""
    first_login = first_login_file()
    if User.objects.filter(username=ADMIN, last_login__isnull=False).exists():
        first_login.unlink(missing_ok=True)
    if first_login.exists():
        return f"Log in as {ADMIN} with the password {first_login.read_text().strip()}"
    return f"Log in as {ADMIN}; for a new password: python manage.py changepassword {ADMIN}"


def _sync_channels() -> None:
    try:
        sync_house_channels(now=clock.now())
    except ChannelInvalid as error:
        raise SystemExit(error.detail) from None


def _check_bus() -> None:
    from redis.exceptions import RedisError  # 46 MB that the checks of other commands need not

    try:
        bus.client().ping()
    except RedisError as error:
        raise SystemExit(f"The bus of REDIS_URL does not answer: {error}") from None


def _database_name() -> str:
    """Which database it is; one sentence when it does not answer."""
    try:
        connection.ensure_connection()
    except OperationalError as error:
        raise SystemExit(f"The database does not answer: {str(error).strip()}") from None
    return (
        "PostgreSQL" if connection.vendor == "postgresql" else str(connection.settings_dict["NAME"])
    )
