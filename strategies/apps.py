from typing import Any

from django.apps import AppConfig
from django.db import connections
from django.db.models.signals import post_migrate


def _lay_triggers(*, using: str, **_: Any) -> None:
    from strategies import version_triggers  # models must be ready

    connection = connections[using]
    if version_triggers.TABLE in connection.introspection.table_names():
        version_triggers.lay(connection)


class StrategiesConfig(AppConfig):
    name = "strategies"

    def ready(self) -> None:
        post_migrate.connect(_lay_triggers, sender=self)
