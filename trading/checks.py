"""System checks: the audit log must be protected before anything trades."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.core.checks import CheckMessage, Error, Tags, register
from django.db import connections

from trading import audit_triggers


@register(Tags.database)
def audit_triggers_present(databases: Sequence[str] | None = None, **_: Any) -> list[CheckMessage]:
    """Runs with `check --database default` and at every start."""
    found: list[CheckMessage] = []
    for alias in databases or []:
        connection = connections[alias]
        if audit_triggers.TABLE not in connection.introspection.table_names():
            continue
        absent = audit_triggers.missing(connection)
        if absent:
            found.append(
                Error(
                    f"The audit log is not append-only: {', '.join(sorted(absent))} missing.",
                    hint="Run `manage.py migrate`; it lays the triggers again.",
                    id="trading.E001",
                )
            )
    return found
