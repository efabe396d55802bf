from typing import Any

from django.apps import AppConfig
from django.db import connections
from django.db.models.signals import post_migrate


def _lay_triggers(*, using: str, **_: Any) -> None:
    from approvals import call_triggers  # models must be ready

    connection = connections[using]
    if call_triggers.TABLE in connection.introspection.table_names():
        call_triggers.lay(connection)


class ApprovalsConfig(AppConfig):
    name = "approvals"

    def ready(self) -> None:
        post_migrate.connect(_lay_triggers, sender=self)
