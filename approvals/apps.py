from typing import Any

from django.apps import AppConfig
from django.db import connections
from django.db.models.signals import post_migrate


def _lay_triggers(*, using: str, **_: Any) -> None:
    from approvals import approval_triggers, call_triggers  # models must be ready

    connection = connections[using]
    tables = connection.introspection.table_names()
    if call_triggers.TABLE in tables:
        call_triggers.lay(connection)
    if approval_triggers.DECISIONS in tables:
        approval_triggers.lay(connection)


class ApprovalsConfig(AppConfig):
    name = "approvals"

    def ready(self) -> None:
        post_migrate.connect(_lay_triggers, sender=self)
