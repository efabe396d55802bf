"""Settings that must not go together, as system checks: `manage.py check` and every start.

And what the database itself must hold, where it is asked: `manage.py check --database default`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from django.apps import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register
from django.db import connections

from config import triggers
from config.env import Env
from config.state import bus_socket

# sockaddr_un holds 104 bytes on macOS and 108 on Linux, with a closing zero.
LONGEST_SOCKET_PATH = 103


@register()
def production_is_guarded(
    app_configs: Sequence[AppConfig] | None = None, **_: Any
) -> list[CheckMessage]:
    """What is convenient on a laptop and wrong in production."""
    if settings.ENV.app_env != "prod":
        return []
    return list(_unguarded(settings.ENV))


def _unguarded(env: Env) -> Iterator[CheckMessage]:
    if not env.secret_key:
        yield Error("SECRET_KEY is not set.", hint="Give one in production.", id="config.E002")
    if not env.audit_key:
        yield Error(
            "AUDIT_KEY is not set.",
            hint="The key of the audit chain must live outside of the state directory.",
            id="config.E003",
        )
    if env.debug:
        yield Error("DEBUG is on.", hint="It shows settings to visitors.", id="config.E004")
    if not env.https:
        yield Warning(
            "HTTPS is off.", hint="Cookies then travel unencrypted; set HTTPS=1.", id="config.W001"
        )
    if env.trading_live_mode and env.auth_second_factor == "optional":
        yield Warning(
            "Real money is decided on with a password alone.",
            hint="Set AUTH_SECOND_FACTOR=live once people have set up a second factor.",
            id="config.W004",
        )
    yield from _embedded(env)


def _embedded(env: Env) -> Iterator[CheckMessage]:
    if not env.database_url:
        yield Warning(
            "The database is the embedded SQLite.",
            hint="It serves one machine; give a DATABASE_URL for more.",
            id="config.W002",
        )
    if not env.redis_url:
        yield Warning(
            "The bus is the embedded one.",
            hint="It serves one machine; give a REDIS_URL for more.",
            id="config.W003",
        )


@register()
def bus_path_is_short_enough(
    app_configs: Sequence[AppConfig] | None = None, **_: Any
) -> list[CheckMessage]:
    """A longer path is cut off silently by some systems and refused by others."""
    path = str(bus_socket(settings.STATE_DIR))
    if settings.ENV.redis_url or len(path.encode()) <= LONGEST_SOCKET_PATH:
        return []
    return [
        Error(
            f"The path of the bus socket is too long: {path}",
            hint="Set TMPDIR to a shorter directory.",
            id="config.E005",
        )
    ]


@register(Tags.database)
def triggers_are_as_stated(databases: Sequence[str] | None = None, **_: Any) -> list[CheckMessage]:
    """Every refusal of the database itself stands as the code states it, whatever was restored."""
    return [
        Error(
            f"The database does not hold that {kept.promise}: {', '.join(sorted(missing))}"
            f" on {kept.table} gone, switched off or rewritten.",
            hint="Run `manage.py migrate`; it lays the triggers again.",
            id="config.E006",
        )
        for alias in databases or []
        for kept in triggers.laid_on(connections[alias])
        if (missing := kept.missing(connections[alias]))
    ]
